"""The tables of the log, made by migrations, and how the database is opened."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from fairwitness.errors import EvidenceError
from fairwitness.evidence.layout import DamagedError
from fairwitness.evidence.plain import odd_of, open_plain
from fairwitness.evidence.trouble import trouble_of

LOG_NAME = "log.sqlite3"
PAGE_BYTES = 8192
MIGRATION_SET = "fairwitness.evidence"
_NO_LOG = "its tables are not those of a log"
BUSY_S = 1.0  # how long another program's lock on the database is waited for

# Unlike a list of the rare kinds this costs a request one comparison (IN builds a table for each row: 6 us).
IS_RARE = (
    "kind <> 'request' AND kind <> 'response' AND kind <> 'blocked'"
    " AND kind <> 'message' AND kind <> 'connection' AND kind <> 'body'"
)

FIRST_SCHEMA = (
    """CREATE TABLE entry (
        idx INTEGER PRIMARY KEY,
        kind TEXT NOT NULL,
        time_us INTEGER NOT NULL,
        exchange BLOB NOT NULL,
        after BLOB,
        number INTEGER,
        leaf BLOB NOT NULL
    )""",
    """CREATE TRIGGER entry_grows_by_one BEFORE INSERT ON entry
        WHEN NEW.idx IS NOT (SELECT coalesce(max(idx), -1) + 1 FROM entry)
        BEGIN SELECT RAISE(ABORT, 'an entry can only be added at the end'); END""",
    """CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry
        BEGIN SELECT RAISE(ABORT, 'an entry is never changed'); END""",
    """CREATE TRIGGER entry_is_never_deleted BEFORE DELETE ON entry
        BEGIN SELECT RAISE(ABORT, 'an entry is never deleted'); END""",
    # Those kinds only that are few, so that the traffic does not pay for an index.
    f"CREATE INDEX entry_rare ON entry (kind) WHERE {IS_RARE}",
    """CREATE TABLE tree (
        level INTEGER NOT NULL,
        number INTEGER NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (level, number)
    ) WITHOUT ROWID""",
    """CREATE TRIGGER tree_grows_by_one BEFORE INSERT ON tree
        WHEN NEW.number IS NOT (SELECT coalesce(max(number), -1) + 1 FROM tree WHERE level = NEW.level)
        BEGIN SELECT RAISE(ABORT, 'a node can only be added at the end'); END""",
    """CREATE TRIGGER tree_is_never_changed BEFORE UPDATE ON tree
        BEGIN SELECT RAISE(ABORT, 'a node is never changed'); END""",
    """CREATE TRIGGER tree_is_never_deleted BEFORE DELETE ON tree
        BEGIN SELECT RAISE(ABORT, 'a node is never deleted'); END""",
    # What can be erased: the key and all that it opens.
    """CREATE TABLE opening (
        idx INTEGER PRIMARY KEY,
        key BLOB NOT NULL,
        data BLOB NOT NULL,
        checksum INTEGER NOT NULL,
        body BLOB,
        rest BLOB
    )""",
    """CREATE INDEX opening_body ON opening (body) WHERE body IS NOT NULL""",
    """CREATE TRIGGER opening_is_never_changed BEFORE UPDATE ON opening
        BEGIN SELECT RAISE(ABORT, 'what opens an entry is never changed'); END""",
    """CREATE TRIGGER opening_is_never_replaced BEFORE INSERT ON opening
        WHEN EXISTS (SELECT 1 FROM opening WHERE idx = NEW.idx)
          OR EXISTS (SELECT 1 FROM written WHERE idx = NEW.idx)
        BEGIN SELECT RAISE(ABORT, 'what opens an entry is never replaced'); END""",
    """CREATE TRIGGER opening_is_erased_after_its_text_was_written BEFORE DELETE ON opening
        WHEN NOT EXISTS (SELECT 1 FROM written WHERE idx = OLD.idx)
        BEGIN SELECT RAISE(ABORT, 'the text of an entry is written out before it is erased'); END""",
    """CREATE TABLE written (idx INTEGER PRIMARY KEY, text TEXT NOT NULL)""",
    """CREATE TRIGGER written_is_never_changed BEFORE UPDATE ON written
        BEGIN SELECT RAISE(ABORT, 'a written text is never changed'); END""",
    """CREATE TRIGGER written_is_never_deleted BEFORE DELETE ON written
        BEGIN SELECT RAISE(ABORT, 'a written text is never deleted'); END""",
    """CREATE TRIGGER written_is_never_replaced BEFORE INSERT ON written
        WHEN EXISTS (SELECT 1 FROM written WHERE idx = NEW.idx)
        BEGIN SELECT RAISE(ABORT, 'a written text is never replaced'); END""",
    """CREATE TABLE body (
        sha256 BLOB NOT NULL,
        bytes INTEGER NOT NULL,
        coding BLOB NOT NULL,
        data BLOB,
        stored INTEGER NOT NULL,
        checksum INTEGER NOT NULL
    )""",
    """CREATE UNIQUE INDEX body_sha256 ON body (sha256)""",
    """CREATE INDEX body_files ON body (stored) WHERE data IS NULL""",
    """CREATE TRIGGER body_is_never_changed BEFORE UPDATE ON body
        BEGIN SELECT RAISE(ABORT, 'a body is never changed'); END""",
    # Where recovery begins to read: derived, may be overwritten.
    """CREATE TABLE mark (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        size INTEGER NOT NULL,
        number INTEGER NOT NULL,
        session INTEGER NOT NULL,
        open BLOB NOT NULL,
        checksum INTEGER NOT NULL
    )""",
)


@contextlib.contextmanager
def only_sqlite_errors() -> Iterator[None]:
    """SQLite's word on a damaged schema quotes bytes of it, over which Python trips before it raises.

    Raises:
        sqlite3.DatabaseError: That happened.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise sqlite3.DatabaseError("malformed database schema") from error


