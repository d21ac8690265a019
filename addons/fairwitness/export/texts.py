"""Which texts of a record may hold a secret: one walk, so that what is shown was looked at before."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from fairwitness.model.exchange import Headers, first_header
from fairwitness.model.record import ExchangeRecord, ExchangeRow

_LONGEST_BODY_BYTES = 1 << 18  # 256 KiB
_MOST_MESSAGES = 64
_BULK = re.compile(r"(?:image|font|video|audio)/|text/css|application/(?:font|wasm)", re.IGNORECASE)

Read = Callable[[bytes, bytes], bytes]
"""Takes a text and the name of its header (else empty), and says what is to stand there."""


def walk(record: ExchangeRecord, read: Read) -> ExchangeRecord:
    """The record with every text as *read* says.

    Method, host, ids, times, sizes, hashes, verdict and flags are not asked about: they are what makes an
    exchange findable in somebody else's log.
    """
    return replace(
        record,
        row=_row(record.row, read),
        request_line=read(record.request_line, b""),
        request_headers=_headers(record.request_headers, read),
        request_body=_optional(record.request_body, read),
        response_line=_optional(record.response_line, read),
        response_headers=_headers(record.response_headers, read),
        response_body=_optional(record.response_body, read),
        messages=tuple(replace(each, content=read(each.content, b"")) for each in record.messages),
        request_trailers=_headers(record.request_trailers, read),
        response_trailers=_headers(record.response_trailers, read),
        meta=tuple((key, _text(value, read)) for key, value in record.meta),
    )


def without_bulk(record: ExchangeRecord) -> ExchangeRecord:
    """The record without pictures and the like, and without what is long: no server issues a token there."""
    kind = first_header(record.response_headers, "content-type") or ""
    is_plain = len(record.response_body or b"") <= _LONGEST_BODY_BYTES and not _BULK.match(kind)
    return replace(
        record,
        request_body=(record.request_body or b"")[:_LONGEST_BODY_BYTES],
        response_body=record.response_body if is_plain else None,
        messages=tuple(each for each in record.messages[:_MOST_MESSAGES] if len(each.content) < 4096),
    )


def _row(row: ExchangeRow, read: Read) -> ExchangeRow:
    return replace(
        row,
        url=_text(row.url, read),
        page=_text(row.page, read) if row.page is not None else None,
        reason=_text(row.reason, read),
        outcome=_text(row.outcome, read),
        label=_text(row.label, read) if row.label is not None else None,
        account=_text(row.account, read) if row.account is not None else None,
    )


def _headers(headers: Headers, read: Read) -> Headers:
    return tuple((read(name, b""), read(value, name)) for name, value in headers)


def _optional(content: bytes | None, read: Read) -> bytes | None:
    return read(content, b"") if content is not None else None


def _text(text: str, read: Read) -> str:
    """As the bytes that it was read from: those of the wire are Latin-1 here."""
    try:
        content, codec = text.encode("latin-1"), "latin-1"
    except UnicodeEncodeError:
        content, codec = text.encode("utf-8", "surrogatepass"), "utf-8"
    shown = read(content, b"")
    return text if shown == content else shown.decode(codec, "replace")
