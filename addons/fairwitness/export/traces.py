"""What tells of a body beside its bytes: by its hash and size a short secret hidden in it can be guessed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from hashlib import sha256

from fairwitness.export.parts import Side, is_carrier, is_cut
from fairwitness.model.exchange import Headers
from fairwitness.model.message import Message
from fairwitness.model.record import ExchangeRecord

LEFT_OUT = b"<not shown>"

_SIZES = {
    *(b"content-length", b"content-range", b"x-goog-stored-content-length", b"x-original-content-length"),
    *(b"x-uncompressed-content-length", b"x-amz-decoded-content-length", b"upload-length"),
}
_HASHES = {
    *(b"etag", b"content-md5", b"digest", b"content-digest", b"repr-digest", b"x-amz-content-sha256"),
    *(b"x-goog-hash", b"x-ms-blob-content-md5", b"x-ms-content-crc64", b"x-content-sha256"),
}
_CHECKSUM = b"x-amz-checksum-"
_ECHOES = {b"if-none-match", b"if-match", b"if-range"}  # of an ETag, which often is a hash
_NO_BODY = (204, 304)  # whose ETag is that of a body which is not here
_SIZE_LINES = {"body-announced": Side.REQUEST, "status": Side.RESPONSE}


def without_traces(
    recorded: ExchangeRecord, shown: ExchangeRecord
) -> tuple[ExchangeRecord, tuple[Side, ...]]:
    """The record as *shown*, without what tells of hidden bytes; and which bodies hide some.

    A hash stays only of a body that is shown as it was recorded, and whole: what nobody looked through may
    hold a secret as well.  A size stays unless something in the body is hidden.
    """
    hiding = []
    if recorded.request_body != shown.request_body:
        hiding.append(Side.REQUEST)
        shown = replace(
            shown,
            row=replace(shown.row, request_bytes=None),
            request_body_bytes=None,
            request_headers=_without(shown.request_headers, _is_size),
        )
    if recorded.response_body != shown.response_body:
        hiding.append(Side.RESPONSE)
        shown = replace(
            shown,
            row=replace(shown.row, response_bytes=None),
            response_body_bytes=None,
            response_headers=_without(shown.response_headers, _is_size),
        )
    if is_carrier(recorded) and recorded.messages != shown.messages:
        shown = replace(shown, row=replace(shown.row, request_bytes=None, response_bytes=None))
    return _without_hashes(recorded, shown, hiding), tuple(hiding)


def _without(headers: Headers, tells: Callable[[bytes], bool]) -> Headers:
    return tuple((name, LEFT_OUT if tells(name.lower()) else value) for name, value in headers)


def _is_size(name: bytes) -> bool:
    return name in _SIZES


def _is_hash(name: bytes) -> bool:
    return name in _HASHES or name.startswith(_CHECKSUM)


def _is_echo(name: bytes) -> bool:
    return name in _ECHOES


def _without_hashes(
    recorded: ExchangeRecord, shown: ExchangeRecord, hiding: Collection[Side]
) -> ExchangeRecord:
    keeps_request = recorded.request_body is not None and Side.REQUEST not in hiding
    keeps_response = (
        recorded.response_body is not None and not is_cut(recorded) and Side.RESPONSE not in hiding
    )
    request = recorded.request_body_sha256 if keeps_request else None
    response = recorded.response_body_sha256 if keeps_response else None
    is_here = keeps_response and recorded.row.method != "HEAD" and recorded.row.status not in _NO_BODY
    request_headers = _without(shown.request_headers, _is_echo)
    messages = (one for one, other in zip(recorded.messages, shown.messages, strict=True) if one == other)
    kept = {request, response, *map(_hash, messages)}
    return replace(
        shown,
        request_headers=request_headers if keeps_request else _without(request_headers, _is_hash),
        response_headers=shown.response_headers if is_here else _without(shown.response_headers, _is_hash),
        request_trailers=shown.request_trailers
        if keeps_request
        else _without(shown.request_trailers, _is_hash),
        response_trailers=shown.response_trailers if is_here else _without(shown.response_trailers, _is_hash),
        request_body_sha256=request,
        response_body_sha256=response,
        meta=tuple(
            (key, _line(key, value, kept, hiding, keeps_coded=keeps_response)) for key, value in shown.meta
        ),
    )


def _hash(message: Message) -> str:
    return sha256(message.content).hexdigest()


def _line(
    key: str, value: str, kept: Collection[str | None], hiding: Collection[Side], *, keeps_coded: bool
) -> str:
    """The value of a line of meta."""
    if key == "coded-sha256":
        return value if keeps_coded else LEFT_OUT.decode()
    if key in ("body", "body-stored-sha256"):
        return value if value.rpartition(" ")[2] in kept else LEFT_OUT.decode()
    if _SIZE_LINES.get(key) in hiding:
        return value.partition(" ")[0] if key == "status" else LEFT_OUT.decode()
    return value
