"""Records for tests of the formats: plain values, no test framework."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace

from fairwitness.export.exporter import Exporter
from fairwitness.export.redact import Redaction
from fairwitness.model.disclosure import Placeholder, Shown
from fairwitness.model.exchange import Headers
from fairwitness.model.message import Direction, Message
from fairwitness.model.record import ExchangeRecord, ExchangeRow

NOON_US = 1_795_435_200_000_000  # 2026-11-23T12:00:00Z


def make_row(number: int = 1, **changed: object) -> ExchangeRow:
    """A row of a request that was answered."""
    row = ExchangeRow(
        id=number,
        exchange=f"{number:032x}",
        time_us=NOON_US + number * 1_000_000,
        method="GET",
        url="https://shop.example.com/cart?id=7",
        status=200,
        decision="allow",
        clause="scope.include[0]",
        reason="shop.example.com is in scope",
        initiator="tool",
        page=None,
        label="curl",
        account=None,
        client="127.0.0.1:40000",
        flags=(),
        request_bytes=0,
        response_bytes=2,
        duration_us=2500,
        session=1,
        outcome="complete",
        host="shop.example.com",
        scope_list="include",
    )
    return replace(row, **changed)  # type: ignore[arg-type]


def make_record(
    number: int = 1,
    *,
    request: bytes = b"GET /cart?id=7 HTTP/1.1",
    request_headers: Headers = ((b"Host", b"shop.example.com"), (b"User-Agent", b"test/1")),
    request_body: bytes | None = b"",
    response: bytes | None = b"HTTP/1.1 200 OK",
    response_headers: Headers = ((b"Content-Type", b"text/plain"),),
    response_body: bytes | None = b"ok",
    messages: tuple[Message, ...] = (),
    request_trailers: Headers = (),
    response_trailers: Headers = (),
    meta: tuple[tuple[str, str], ...] = (),
    **row: object,
) -> ExchangeRecord:
    """A record, with *row* for what is changed in its row."""
    began_us = NOON_US + number * 1_000_000
    told = (
        ("client", f"127.0.0.1:40000 {'cd' * 16}"),
        ("received-us", str(began_us - 300)),
        ("started-us", str(began_us + 2000)),
    )
    return ExchangeRecord(
        row=make_row(number, **row),
        request_line=request,
        request_headers=request_headers,
        request_body=request_body,
        request_body_bytes=None if request_body is None else len(request_body),
        request_body_sha256=None,
        response_line=response,
        response_headers=response_headers,
        response_body=response_body,
        response_body_bytes=None if response_body is None else len(response_body),
        response_body_sha256=None,
        messages=messages,
        request_trailers=request_trailers,
        response_trailers=response_trailers,
        meta=(*told, *meta),
    )


def make_message(content: bytes, *, kind: str = "text", sent: bool = True, number: int = 1) -> Message:
    """A WebSocket message."""
    return Message(
        exchange="1" * 32,
        direction=Direction.SENT if sent else Direction.RECEIVED,
        kind=kind,
        number=number,
        content=content,
        time_us=NOON_US,
    )


def shown(record: ExchangeRecord, *names: str) -> Shown:
    """As a redaction shows it that put these names into it."""
    hidden = tuple(Placeholder(name, "bearer") for name in names)
    return Shown(record=record, hidden=hidden, is_redacted=True)


def written(exporter: Exporter, exchanges: Iterable[Shown]) -> bytes:
    """What a format writes."""
    out = io.BytesIO()
    exporter.write(exchanges, out)
    return out.getvalue()


def redacted(*records: ExchangeRecord) -> list[Shown]:
    """All of them, learned before the first is shown."""
    redaction = Redaction()
    for record in records:
        redaction.learn(record)
    return [redaction.show(record) for record in records]


def texts_of(record: ExchangeRecord) -> list[bytes]:
    """All texts of a record that traffic can decide."""
    row = record.row
    strings = [row.url, row.page, row.label, row.account, row.reason, row.outcome]
    strings += [value for _, value in record.meta]
    return [
        *(text.encode("utf-8", "surrogatepass") for text in strings if text is not None),
        record.request_line,
        *(part for pair in (*record.request_headers, *record.response_headers) for part in pair),
        *(part for pair in (*record.request_trailers, *record.response_trailers) for part in pair),
        *(body for body in (record.request_body, record.response_body) if body is not None),
        *(message.content for message in record.messages),
    ]
