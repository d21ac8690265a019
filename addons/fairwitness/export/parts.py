"""What the formats ask of a record: its start lines, its bodies as text, and what is missing of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from fairwitness.model.exchange import Headers
from fairwitness.model.record import ExchangeRecord

_WHOLE = re.compile(r"[0-9]{1,18}")
_CARRIERS = ("CONNECT", "TCP")


class Side(StrEnum):
    """Which half of an exchange."""

    REQUEST = "request"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class RequestLine:
    """The first line of a request."""

    method: str
    target: bytes
    """As on the wire: path and query, or ``host:port`` of a CONNECT."""
    version: str


@dataclass(frozen=True, slots=True)
class StatusLine:
    """The first line of a response."""

    version: str
    status: int
    reason: str


def request_line(record: ExchangeRecord) -> RequestLine:
    """The request's first line; a target may hold spaces."""
    method, _, rest = record.request_line.partition(b" ")
    target, _, version = rest.rpartition(b" ")
    return RequestLine(text(method) or sound(record.row.method), target, text(version) or "HTTP/1.1")


def status_line(record: ExchangeRecord) -> StatusLine | None:
    """The response's first line; None where there was no response."""
    if record.response_line is None:
        return None
    version, _, rest = record.response_line.partition(b" ")
    status, _, reason = rest.partition(b" ")
    number = int(status) if re.fullmatch(rb"[0-9]{3}", status) else record.row.status or 0
    return StatusLine(text(version) or "HTTP/1.1", number, text(reason))


def origin_of(record: ExchangeRecord) -> str:
    """``https://shop.example.com``: the URL without its path."""
    scheme, separator, rest = sound(record.row.url).partition("://")
    return scheme + separator + re.split(r"[/?#]", rest, maxsplit=1)[0]


def text(raw: bytes) -> str:
    """Bytes of the wire as text: UTF-8 where they are that, else Latin-1."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def sound(value: str) -> str:
    """A text that every encoder takes: a lone surrogate is written as ``\\udc80``."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")


def body_text(body: bytes) -> str | None:
    """A body as text that gives the same bytes again; None where it is binary."""
    if b"\0" in body:
        return None
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return None


def header(headers: Headers, name: str) -> str | None:
    """The first value of a header, None where it is absent; *name* in lower case."""
    for key, value in headers:
        if key.lower() == name.encode():
            return text(value)
    return None


def meta(record: ExchangeRecord, key: str) -> str | None:
    """The first value of a meta line, None where it is absent."""
    return next((value for name, value in record.meta if name == key), None)


def meta_number(record: ExchangeRecord, key: str) -> int | None:
    """The first value of a meta line as a whole number, None where it is absent or none."""
    value = meta(record, key)
    return int(value) if value is not None and _WHOLE.fullmatch(value) else None


def missing(record: ExchangeRecord, side: Side) -> str | None:
    """What is not there of a body, one clause; None where all of it is, or there was none."""
    if side is Side.REQUEST:
        body, size, digest = record.request_body, record.request_body_bytes, record.request_body_sha256
    else:
        body, size, digest = record.response_body, record.response_body_bytes, record.response_body_sha256
    whole = "size not known" if size is None else f"{size} bytes"
    whole += f", SHA-256 {digest}" if digest else ""
    if body is None:
        if record.row.outcome == "blocked" and side is Side.REQUEST:
            announced = meta_number(record, "body-announced")
            return f"the body is not stored: {announced} bytes, blocked" if announced else None
        if side is Side.RESPONSE and record.response_line is None:
            return None
        return f"the body is not stored: {whole}" if size or _is_stored_in_part(record) else None
    if side is Side.RESPONSE and is_cut(record):
        return "only the beginning of the body is stored" + (f": {whole}" if size is not None else "")
    return None


def is_cut(record: ExchangeRecord) -> bool:
    """Whether only the beginning of the response's body is stored."""
    return meta(record, "body-cut") is not None


def _is_stored_in_part(record: ExchangeRecord) -> bool:
    return any(name in ("body-stored", "body-follows") for name, _ in record.meta)


def is_blocked(record: ExchangeRecord) -> bool:
    """Whether it was answered by fairwitness and never left the machine."""
    return record.row.outcome == "blocked"


def is_carrier(record: ExchangeRecord) -> bool:
    """Whether it stands for a tunnel or a raw stream, which has no HTTP in it."""
    return record.row.method in _CARRIERS


def is_websocket(record: ExchangeRecord) -> bool:
    """Whether it went on as a WebSocket."""
    return bool(record.messages) or record.row.url.startswith(("ws://", "wss://"))
