"""The full-text index: which pieces of words stand in which entry; derived, and may be dropped at any time.

It holds no text.  A search reads what the index names, so a piece too many costs time and nothing else; for
what the index does not know (newer entries, what lies behind the first MiB) the search reads the log.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self
from zlib import crc32

from fairwitness.evidence.bodyrow import FOLDER_NAME
from fairwitness.evidence.derived import drop_derived, log_name, open_derived
from fairwitness.evidence.layout import DamagedError
from fairwitness.evidence.schema import LOG_NAME, connect_readonly, has_tables
from fairwitness.evidence.stored import StoredEntry, entries_at, entries_from, stored_size
from fairwitness.evidence.viewrow import begun_row
from fairwitness.evidence.words import INDEXED_BYTES, indexed_text, match_of, searched_text, searched_url

WORDS_NAME = "words.sqlite3"
VERSION = 1  # another one is dropped and rebuilt
_PORTION = 200  # entries written at once
_SPARE_BYTES = 64 << 20  # 64 MiB of the disk that are left to the evidence itself
_PORTION_BYTES = 256 << 10  # 256 KiB of text written at once: about 15 ms

_SCHEMA = (
    """CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL,
        log BLOB NOT NULL, size INTEGER NOT NULL, checksum INTEGER NOT NULL)""",
    # Entries of which not all is indexed.
    "CREATE TABLE beyond (idx INTEGER PRIMARY KEY)",
    # Without text, places and sizes: a third of what places take, and every hit is read anyway.
    """CREATE VIRTUAL TABLE words USING fts5 (text, content = '', columnsize = 0, detail = none,
        tokenize = 'trigram case_sensitive 1')""",
    # Never all of a level at once, which takes seconds; the merging in steps, with each portion, keeps up.
    "INSERT INTO words (words, rank) VALUES ('crisismerge', 500)",
)


class WordIndex:
    """An index that is open, to be asked or to be filled.

    A class, because what is asked and what is filled next depends on where it stands.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.size = int(connection.execute("SELECT size FROM state").fetchone()[0])
        """How many entries of the log it knows."""

    @classmethod
    def open_readonly(cls, folder: Path, log: sqlite3.Connection) -> Self | None:
        """The index of a log as it is now; None where it is missing, broken or of another log."""
        path = folder / WORDS_NAME
        if not path.is_file():
            return None
        try:
            connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1.0, isolation_level=None
            )
        except sqlite3.Error:
            return None
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("BEGIN")
            if _belongs(connection, log):
                return cls(connection)
        except (sqlite3.Error, TypeError):
            pass  # broken: as if it were not there
        connection.close()
        return None

    def entries_with(self, needle: bytes, *, first: int, last: int, most: int) -> list[int] | None:
        """The entries between two, both inclusive, that may hold a needle.

        Gives None where that cannot be said: they are more than *most*, the needle has no three printable
        characters in a row, or the index is broken.
        """
        match = match_of(needle)
        if match is None:
            return None
        sql = "SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ? LIMIT ?"
        try:
            found = self.connection.execute(sql, (match, first, last, most + 1)).fetchall()
        except sqlite3.Error:
            return None
        return [index for (index,) in found] if len(found) <= most else None

    def beyond(self, first: int, last: int) -> list[int]:
        """The entries between two of which not all is indexed."""
        sql = "SELECT idx FROM beyond WHERE idx BETWEEN ? AND ?"
        return [index for (index,) in self.connection.execute(sql, (first, last))]


