"""The exchange view: one row an exchange, derived from the log, to be dropped and rebuilt at any time.

It lies in a database of its own.  The process that writes the log brings it up to date when it is idle;
readers add what it lacks in a database of their own that lies over it (`older`), and write nothing.
"""

# ruff: noqa: S608 - the names put into SQL are those of this module's own schemas and columns

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from zlib import crc32

from fairwitness.evidence.layout import DamagedError
from fairwitness.evidence.meta import Pairs, body_size, every, first, is_cut, whole
from fairwitness.evidence.stored import StoredEntry, entries_from
from fairwitness.evidence.viewrow import COLUMNS, ViewRow, begins_exchange, begun_row, read_row, sql_text

_NO_EXCHANGE = bytes(16)
_HEX = re.compile(r"[0-9a-f]{32}")
_BATCH = 500  # entries folded before they are written, rows read at once
MOST = (1 << 63) - 1  # the highest number that SQLite has


_PUT_ROW = (
    f"INSERT OR REPLACE INTO main.exchange ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
)
_PUT_SEEN = """INSERT INTO main.seen (flag, id, count) VALUES (?, ?, ?)
    ON CONFLICT (flag, id) DO UPDATE SET count = count + excluded.count"""


class View:
    """A view, or what lies over one.

    A class, because what is folded next depends on where it stands.
    """

    def __init__(self, connection: sqlite3.Connection, log: sqlite3.Connection, *, older: bool) -> None:
        """A view in *connection*'s main database, with an attached `older` one below it or without."""
        self.connection = connection
        self.schemas = ("main", "older") if older else ("main",)
        self._log = log
        self._rows: dict[bytes, ViewRow] = {}
        self._parts: list[tuple[int, int]] = []
        self._loose: list[tuple[bytes, int, str | None]] = []
        self._seen: list[tuple[str, int, int]] = []
        self._tightened: list[tuple[bytes]] = []
        self.size, self._session = connection.execute("SELECT size, session FROM main.state").fetchone()
        self._has_loose = any(
            connection.execute(f"SELECT 1 FROM {schema}.loose LIMIT 1").fetchone() for schema in self.schemas
        )

    def fold(self, most: int) -> int:
        """Take the next entries of the log in, up to *most*; gives how many there were.

        Raises:
            sqlite3.Error: The view cannot be written.
        """
        taken = 0
        while taken < most:
            start = self.size
            for entry in entries_from(self._log, start, start + min(_BATCH, most - taken)):
                self._take(entry)
            if self.size == start:
                break
            taken += self.size - start
            self._write()
        return taken

    def row(self, exchange: bytes) -> ViewRow | None:
        """The row of an exchange."""
        if (row := self._rows.get(exchange)) is not None:
            return row
        for schema in self.schemas:
            found = self.connection.execute(
                f"SELECT {', '.join(COLUMNS)} FROM {schema}.exchange WHERE exchange = ?", (exchange,)
            ).fetchone()
            if found is not None:
                return read_row(found)
        return None

    def loose(self, exchange: bytes) -> list[tuple[int, str | None]]:
        """Entries that name an exchange which has no row: their indexes, and the flag that they raise."""
        found: list[tuple[int, str | None]] = []
        for schema in self.schemas if self._has_loose else ():
            found += self.connection.execute(
                f"SELECT idx, flag FROM {schema}.loose WHERE exchange = ?", (exchange,)
            ).fetchall()
        found += [(index, flag) for name, index, flag in self._loose if name == exchange]
        return sorted(found, key=lambda item: item[0])

    def parts(self, number: int) -> list[int]:
        """The indexes of all entries of an exchange, in order."""
        sql = " UNION ".join(f"SELECT idx FROM {schema}.part WHERE id = :id" for schema in self.schemas)
        return [index for (index,) in self.connection.execute(f"{sql} ORDER BY idx", {"id": number})]

    def indexes(self, exchange: bytes) -> list[int]:
        """The indexes of all entries that name an exchange or a connection."""
        row = self.row(exchange)
        return self.parts(row.id) if row is not None else [index for index, _ in self.loose(exchange)]

    def seen(self, schema: str, flag: str) -> list[tuple[int, int]]:
        """Where one of `schemas` saw a flag: numbers of exchanges, and how often."""
        return self.connection.execute(
            f"SELECT id, count FROM {schema}.seen WHERE flag = ?", (sql_text(flag),)
        ).fetchall()

    def _take(self, entry: StoredEntry) -> None:
        self.size = entry.index + 1
        if entry.kind == "session" and entry.number is not None:
            self._session = entry.number
            return
        try:
            pairs, start = entry.beginning()
        except DamagedError:
            pairs, start = [], []  # its exchange keeps its line and number; `problems` names the damage
        if begins_exchange(entry):
            self._begin(entry, pairs, start)
        elif entry.exchange != _NO_EXCHANGE:
            self._go_on(entry, pairs)

    def _begin(self, entry: StoredEntry, pairs: Pairs, start: list[bytes]) -> None:
        row = begun_row(entry, session=self._session, said=(pairs, start))
        assert row is not None
        self._seen += [(flag, row.id, 1) for flag in row.flags.split()]
        for index, flag in self.loose(entry.exchange):
            self._parts.append((row.id, index))
            if flag is not None and row.add_flag(flag):
                self._seen.append((flag, row.id, 1))
        self._loose = [item for item in self._loose if item[0] != entry.exchange]
        self._tightened.append((entry.exchange,))
        self._parts.append((row.id, entry.index))
        self._rows[entry.exchange] = row

    def _carry(self, entry: StoredEntry, pairs: Pairs) -> None:
        """A dial that carries a tunnel or raw stream is a part of that as well."""
        carrier = first(pairs, "carries") or ""
        row = self.row(bytes.fromhex(carrier)) if _HEX.fullmatch(carrier) else None
        if row is not None:
            self._rows[row.exchange] = row
            self._parts.append((row.id, entry.index))
            if first(pairs, "state") == "ended":
                row.end_carried(pairs)

    def _go_on(self, entry: StoredEntry, pairs: Pairs) -> None:
        raised = first(pairs, "raised") if entry.kind == "flag" else None
        raised = sql_text(raised) if raised is not None else None
        if entry.kind == "connection":
            self._carry(entry, pairs)
        row = self.row(entry.exchange)
        if row is None:
            self._loose.append((entry.exchange, entry.index, raised))
            return
        self._rows[entry.exchange] = row
        self._parts.append((row.id, entry.index))
        if entry.kind == "response" and pairs:
            row.end_request(pairs, entry.time_us)
        elif entry.kind == "connection" and pairs:
            row.end_connection(pairs)
        elif entry.kind == "body":
            row.request_bytes = body_size(pairs)[0] or 0
            row.cut += is_cut(pairs)
        count = 1
        if entry.kind == "blocked":
            count = whole(pairs, "folded") or 0
            row.add_times(count)
        if raised is not None:
            if row.add_flag(raised):
                self._seen.append((raised, row.id, 1))
            return
        for flag in map(sql_text, every(pairs, "flag")):
            row.add_flag(flag)
            self._seen.append((flag, row.id, count))

    def _write(self) -> None:
        connection = self.connection
        # What lies over another view is in a transaction already: both must stay as they were.
        is_own = not connection.in_transaction
        if is_own:
            connection.execute("BEGIN")
        connection.executemany(_PUT_ROW, [row.columns() for row in self._rows.values()])
        connection.executemany("INSERT OR IGNORE INTO main.part (id, idx) VALUES (?, ?)", self._parts)
        if self._has_loose:
            connection.executemany("DELETE FROM main.loose WHERE exchange = ?", self._tightened)
        self._has_loose = self._has_loose or bool(self._loose)
        connection.executemany(
            "INSERT OR IGNORE INTO main.loose (exchange, idx, flag) VALUES (?, ?, ?)", self._loose
        )
        connection.executemany(_PUT_SEEN, self._seen)
        connection.execute(
            "UPDATE main.state SET size = ?, session = ?, checksum = ?",
            (self.size, self._session, state_checksum(self.size, self._session)),
        )
        if is_own:
            connection.execute("COMMIT")
        self._rows.clear()
        for waiting in (self._parts, self._loose, self._seen, self._tightened):
            waiting.clear()


