"""What people's formats tell of an exchange beside its bytes, and its bodies as people can read them."""

from __future__ import annotations

from fairwitness.export.parts import Side, meta, missing, sound
from fairwitness.model.clock import iso_us
from fairwitness.model.disclosure import Shown
from fairwitness.model.exchange import Headers
from fairwitness.model.message import Message
from fairwitness.model.printable import printable, printable_bytes
from fairwitness.model.record import ExchangeRecord

SHOWN_BYTES = 1 << 16  # 64 KiB of a body: more than a person reads


def facts_of(shown: Shown) -> list[tuple[str, str]]:
    """Names and values, those that are known."""
    row = shown.record.row
    found = [
        ("exchange", row.exchange),
        ("time", iso_us(row.time_us)),
        ("url", row.url),
        ("decision", f"{row.decision}: {row.reason}"),
        ("clause", row.clause),
        ("initiator", row.initiator),
        ("page", row.page),
        ("label", row.label),
        ("account", row.account),
        ("flags", " ".join(row.flags) or None),
        ("outcome", row.outcome),
        ("duration", None if row.duration_us is None else f"{row.duration_us / 1000:.3f} ms"),
        ("request size", _size(row.request_bytes)),
        ("response size", _size(row.response_bytes)),
        *((f"{side} size, SHA-256", "not shown: something in it is hidden") for side in shown.sizes_hidden),
        ("session", str(row.session)),
        ("request SHA-256", shown.record.request_body_sha256),
        ("response SHA-256", shown.record.response_body_sha256),
        ("note", meta(shown.record, "note")),
        ("hidden", " ".join(each.name for each in shown.hidden) or None),
    ]
    return [(name, printable(sound(value))) for name, value in found if value]


def head_text(line: bytes, headers: Headers) -> str:
    """A head as a person reads it, a line each."""
    lines = [line, *(name + b": " + value for name, value in headers)]
    return "\n".join(printable_bytes(each) for each in lines)


def body_lines(record: ExchangeRecord, side: Side) -> tuple[str, str | None]:
    """A body as a person reads it, and what is missing of it; bytes that are no text are escapes."""
    is_request = side is Side.REQUEST
    body = record.request_body if is_request else record.response_body
    trailers = record.request_trailers if is_request else record.response_trailers
    note = missing(record, side)
    after = head_text(b"\n(trailers)", trailers) if trailers else ""
    if not body:
        return after, note
    if len(body) > SHOWN_BYTES:
        cut = f"the first {SHOWN_BYTES} of {len(body)} bytes are shown"
        note = cut if note is None else f"{note}; {cut}"
    shown = body[:SHOWN_BYTES].replace(b"\r\n", b"\n")
    return printable_bytes(shown, keep="\n\t") + after, note


def message_title(message: Message) -> str:
    """Which message it is."""
    return printable(f"{message.direction.value} {message.kind} {message.number}, {iso_us(message.time_us)}")


def message_text(message: Message) -> str:
    """What it says, as a person reads it."""
    return printable_bytes(message.content[:SHOWN_BYTES], keep="\n\t")


def _size(count: int | None) -> str | None:
    return None if count is None else f"{count} bytes"
