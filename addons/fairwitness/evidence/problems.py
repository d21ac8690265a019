"""What in an evidence folder is not what was written: everything is computed anew, nothing is trusted."""

# ruff: noqa: S608 - the names put into SQL are those of this package's own tables

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fairwitness.evidence.attachments import attachment_problem
from fairwitness.evidence.bodyrow import FOLDER_NAME, read_body
from fairwitness.evidence.entry import (
    BODY_SEGMENTS,
    KEY_BYTES,
    NO_TOKEN,
    body_digests,
    body_pieces,
    leaf_of,
)
from fairwitness.evidence.findings import findings_of
from fairwitness.evidence.layout import DamagedError, Segments
from fairwitness.evidence.meta import Pairs, every, first
from fairwitness.evidence.position import Position, read_mark
from fairwitness.evidence.prune import text_without_body, told_as_gone, was_pruned
from fairwitness.evidence.schema import FIRST_SCHEMA, LOG_NAME, MIGRATION_SET, connect_readonly
from fairwitness.evidence.stored import StoredEntry, body_row, checked_body_row, entries_from
from fairwitness.evidence.tree import Tree
from fairwitness.evidence.viewfile import TABLES, VIEW_NAME, is_foreign_view, over

_MOST_NAMED = 100  # of one kind of damage to the database's structure


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not what was written."""

    where: str
    """Such as ``entry 12``, ``body 5feceb66``, ``tree``, ``view.sqlite3``."""
    what: str


def find_problems(folder: Path) -> Iterator[Problem]:
    """All problems of an evidence folder, in the order in which they are found.

    Raises:
        EvidenceError: There is no log, or SQLite does not even open it.
    """
    # The view's state is read before the log's: it never knows more than the log.
    with contextlib.closing(connect_readonly(folder / LOG_NAME)) as connection:
        try:
            with over(folder, connection) as view:
                connection.execute("BEGIN")
                connection.execute("SELECT 1 FROM entry LIMIT 1").fetchone()
                yield from _Check(folder, connection).all()
                if len(view.schemas) > 1:
                    yield from _view_problems(view.connection, connection)
                elif is_foreign_view(folder):
                    yield Problem(VIEW_NAME, "it is broken, or the view of another log")
        except sqlite3.Error as error:
            yield Problem(LOG_NAME, f"SQLite cannot read it ({error})")


class _Check:
    """One pass over a log.

    A class, because entries are judged by those before them.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._bodies = folder / FOLDER_NAME
        self._position = Position()
        self._mark = read_mark(connection)
        self._tree = Tree()
        self._nodes = 0
        self._schema_lines: list[str] = []
        self._pruned: set[int] = set()
        self._told_as_pruned: set[int] = set()
        self._erased: set[int] = set()
        self._told_as_erased: set[int] = set()

    def all(self) -> Iterator[Problem]:
        yield from _structure_problems(self._connection)
        if self._mark is None and self._connection.execute("SELECT 1 FROM mark").fetchone():
            yield Problem("mark", "it does not match its checksum")
        if self._mark is not None and self._mark.size == 0:
            yield from self._mark_problems()
        for entry in entries_from(self._connection, 0):
            yield from self._entry_problems(entry)
            if self._mark is not None and self._mark.size == self._position.size:
                yield from self._mark_problems()
        if self._mark is not None and self._mark.size > self._position.size:
            yield Problem("mark", f"entries after {self._position.size - 1} are missing")
        for index in sorted(self._pruned - self._told_as_pruned):
            yield Problem(f"entry {index}", "its body is missing, and no entry says that it was pruned")
        for index in sorted(self._erased - self._told_as_erased):
            yield Problem(f"entry {index}", "what opens it was erased, and no entry says so")
        yield from self._tree_problems()
        yield from self._orphan_problems()
        yield from self._body_problems()
        yield from self._migration_problems()
        yield from self._attachment_problems()

    def _entry_problems(self, entry: StoredEntry) -> Iterator[Problem]:
        where = f"entry {entry.index}"
        if entry.index != self._position.size:
            yield Problem(where, f"entries from {self._position.size} on are missing before it")
            self._position.size = entry.index
        pairs: Pairs | None = None
        try:
            if entry.is_open:
                pairs = entry.pairs()
                text = self._text(entry, entry.segments(), pairs)
            else:
                self._erased.add(entry.index)
                text = self._written(entry)
            if leaf_of(text) != entry.leaf:
                yield Problem(where, "its bytes do not give its leaf")
        except (DamagedError, ValueError, OverflowError) as error:
            yield Problem(where, str(error))
        if pairs is not None:
            self._schema_lines += every(pairs, "schema")
            if entry.kind == "erase":
                is_of_bodies = first(pairs, "erased") == "bodies"
                (self._told_as_pruned if is_of_bodies else self._told_as_erased).update(told_as_gone(pairs))
            if entry.number != self._number(entry, pairs):
                yield Problem(where, "its number is not the one it was given")
        for node in self._tree.append(entry.leaf):
            yield from self._node_problems(node.level, node.number, node.hash)
        self._position.move(entry.kind, entry.exchange, entry.number)

    def _text(self, entry: StoredEntry, segments: Segments, pairs: Pairs) -> str:
        if len(entry.key) != KEY_BYTES:
            raise DamagedError("its key is not of the length of keys")
        if entry.after is not None and (len(entry.after) != len(NO_TOKEN) or entry.after == NO_TOKEN):
            raise DamagedError("the time token that it names is none")
        return text_without_body(entry, segments, self._digests(entry, segments, pairs))

    def _digests(self, entry: StoredEntry, segments: Segments, pairs: Pairs) -> list[str]:
        if entry.address is None:
            if entry.rest is not None:
                raise DamagedError("it has the rest of a body without its beginning")
            return body_digests(entry.key, body_pieces(segments.body))
        if segments.body:
            raise DamagedError("it has two bodies")
        if was_pruned(self._connection, entry.index, entry.address):
            # What is written is believed only as far as the leaf confirms it.
            self._pruned.add(entry.index)
            lines = self._written(entry).split("\n")
            return [line.removeprefix("body ") for line in lines if line.startswith("body ")]
        content = read_body(self._bodies, body_row(self._connection, entry.address))
        if entry.rest is None:
            return body_digests(entry.key, body_pieces(content))
        if first(pairs, "body-stored-sha256") != sha256(content).hexdigest():
            raise DamagedError("the beginning of its body is not the one that was stored")
        return [*body_digests(entry.key, body_pieces(content)[:BODY_SEGMENTS]), entry.rest.hex()]

    def _written(self, entry: StoredEntry) -> str:
        row = self._connection.execute("SELECT text FROM written WHERE idx = ?", (entry.index,)).fetchone()
        if row is None or not isinstance(row[0], str):
            raise DamagedError("what opens it is missing, and its text was not written out")
        if not row[0].isascii():
            raise DamagedError("its written text is not ASCII")
        return row[0]

    def _number(self, entry: StoredEntry, pairs: Pairs) -> int | None:
        """The number that the entry was given when it was written."""
        if entry.kind == "session":
            return self._position.session + 1 if first(pairs, "state") == "begun" else None
        begins = (
            entry.kind == "request"
            or (entry.kind == "blocked" and first(pairs, "folded") is None)
            or (
                entry.kind == "connection"
                and first(pairs, "state") == "dialled"
                and not (first(pairs, "server") or "").startswith("http:")
                and first(pairs, "carries") is None
            )
        )
        return self._position.number + 1 if begins else None

    def _mark_problems(self) -> Iterator[Problem]:
        mark, self._mark = self._mark, None
        if mark != self._position:
            yield Problem("mark", "it does not say what the entries before it say")

    def _node_problems(self, level: int, number: int, wanted: bytes) -> Iterator[Problem]:
        self._nodes += 1
        row = self._connection.execute(
            "SELECT hash FROM tree WHERE level = ? AND number = ?", (level, number)
        ).fetchone()
        if row is None or row[0] != wanted:
            yield Problem("tree", f"node {number} of level {level} is not the hash of its leaves")

    def _tree_problems(self) -> Iterator[Problem]:
        (count,) = self._connection.execute("SELECT count(*) FROM tree").fetchone()
        if count != self._nodes:
            yield Problem("tree", f"it has {count} nodes, its entries give {self._nodes}")

    def _orphan_problems(self) -> Iterator[Problem]:
        for table in ("opening", "written"):
            for (index,) in self._connection.execute(
                f"SELECT idx FROM {table} WHERE idx NOT IN (SELECT idx FROM entry)"
            ):
                yield Problem(f"{table} {index}", "there is no such entry")
        for index, text, leaf in self._connection.execute(
            "SELECT idx, text, leaf FROM written JOIN opening USING (idx) JOIN entry USING (idx)"
        ):
            if index not in self._told_as_pruned:
                yield Problem(f"written {index}", "what opens this entry was not erased")
            elif not (isinstance(text, str) and text.isascii() and leaf_of(text) == leaf):
                yield Problem(f"written {index}", "its text does not give its leaf")

    def _body_problems(self) -> Iterator[Problem]:
        rows = self._connection.execute(
            "SELECT sha256, bytes, coding, data, stored, checksum, sha256 IN "
            "(SELECT body FROM opening WHERE body IS NOT NULL) FROM body"
        )
        for *values, is_wanted in rows:
            name = values[0].hex()[:16] if isinstance(values[0], bytes) else "?"
            if not is_wanted:
                yield Problem(f"body {name}", "no entry refers to it")
            try:
                read_body(self._bodies, checked_body_row(values))
            except DamagedError as error:
                yield Problem(f"body {name}", str(error))

    def _migration_problems(self) -> Iterator[Problem]:
        rows = self._connection.execute(
            "SELECT id, migration_set, name, applied_at FROM _sqlite_migrations ORDER BY id"
        ).fetchall()
        # All that is ever in this table was told by an entry, in the same order.
        wanted = [
            (number, MIGRATION_SET, *line.split(" ", 1)) for number, line in enumerate(self._schema_lines, 1)
        ]
        if rows != wanted:
            yield Problem("_sqlite_migrations", "it does not say what the log says")

    def _attachment_problems(self) -> Iterator[Problem]:
        named = {
            file.sha256: file
            for found in findings_of(self._connection).values()
            for file in found.attachments
        }
        for file in named.values():
            what = attachment_problem(self._bodies.parent, file)
            if what is not None:
                yield Problem(f"attachment {file.sha256[:16]}", what)


