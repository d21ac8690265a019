"""Where the log stands: what its writer keeps in mind, found again after a crash without reading it all."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from zlib import crc32

from fairwitness.evidence.stored import stored_size

_REQUEST, _CONNECTION = b"r", b"c"
_OPEN_BYTES = 17  # one open exchange in the mark: what it is, and its 16 bytes


@dataclass(slots=True)
class Position:
    """Counts, and the exchanges whose outcome is not known yet.  Not frozen: it moves with each entry."""

    size: int = 0
    """Entries so far."""
    number: int = 0
    """The newest exchange's whole number."""
    session: int = 0
    """The newest session."""
    open: dict[bytes, str] = field(default_factory=dict)
    """Exchanges that wait for their end, with the kind of entry that began them."""

    def move(self, kind: str, exchange: bytes, number: int | None) -> None:
        """Take note of the next entry."""
        self.size += 1
        if kind == "session":
            self.session = number if number is not None else self.session
            return
        if number is not None:
            self.number = number
        if kind == "request" or (kind == "connection" and number is not None):
            self.open[exchange] = kind
        elif kind in ("response", "connection"):
            self.open.pop(exchange, None)

    def mark(self) -> tuple[int | bytes, ...]:
        """The row that says where recovery may begin."""
        held = b"".join(
            (_REQUEST if kind == "request" else _CONNECTION) + exchange
            for exchange, kind in self.open.items()
        )
        return (
            self.size,
            self.number,
            self.session,
            held,
            _checksum(self.size, self.number, self.session, held),
        )


def read_position(connection: sqlite3.Connection) -> Position:
    """Where the log stands: the last mark, and the entries behind it."""
    position = read_mark(connection) or Position()
    if position.size > stored_size(connection):
        position = Position()
    behind = connection.execute(
        "SELECT kind, exchange, number FROM entry WHERE idx >= ? ORDER BY idx", (position.size,)
    )
    for kind, exchange, number in behind:
        position.move(kind, exchange, number)
    return position


def read_mark(connection: sqlite3.Connection) -> Position | None:
    """The last mark; None where there is none or it was damaged: then everything is read."""
    row = connection.execute("SELECT size, number, session, open, checksum FROM mark").fetchone()
    if row is None:
        return None
    size, number, session, held, checksum = row
    if (
        not isinstance(held, bytes)
        or not all(isinstance(value, int) for value in (size, number, session))
        or checksum != _checksum(size, number, session, held)
    ):
        return None
    position = Position(size, number, session)
    for at in range(0, len(held), _OPEN_BYTES):
        kind = "request" if held[at : at + 1] == _REQUEST else "connection"
        position.open[held[at + 1 : at + _OPEN_BYTES]] = kind
    return position


def _checksum(size: int, number: int, session: int, held: bytes) -> int:
    return crc32(f"{size} {number} {session} ".encode() + held)
