"""The database under the log: rows wait in memory for one commit, and no commit counts that went astray."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from fairwitness.errors import EvidenceError
from fairwitness.evidence.schema import BUSY_S, LOG_NAME, connect
from fairwitness.evidence.trouble import trouble_of

WAL_BYTES = 32 << 20  # 32 MiB: a write-ahead log above it is moved into the database
_PAGES_OF_A_COMMIT = 4  # about what a small commit writes; only used to guess the write-ahead log's use
_PAGE_BYTES = 8192

_INSERT_ENTRY = (
    "INSERT INTO entry (idx, kind, time_us, exchange, after, number, leaf) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_OPENING = "INSERT INTO opening (idx, key, data, checksum, body, rest) VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_NODE = "INSERT INTO tree (level, number, hash) VALUES (?, ?, ?)"
_INSERT_BODY = "INSERT INTO body (sha256, bytes, coding, data, stored, checksum) VALUES (?, ?, ?, ?, ?, ?)"
_REPLACE_MARK = (
    "INSERT OR REPLACE INTO mark (id, size, number, session, open, checksum) VALUES (1, ?, ?, ?, ?, ?)"
)

Value = int | str | bytes | None
Row = tuple[Value, ...]


class _AstrayError(Exception):
    """A commit went into files that are no longer those in the folder."""


class Store:
    """The log's database, open for writing.

    A class, because rows, failure and the identity of its files last from commit to commit.
    """

    def __init__(self, folder: Path) -> None:
        """Open the database, making it where it is missing.

        Raises:
            EvidenceError: It is no database, or cannot be written.
        """
        self.path = folder / LOG_NAME
        self.failure: str | None = None
        self._mend = "Mend the disk or the folder"
        self.entries: list[Row] = []
        self.openings: list[Row] = []
        self.nodes: list[Row] = []
        self.bodies: list[Row] = []
        self.texts: list[Row] = []
        """Texts of entries that are written out, since something of them is dropped."""
        self.dropped: list[Row] = []
        """Bodies that go."""
        self.mark: Row | None = None
        self.connection = connect(self.path)
        self._file = str(self.path)
        self._wal_file = self._file + "-wal"
        self._wal_fd = -1
        self._wal_size = 0
        self._wal_pages = 0
        self._size = 0
        found = self.path.stat()
        self._device, self._inode, self._wal_inode = found.st_dev, found.st_ino, 0
        self._mover: threading.Thread | None = None

    def check(self) -> None:
        """Refuse to go on after a failure.

        Raises:
            EvidenceError: The log has failed.
        """
        if self.failure is not None:
            raise self._error(self.failure)

    def fail(self, error: Exception) -> EvidenceError:
        """Fail for good: whatever waits is given up, and nothing is accepted any more."""
        if self.failure is None:
            trouble = trouble_of(error, self.path.parent)
            if trouble is not None:
                self._mend = trouble.mend
            if isinstance(error, _AstrayError):
                self.failure = str(error)
            else:
                self.failure = f"it cannot be written ({trouble.what if trouble else error})"
            self.drop()
        return self._error(self.failure)

    def fail_halfway(self, what: str) -> EvidenceError:
        """Fail for good, since *what* was begun and not ended: half of it must never be committed."""
        return self.fail(_AstrayError(f"a fault fell into the middle of {what}"))

    def drop(self) -> None:
        """Forget the rows that wait."""
        for rows in (self.entries, self.openings, self.nodes, self.bodies, self.texts, self.dropped):
            rows.clear()
        self.mark = None

    @property
    def is_waiting(self) -> bool:
        """Whether there are rows to commit."""
        return bool(self.entries) or self.mark is not None

    def commit(self) -> None:
        """Commit what waits, so that it survives the death of this process.

        Raises:
            EvidenceError: It could not be written, or the files are no longer those that lie in the folder.
        """
        self.check()
        if not self.is_waiting:
            return
        try:
            self._check_files()
            self._write()
            self._note_wal()
        except (sqlite3.Error, OSError, MemoryError, _AstrayError) as error:
            failure = self.fail(error)
            self._roll_back()
            raise failure from error

    def _write(self) -> None:
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        if self.bodies:
            connection.executemany(_INSERT_BODY, self.bodies)
        connection.executemany(_INSERT_ENTRY, self.entries)
        connection.executemany(_INSERT_OPENING, self.openings)
        if self.nodes:
            connection.executemany(_INSERT_NODE, self.nodes)
        if self.dropped:
            connection.executemany("INSERT INTO written (idx, text) VALUES (?, ?)", self.texts)
            connection.executemany("DELETE FROM body WHERE sha256 = ?", self.dropped)
        if self.mark is not None:
            connection.execute(_REPLACE_MARK, self.mark)
        connection.execute("COMMIT")
        self._wal_pages += _PAGES_OF_A_COMMIT + len(self.entries) // 2 + 4 * len(self.bodies)
        self.drop()

    def _roll_back(self) -> None:
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # the log has failed already, for a reason that says more

    def _check_files(self) -> None:
        """Database and write-ahead log are the files in the folder, and no shorter than before.

        Without this SQLite goes on "succeeding" after they were deleted.
        """
        try:
            database = os.stat(self._file)
            if (database.st_ino, database.st_dev) != (self._inode, self._device):
                raise _AstrayError("its database was replaced while it was open")
            if database.st_size < self._size:
                raise _AstrayError("its database was cut off while it was open")
            self._size = database.st_size
            if self._wal_fd >= 0:
                wal = os.stat(self._wal_file)
                if wal.st_ino != self._wal_inode:
                    raise _AstrayError("its write-ahead log was replaced while it was open")
                if wal.st_size < self._wal_size:
                    raise _AstrayError("its write-ahead log was cut off while it was open")
        except FileNotFoundError:
            raise _AstrayError("its database was deleted while it was open") from None

    def _note_wal(self) -> None:
        """Remember the write-ahead log as this commit left it."""
        if self._wal_fd < 0:
            self._wal_fd = os.open(self._wal_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        wal = os.fstat(self._wal_fd)
        self._wal_inode, self._wal_size = wal.st_ino, wal.st_size

    def wal_descriptor(self) -> int | None:
        """A descriptor of the write-ahead log for the caller to sync and close; None before any commit."""
        return os.dup(self._wal_fd) if self._wal_fd >= 0 else None

    def tidy(self) -> None:
        """Move a large write-ahead log into the database, in a thread: it would stop the loop for long.

        The second time around, when little was added since, the rest is moved here, so that the write-ahead
        log begins anew.
        """
        if self._mover is not None:
            if self._mover.is_alive():
                return
            self._mover = None
            self._move(self.connection)
        elif self._wal_pages * _PAGE_BYTES > WAL_BYTES:
            self._mover = threading.Thread(target=self._move_in_thread, name="evidence-checkpoint")
            self._mover.start()

    def _move_in_thread(self) -> None:
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=BUSY_S)
        try:
            # No commit waits for it, and a failure shows at the next one or does not matter.
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error:
            pass
        finally:
            connection.close()

    def _move(self, connection: sqlite3.Connection) -> None:
        try:
            _, pages, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            raise self.fail(error) from error
        self._wal_pages = max(0, pages - moved)

    def compact(self) -> bool:
        """Give the room of what was dropped back to the disk; False where the disk has no room to do it in.

        Raises:
            EvidenceError: It could not be done.
        """
        self.check()
        free = os.statvfs(self.path.parent)
        size = os.stat(self._file).st_size
        try:
            # A copy goes through the write-ahead log, which must not fill the disk.
            has_room = free.f_bavail * free.f_frsize > 2 * size + WAL_BYTES
            if has_room:
                self.connection.execute("VACUUM")
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._size = os.stat(self._file).st_size
            self._wal_pages = 0
            self._note_wal()
        except (sqlite3.Error, OSError) as error:
            raise self.fail(error) from error
        return has_room

    def bytes(self) -> int:
        """How much disk the database takes."""
        return self._size + self._wal_size

    def close(self) -> None:
        """Close the database; the last one to do so moves the write-ahead log into it."""
        if self._mover is not None:
            self._mover.join()
        if self._wal_fd >= 0:
            os.close(self._wal_fd)
            self._wal_fd = -1
        self.connection.close()

    def _error(self, what: str) -> EvidenceError:
        return EvidenceError(
            f"the log has failed: {what}",
            where=str(self.path),
            mend=f"{self._mend}, then start again; nothing is released until then",
        )


def sync_files(wal: int | None, files: Sequence[Path]) -> None:
    """Make what was written durable; touches nothing but files, so that any thread may do it.

    Raises:
        OSError: The disk refused.
    """
    try:
        for path in files:
            _sync_file(path)
            _sync_file(path.parent)
        if wal is not None:
            _sync(wal)
    finally:
        if wal is not None:
            os.close(wal)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def _sync(descriptor: int) -> None:
    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS: fsync there does not reach the platter
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)
