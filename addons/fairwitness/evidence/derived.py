"""What the files that are derived from a log have in common: one writer, and nothing lost when they go."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from fairwitness.evidence.schema import only_sqlite_errors

_LOCK_NAME = "derived.lock"


def take_derived_lock(folder: Path) -> int | None:
    """Become the one who writes the derived files; None where another one is.

    It is not the log's lock: who only reads the log may take this one, and stops nobody from writing the log.
    Closing the descriptor that is given gives it up.

    Raises:
        OSError: The lock file cannot be opened.
    """
    descriptor = os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@contextlib.contextmanager
def derived_lock(folder: Path) -> Iterator[bool]:
    """Whether one is the only writer of the derived files meanwhile.

    Raises:
        OSError: The lock file cannot be opened.
    """
    descriptor = take_derived_lock(folder)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _make_private(path: Path) -> None:
    """Make a file of mode 0600 where there is none, before SQLite opens it.

    Raises:
        OSError: It cannot be opened.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    os.close(descriptor)


@only_sqlite_errors()
def open_derived(
    path: Path,
    *,
    make: Callable[[sqlite3.Connection], None],
    belongs: Callable[[sqlite3.Connection], bool],
    page_bytes: int | None = None,
    from_any_thread: bool = False,
) -> sqlite3.Connection:
    """A derived database, open for writing, made where there is none.

    Args:
        path: Where it lies.
        make: Fills a new one, within a transaction.
        belongs: Whether it is one of this log and of this version.
        page_bytes: SQLite's page size; None: its default.
        from_any_thread: Whether other threads than this one use the connection, one at a time.

    Raises:
        sqlite3.Error: It cannot be opened, or is a stranger's.
        OSError: It cannot be opened.
    """
    _make_private(path)
    with contextlib.ExitStack() as undo:
        connection = sqlite3.connect(
            path, isolation_level=None, timeout=0.2, check_same_thread=not from_any_thread
        )
        undo.callback(connection.close)
        if page_bytes is not None:
            connection.execute(f"PRAGMA page_size = {page_bytes}")
        connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
            " PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;"
        )
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            connection.execute("BEGIN")
            make(connection)
            connection.execute("COMMIT")
        if not belongs(connection):
            raise sqlite3.DatabaseError(f"{path.name} is of another log")
        undo.pop_all()
    return connection


def drop_derived(folder: Path, name: str) -> None:
    """Remove a derived database; nothing is lost but the time to rebuild it."""
    for each in (name, name + "-wal", name + "-shm"):
        (folder / each).unlink(missing_ok=True)


def log_name(log: sqlite3.Connection) -> bytes:
    """What tells one log from another: the leaf of its first entry."""
    row = log.execute("SELECT leaf FROM entry WHERE idx = 0").fetchone()
    return bytes(row[0]) if row is not None else b""