def connect(path: Path) -> sqlite3.Connection:
    """The log's database, for the one process that writes it; made with mode 0600 where it is missing.

    Raises:
        EvidenceError: It is no database, or cannot be written.
    """
    try:
        descriptor = open_plain(path, os.O_RDWR | os.O_CREAT)
        os.fchmod(descriptor, 0o600)
        # Closing a descriptor drops the process's POSIX locks on that file: only now, before SQLite has any.
        os.close(descriptor)
    except OSError as error:
        raise EvidenceError(
            f"the log cannot be opened ({error.strerror})",
            where=str(path),
            mend="Give yourself the right to write the evidence folder",
        ) from error
    _refuse_odd(path)
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)
    try:
        with only_sqlite_errors():
            connection.executescript(
                f"""PRAGMA page_size = {PAGE_BYTES};
                PRAGMA journal_mode = WAL;
                PRAGMA synchronous = NORMAL;
                PRAGMA recursive_triggers = ON;
                PRAGMA secure_delete = ON;
                PRAGMA trusted_schema = OFF;
                PRAGMA wal_autocheckpoint = 0;"""
            )
    except sqlite3.Error as error:
        connection.close()
        raise unreadable(path, error) from error
    return connection


def migrate(connection: sqlite3.Connection, path: Path) -> tuple[str, ...]:
    """Bring the tables up to this version; gives a line for each migration that was applied.

    Raises:
        EvidenceError: A newer fairwitness made them, or the database is damaged.
    """
    # 0.1 s of imports that only the writer of a log pays.
    from sqlite_utils import Database, Migrations

    migrations = Migrations(MIGRATION_SET)

    @migrations()
    def m001_entries(database: Database) -> None:
        for statement in FIRST_SCHEMA:
            database.execute(statement)

    try:
        database = Database(connection)
        before = {applied.name for applied in migrations.applied(database)}
        if unknown := before - {"m001_entries"}:
            raise EvidenceError(
                f"a newer fairwitness wrote this log (it has {', '.join(sorted(unknown))})",
                where=str(path),
                mend="Update fairwitness",
            )
        migrations.apply(database)
        if not has_tables(connection, FIRST_SCHEMA):
            raise sqlite3.DatabaseError(_NO_LOG)
        return tuple(
            f"{applied.name} {applied.applied_at}"
            for applied in migrations.applied(database)
            if applied.name not in before
        )
    except sqlite3.Error as error:
        raise unreadable(path, error) from error