def rows_of(
    view: View,
    where: str,
    values: dict[str, object],
    *,
    first: int = 1,
    last: int = MOST,
    newest_first: bool = False,
) -> Iterator[ViewRow]:
    """The rows that fulfil an SQL condition, in order of their number, read in portions.

    Args:
        view: Where they are.
        where: The condition, written by `fairwitness.evidence.filters`, never by a user.
        values: What its parameters stand for.
        first: The lowest number that is looked at.
        last: The highest number that is looked at.
        newest_first: Whether the order is the reverse.
    """
    sql = f"{_select(view, f'id BETWEEN :low AND :high AND {where}')} ORDER BY id"
    sql += f"{' DESC' if newest_first else ''} LIMIT {_BATCH}"
    low, high = first, last
    while low <= high:
        found = view.connection.execute(sql, {**values, "low": low, "high": high}).fetchall()
        yield from map(read_row, found)
        if len(found) < _BATCH:
            return
        low, high = (low, found[-1][0] - 1) if newest_first else (found[-1][0] + 1, high)


def rows_at(view: View, numbers: Sequence[int], where: str, values: dict[str, object]) -> Iterator[ViewRow]:
    """Those of the rows with these numbers that fulfil an SQL condition, in the order of the numbers.

    Args:
        view: Where they are.
        numbers: Sorted, either way.
        where: As for `rows_of`.
        values: As for `rows_of`.
    """
    direction = " DESC" if len(numbers) > 1 and numbers[0] > numbers[-1] else ""
    sql = _select(view, f"id IN (SELECT value FROM json_each(:numbers)) AND {where}")
    for at in range(0, len(numbers), _BATCH):
        portion = json.dumps(numbers[at : at + _BATCH])
        found = view.connection.execute(f"{sql} ORDER BY id{direction}", {**values, "numbers": portion})
        yield from map(read_row, found.fetchall())


def _select(view: View, where: str) -> str:
    columns = ", ".join(COLUMNS)
    sql = f"SELECT {columns} FROM main.exchange WHERE {where}"
    if "older" in view.schemas:
        sql += (
            f" UNION ALL SELECT {columns} FROM older.exchange WHERE {where}"
            " AND id NOT IN (SELECT id FROM main.exchange)"
        )
    return sql


def state_checksum(size: int, session: int) -> int:
    """Says that a view ends where it says; an end that is too early would count flags twice."""
    return crc32(f"{size} {session}".encode())
