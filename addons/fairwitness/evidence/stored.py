"""Entries as they are read back from the log."""

# ruff: noqa: S608 - what is put into SQL are constants of this package

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fairwitness.evidence.bodyrow import BodyRow
from fairwitness.evidence.layout import DamagedError, Segments, unpack, unpack_beginning
from fairwitness.evidence.meta import Pairs, read_meta
from fairwitness.evidence.schema import IS_RARE

_SELECT = """SELECT entry.idx, kind, time_us, exchange, after, number, leaf,
    opening.idx, key, data, checksum, body, rest FROM entry LEFT JOIN opening USING (idx)"""
_NO_EXCHANGE = bytes(16)
_CHUNK = 500  # rows read at a time: no read transaction stays open while somebody looks at them


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry's row with what opens it."""

    index: int
    kind: str
    time_us: int
    exchange: bytes
    after: bytes | None
    number: int | None
    leaf: bytes
    is_open: bool
    """Whether there is what opens it: false once it was erased."""
    key: bytes
    data: bytes
    checksum: int
    address: bytes | None
    rest: bytes | None

    def segments(self) -> Segments:
        """Its segments.

        Raises:
            DamagedError: They were erased, or are not what was stored.
        """
        if not self.is_open:
            raise DamagedError("what opens it was erased")
        return unpack(self.data, self.checksum)

    def pairs(self) -> Pairs:
        """Its meta lines.

        Raises:
            DamagedError: They were erased, or are not what was stored.
        """
        return self.beginning()[0]

    def beginning(self) -> tuple[Pairs, list[bytes]]:
        """Its meta lines, and the pieces of its start line.

        Raises:
            DamagedError: They were erased, or are not what was stored.
        """
        if not self.is_open:
            raise DamagedError("what opens it was erased")
        meta, start = unpack_beginning(self.data, self.checksum)
        return read_meta(meta), start


def entries_from(
    connection: sqlite3.Connection, start: int, stop: int | None = None
) -> Iterator[StoredEntry]:
    """The entries from index *start* on, up to *stop* or to the newest."""
    at = start
    while stop is None or at < stop:
        last = at + _CHUNK if stop is None else min(at + _CHUNK, stop)
        rows = connection.execute(
            f"{_SELECT} WHERE entry.idx >= ? AND entry.idx < ? ORDER BY entry.idx", (at, last)
        ).fetchall()
        yield from map(_entry, rows)
        if not rows:
            return
        at = rows[-1][0] + 1


def entries_at(connection: sqlite3.Connection, indexes: Sequence[int]) -> Iterator[StoredEntry]:
    """The entries of these indexes, in the order given."""
    for index in indexes:
        row = connection.execute(f"{_SELECT} WHERE entry.idx = ?", (index,)).fetchone()
        if row is not None:
            yield _entry(row)


def rare_entries(connection: sqlite3.Connection, kind: str) -> Iterator[StoredEntry]:
    """All entries of one of the kinds that are few (`IS_RARE`), oldest first."""
    found = connection.execute(f"SELECT idx FROM entry WHERE {IS_RARE} AND kind = ? ORDER BY idx", (kind,))
    yield from entries_at(connection, [index for (index,) in found.fetchall()])


def newest_rare(connection: sqlite3.Connection, kind: str, most: int = 1) -> list[StoredEntry]:
    """The newest entries of one of the kinds that are few, newest first."""
    found = connection.execute(
        f"SELECT idx FROM entry WHERE {IS_RARE} AND kind = ? ORDER BY idx DESC LIMIT ?", (kind, most)
    )
    return list(entries_at(connection, [index for (index,) in found.fetchall()]))


def body_row(connection: sqlite3.Connection, address: bytes) -> BodyRow:
    """Where a stored body lies.

    Raises:
        DamagedError: It is not there.
    """
    row = connection.execute(
        "SELECT sha256, bytes, coding, data, stored, checksum FROM body WHERE sha256 = ?", (address,)
    ).fetchone()
    if row is None:
        raise DamagedError("its body is missing")
    return checked_body_row(row)


def checked_body_row(row: Sequence[object]) -> BodyRow:
    """A row of the table of bodies.

    Raises:
        DamagedError: Its types are not those that were stored.
    """
    address, size, coding, data, stored, checksum = row
    if (
        isinstance(address, bytes)
        and isinstance(size, int)
        and isinstance(coding, bytes)
        and (data is None or isinstance(data, bytes))
        and isinstance(stored, int)
        and isinstance(checksum, int)
    ):
        return BodyRow(address, size, coding, data, stored, checksum)
    raise DamagedError("its body's row holds other types than were stored")


def stored_size(connection: sqlite3.Connection) -> int:
    """How many entries there are."""
    (last,) = connection.execute("SELECT max(idx) FROM entry").fetchone()
    return 0 if last is None else int(last) + 1


class StoredHashes:
    """The tree's stored hashes: leaves in the entries, every 8th level in a table of its own."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def hashes(self, level: int, start: int, stop: int) -> list[bytes]:
        """The nodes *start* to *stop* of a stored level; level 0 are the leaves.

        Raises:
            DamagedError: Some are missing.
        """
        if level == 0:
            sql = "SELECT leaf FROM entry WHERE idx >= ? AND idx < ? ORDER BY idx"
            rows = self._connection.execute(sql, (start, stop)).fetchall()
        else:
            sql = "SELECT hash FROM tree WHERE level = ? AND number >= ? AND number < ? ORDER BY number"
            rows = self._connection.execute(sql, (level, start, stop)).fetchall()
        if len(rows) != stop - start or not all(isinstance(row[0], bytes) for row in rows):
            raise DamagedError(f"hashes of level {level} are missing between {start} and {stop}")
        return [row[0] for row in rows]


def _entry(row: Sequence[object]) -> StoredEntry:
    """The row as it should be: what has another type is replaced, and then does not match the leaf."""
    index, kind, time_us, exchange, after, number, leaf, opened, key, data, checksum, body, rest = row
    return StoredEntry(
        index=index if isinstance(index, int) else -1,
        kind=kind if isinstance(kind, str) else "",
        time_us=time_us if isinstance(time_us, int) else 0,
        exchange=exchange
        if isinstance(exchange, bytes) and len(exchange) == len(_NO_EXCHANGE)
        else _NO_EXCHANGE,
        after=after if isinstance(after, bytes) else None,
        number=number if isinstance(number, int) else None,
        leaf=leaf if isinstance(leaf, bytes) else b"",
        is_open=opened is not None,
        key=key if isinstance(key, bytes) else b"",
        data=data if isinstance(data, bytes) else b"",
        checksum=checksum if isinstance(checksum, int) else -1,
        address=body if isinstance(body, bytes) else None,
        rest=rest if isinstance(rest, bytes) else None,
    )