def connect_readonly(path: Path, *, is_shared: bool = False) -> sqlite3.Connection:
    """The log's database, for any number of readers.

    Args:
        path: Where it lies.
        is_shared: Whether several threads use it, one at a time.

    Raises:
        EvidenceError: There is none, or it is none.
    """
    if not path.is_file():
        raise EvidenceError(
            "there is no evidence log here",
            where=str(path.parent),
            mend="Run 'fairwitness run' first, or name the folder with --evidence",
        )
    _refuse_odd(path)
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=ro{'&immutable=1' if _is_at_rest(path) else ''}",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=not is_shared,
    )
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA query_only = ON")
        if not has_tables(connection, FIRST_SCHEMA):
            raise sqlite3.DatabaseError(_NO_LOG)
        connection.execute("SELECT idx, kind, time_us, exchange, after, number, leaf FROM entry LIMIT 1")
    except sqlite3.Error as error:
        connection.close()
        if not os.access(path.parent, os.W_OK):
            raise EvidenceError(
                f"the log cannot be read where nothing can be written ({error})",
                where=str(path),
                mend="Copy the evidence folder to a disk that is writable, and read it there with --evidence",
            ) from error
        raise unreadable(path, error) from error
    return connection


def _refuse_odd(path: Path) -> None:
    """SQLite waits for a pipe beside the database without end, and follows what a journal says."""
    for ending in ("-journal", "-wal", "-shm"):
        beside = path.with_name(path.name + ending)
        odd = odd_of(beside)
        if odd is not None:
            raise EvidenceError(
                f"the log cannot be read with this beside it: {odd}",
                where=str(beside),
                mend="Move it away; fairwitness did not make it",
            )


@only_sqlite_errors()
def has_tables(connection: sqlite3.Connection, statements: Sequence[str], *, schema: str = "main") -> bool:
    """Whether a database holds the tables that *statements* make, just as they make them.

    In a stranger's a view could stand in the place of one, and have rows without end.
    """
    wanted = {statement for statement in statements if re.match("CREATE (VIRTUAL )?TABLE ", statement)}
    found = connection.execute(f"SELECT sql FROM {schema}.sqlite_master WHERE type = 'table'")  # noqa: S608
    return wanted <= {sql for (sql,) in found}


def _is_at_rest(path: Path) -> bool:
    """Whether all of the log is in its one file, and nobody can write beside it from here.

    SQLite wants to make its index of the write-ahead log before it reads, unless it is told so.
    """
    if os.access(path.parent, os.W_OK):
        return False
    try:
        return os.stat(f"{path}-wal").st_size == 0
    except FileNotFoundError:
        return True


@contextlib.contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Tells what goes wrong while a log is read as what it is to a user.

    Raises:
        EvidenceError: Something did.
    """
    try:
        yield
    except (sqlite3.Error, DamagedError, OSError) as error:
        raise EvidenceError(
            f"the log cannot be read: {error}",
            where=str(folder),
            mend="'fairwitness verify FOLDER' names what is damaged",
        ) from error


def unreadable(path: Path, error: sqlite3.Error) -> EvidenceError:
    """What is said of a database that SQLite refuses."""
    trouble = trouble_of(error, path.parent)
    if trouble:
        return EvidenceError(f"the log cannot be read: {trouble.what}", where=str(path), mend=trouble.mend)
    return EvidenceError(
        f"the log cannot be read ({error})",
        where=str(path),
        mend="Move the evidence folder away to keep it, and start a new one",
    )
