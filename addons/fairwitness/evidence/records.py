"""One exchange with everything that is stored of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fairwitness.evidence.bodyrow import read_body
from fairwitness.evidence.layout import DamagedError, Segments
from fairwitness.evidence.meta import Pairs, body_size, first, whole
from fairwitness.evidence.prune import was_pruned
from fairwitness.evidence.stored import StoredEntry, body_row
from fairwitness.model.exchange import Headers
from fairwitness.model.message import Direction, Message
from fairwitness.model.record import ExchangeRecord, ExchangeRow


@dataclass(slots=True)
class _Side:
    """Request or response, as far as it was read.  Not frozen: its body may be in a later entry."""

    line: bytes | None = None
    headers: Headers = ()
    trailers: Headers = ()
    body: bytes | None = None
    size: int | None = None
    digest: str | None = None

    def take_body(self, pairs: Pairs, content: bytes | None) -> None:
        self.size, self.digest = body_size(pairs)
        self.body = content


@dataclass(slots=True)
class _Reading:
    request: _Side = field(default_factory=_Side)
    response: _Side = field(default_factory=_Side)
    messages: list[Message] = field(default_factory=list)
    meta: Pairs = field(default_factory=list)
    is_pruned: bool = False


def record_of(
    row: ExchangeRow, entries: Iterable[StoredEntry], *, connection: sqlite3.Connection, bodies: Path
) -> ExchangeRecord:
    """The record of an exchange.

    Args:
        row: Its line.
        entries: All its entries.
        connection: The log.
        bodies: The folder of bodies that are files.

    Raises:
        DamagedError: A part of it is not what was stored.
    """
    reading = _Reading()
    for entry in entries:
        if entry.is_open:
            try:
                _take(reading, entry, connection, bodies)
            except DamagedError as error:
                raise DamagedError(f"entry {entry.index}: {error}") from error
    request, response = reading.request, reading.response
    return ExchangeRecord(
        row=row,
        request_line=request.line or b"",
        request_headers=request.headers,
        request_body=request.body,
        request_body_bytes=request.size,
        request_body_sha256=request.digest,
        response_line=response.line,
        response_headers=response.headers,
        response_body=response.body,
        response_body_bytes=response.size,
        response_body_sha256=response.digest,
        messages=tuple(reading.messages),
        meta=tuple(reading.meta),
        request_trailers=request.trailers,
        response_trailers=response.trailers,
        is_pruned=reading.is_pruned,
    )


def body_of(
    entry: StoredEntry, segments: Segments, *, connection: sqlite3.Connection, bodies: Path
) -> bytes | None:
    """What is stored of an entry's body; None where nothing is.

    Raises:
        DamagedError: It is not what was stored.
    """
    if segments.body:
        return segments.body
    if entry.address is None:
        return None
    try:
        return read_body(bodies, body_row(connection, entry.address))
    except DamagedError:
        if was_pruned(connection, entry.index, entry.address):
            return None
        raise


def _take(reading: _Reading, entry: StoredEntry, connection: sqlite3.Connection, bodies: Path) -> None:
    segments, pairs = entry.segments(), entry.pairs()
    reading.meta += pairs
    # A body of which only the beginning is stored is never taken for the whole.
    content = body_of(entry, segments, connection=connection, bodies=bodies) if entry.rest is None else None
    if entry.address is not None and content is None:
        reading.is_pruned |= was_pruned(connection, entry.index, entry.address)
    if entry.kind in ("request", "blocked") and entry.number is not None:
        side = reading.request
        side.line, side.headers = b"".join(segments.start).removesuffix(b"\r\n"), segments.headers
        side.trailers = segments.trailers
        # What passes in a tunnel or raw stream was not observed: that is not the same as no body.
        is_observed = not segments.start or segments.start[0] not in (b"CONNECT ", b"TCP ")
        if is_observed and first(pairs, "body-stored") is None and first(pairs, "body-follows") is None:
            content = content or b""
        side.take_body(pairs, content)
        side.size = side.size if side.size is not None or content is None else 0
    elif entry.kind == "body":
        reading.request.take_body(pairs, content)
        if reading.request.size is None:
            reading.request.body, reading.request.size = b"", 0
    elif entry.kind == "response":
        side = reading.response
        side.take_body(pairs, content)
        side.trailers = segments.trailers
        if segments.start:
            side.line, side.headers = b"".join(segments.start).removesuffix(b"\r\n"), segments.headers
            if first(pairs, "body-stored") is None and not side.size:
                side.body, side.size = b"", 0
    elif entry.kind == "message":
        reading.messages.append(_message(entry, pairs, content))


def _message(entry: StoredEntry, pairs: Pairs, content: bytes | None) -> Message:
    direction, kind, number = first(pairs, "direction"), first(pairs, "message"), whole(pairs, "number")
    if direction not in tuple(Direction) or kind is None or number is None:
        raise DamagedError("it is no readable message")
    return Message(
        exchange=entry.exchange.hex(),
        direction=Direction(direction),
        kind=kind,
        number=number,
        content=content or b"",
        time_us=entry.time_us,
    )