def _structure_problems(connection: sqlite3.Connection) -> Iterator[Problem]:
    for (line,) in connection.execute(f"PRAGMA integrity_check({_MOST_NAMED})").fetchall():
        if line != "ok":
            yield Problem(LOG_NAME, f"its structure is damaged: {line}")
    with contextlib.closing(sqlite3.connect(":memory:")) as expected:
        for statement in FIRST_SCHEMA:
            expected.execute(statement)
        wanted = _objects(expected, "main")
    found = _objects(connection, "main")
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name) and "_sqlite_migrations" not in name:
            yield Problem(LOG_NAME, f"{name} is not as it was made")


def _view_problems(connection: sqlite3.Connection, log: sqlite3.Connection) -> Iterator[Problem]:
    """Where the attached view differs from one that is made anew."""
    for (line,) in connection.execute(f"PRAGMA older.integrity_check({_MOST_NAMED})").fetchall():
        if line != "ok":
            yield Problem(VIEW_NAME, f"its structure is damaged: {line}")
    size, session = connection.execute("SELECT size, session FROM older.state").fetchone()
    with over(None, log) as anew:
        anew.fold(size)
        made = anew.connection
        if (size, session) != made.execute("SELECT size, session FROM main.state").fetchone():
            yield Problem(VIEW_NAME, "it does not know where it ends")
        if _objects(made, "main") != _objects(connection, "older"):
            yield Problem(VIEW_NAME, "its tables are not as they were made")
        for table in TABLES:
            wanted = made.execute(f"SELECT * FROM main.{table} ORDER BY 1, 2")
            found = connection.execute(f"SELECT * FROM older.{table} ORDER BY 1, 2")
            for row in wanted:
                if row != found.fetchone():
                    yield Problem(VIEW_NAME, f"{table}: the row of {row[0]!r} is not what the log says")
                    break
            else:
                if found.fetchone() is not None:
                    yield Problem(VIEW_NAME, f"{table}: it has more rows than the log gives")


def _objects(connection: sqlite3.Connection, schema: str) -> dict[str, tuple[object, ...]]:
    rows = connection.execute(f"SELECT type, name, tbl_name, sql FROM {schema}.sqlite_master")
    return {f"{kind} {name}": (table, sql) for kind, name, table, sql in rows}