class WordFiller:
    """Fills the index of a log, in portions; in whichever thread, but one at a time.

    A class, because it goes on where it stopped, with connections of its own.
    """

    def __init__(self, folder: Path) -> None:
        """The index of a folder's log; a stranger or a broken one is dropped.

        Raises:
            sqlite3.Error: It cannot be made, as with an SQLite without FTS5.
            OSError: It cannot be made.
            EvidenceError: The log cannot be read.
        """
        self._folder = folder
        self._log = connect_readonly(folder / LOG_NAME, is_shared=True)
        with contextlib.ExitStack() as undo:
            undo.callback(self._log.close)
            try:
                self._index = WordIndex(_connect(folder, self._log))
            except (sqlite3.DatabaseError, TypeError):
                drop_derived(folder, WORDS_NAME)
                self._index = WordIndex(_connect(folder, self._log))
            undo.pop_all()

    @property
    def size(self) -> int:
        """How many entries of the log are in it."""
        return self._index.size

    def fill(self, stop: int, *, seconds: float = 0.0) -> bool:
        """Take in the next entries, one portion at least; whether all below *stop* are in it.

        Args:
            stop: An index of the log up to which it is committed.
            seconds: A new portion is begun until then.

        Raises:
            sqlite3.Error: It cannot be written, or the log cannot be read.
            OSError: The disk is nearly full: what room there is belongs to the evidence.
        """
        disk = os.statvfs(self._folder)
        if self.size < stop and disk.f_bavail * disk.f_frsize < _SPARE_BYTES:
            raise OSError(errno.ENOSPC, "the disk has too little room left")
        end = time.monotonic() + seconds
        while self.size < stop:
            self._fill_portion(stop)
            if time.monotonic() >= end:
                break
        return self.size >= stop

    def forget(self, indexes: Iterable[int]) -> None:
        """Remove all traces of entries; to be called before what opens them is erased.

        Raises:
            sqlite3.Error: It cannot be done; the index as a whole must then be dropped.
        """
        connection = self._index.connection
        connection.execute("BEGIN")
        for entry in entries_at(self._log, [index for index in indexes if index < self.size]):
            text, _ = self._text(entry)
            connection.execute(
                "INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)", (entry.index, text)
            )
            connection.execute("DELETE FROM beyond WHERE idx = ?", (entry.index,))
        # Only now is what was deleted gone from the segments, and with secure_delete from free pages.
        connection.execute("INSERT INTO words (words) VALUES ('optimize')")
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close both databases."""
        self._index.connection.close()
        self._log.close()

    def _fill_portion(self, stop: int) -> None:
        index, taken, beyond, length = self._index, [], [], 0
        size = index.size
        for entry in entries_from(self._log, size, min(stop, size + _PORTION)):
            text, is_whole = self._text(entry)
            if text:
                taken.append((entry.index, text))
            if not is_whole:
                beyond.append((entry.index,))
            length += len(text)
            size = entry.index + 1
            if length >= _PORTION_BYTES:
                break
        connection = index.connection
        connection.execute("BEGIN")
        try:
            connection.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", taken)
            connection.executemany("INSERT INTO beyond (idx) VALUES (?)", beyond)
            connection.execute("UPDATE state SET size = ?, checksum = ?", (size, _checksum(size)))
            connection.execute("COMMIT")
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        if size == index.size:
            raise sqlite3.DatabaseError("the log lacks an entry")
        index.size = size

    def _text(self, entry: StoredEntry) -> tuple[str, bool]:
        """What is indexed of an entry, and whether that is all."""
        is_whole, text, url = True, b"", b""
        try:
            text = searched_text(entry, connection=self._log, bodies=self._folder / FOLDER_NAME)
        except DamagedError:
            is_whole = False
        if len(text) > INDEXED_BYTES:
            is_whole, text = False, text[:INDEXED_BYTES]
        row = begun_row(entry, session=0)
        if row is not None:
            url = searched_url(row.url)
        return indexed_text(url + b"\n" + text), is_whole


def _connect(folder: Path, log: sqlite3.Connection) -> sqlite3.Connection:
    def make(connection: sqlite3.Connection) -> None:
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO state (id, version, log, size, checksum) VALUES (1, ?, ?, 0, ?)",
            (VERSION, log_name(log), _checksum(0)),
        )

    return open_derived(
        folder / WORDS_NAME,
        make=make,
        belongs=lambda connection: _belongs(connection, log),
        page_bytes=8192,
        from_any_thread=True,
    )


def _belongs(connection: sqlite3.Connection, log: sqlite3.Connection) -> bool:
    if not has_tables(connection, _SCHEMA):
        return False
    row = connection.execute("SELECT version, log, size, checksum FROM state").fetchone()
    if row is None or row[0] != VERSION or row[1] != log_name(log):
        return False
    connection.execute("SELECT rowid FROM words WHERE words MATCH '\"abc\"' LIMIT 1").fetchall()
    connection.execute("SELECT idx FROM beyond LIMIT 1").fetchall()
    return isinstance(row[2], int) and row[2] <= stored_size(log) and row[3] == _checksum(row[2])


def _checksum(size: int) -> int:
    """Says that an index ends where it says."""
    return crc32(f"words {size}".encode())


@contextlib.contextmanager
def word_index(folder: Path, log: sqlite3.Connection) -> Iterator[WordIndex | None]:
    """The index of a log, to be asked; None where there is none that can be."""
    index = WordIndex.open_readonly(folder, log)
    try:
        yield index
    finally:
        if index is not None:
            index.connection.close()
