"""Where the exchange view lies: a database of its own beside the log, or a temporary one over it."""

# ruff: noqa: S608 - the names put into SQL are those of this module's own schemas and columns

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from fairwitness.evidence.derived import drop_derived, log_name, open_derived
from fairwitness.evidence.schema import LOG_NAME, connect_readonly, has_tables, only_sqlite_errors
from fairwitness.evidence.stored import stored_size
from fairwitness.evidence.view import View, state_checksum
from fairwitness.evidence.viewrow import COLUMNS

VIEW_NAME = "view.sqlite3"
VERSION = 3  # another one is dropped and rebuilt
TABLES = ("exchange", "part", "loose", "seen")

_SCHEMA = (
    """CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL,
        log BLOB NOT NULL, size INTEGER NOT NULL, session INTEGER NOT NULL, checksum INTEGER NOT NULL)""",
    f"CREATE TABLE exchange (id INTEGER PRIMARY KEY, {', '.join(COLUMNS[1:])})",
    "CREATE UNIQUE INDEX exchange_name ON exchange (exchange)",
    "CREATE INDEX exchange_host ON exchange (host)",
    "CREATE INDEX exchange_time ON exchange (time_us)",
    "CREATE INDEX exchange_status ON exchange (status)",
    "CREATE INDEX exchange_decision ON exchange (decision)",
    "CREATE INDEX exchange_session ON exchange (session)",
    "CREATE INDEX exchange_label ON exchange (label) WHERE label IS NOT NULL",
    "CREATE INDEX exchange_account ON exchange (account) WHERE account IS NOT NULL",
    "CREATE TABLE part (id INTEGER NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (id, idx)) WITHOUT ROWID",
    "CREATE INDEX part_idx ON part (idx)",
    """CREATE TABLE loose (exchange BLOB NOT NULL, idx INTEGER NOT NULL, flag TEXT,
        PRIMARY KEY (exchange, idx)) WITHOUT ROWID""",
    """CREATE TABLE seen (flag TEXT NOT NULL, id INTEGER NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (flag, id)) WITHOUT ROWID""",
)


def open_view(folder: Path, log: sqlite3.Connection) -> View:
    """The view of a log, for the process that writes the log; a stranger or a broken one is dropped.

    Raises:
        sqlite3.Error: It cannot be made.
        OSError: It cannot be made.
    """
    path = folder / VIEW_NAME
    try:
        return _open(path, log)
    except (sqlite3.DatabaseError, TypeError):
        drop_view(folder)
        return _open(path, log)


def connect_view(folder: Path) -> sqlite3.Connection:
    """The view's database, which must be there, for a moment beside whoever else has it open.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    uri = f"{(folder / VIEW_NAME).resolve().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0.2)


def drop_view(folder: Path) -> None:
    """Remove the view; nothing is lost but the time to rebuild it."""
    drop_derived(folder, VIEW_NAME)


def _open(path: Path, log: sqlite3.Connection) -> View:
    connection = open_derived(
        path,
        make=lambda connection: make_tables(connection, log),
        belongs=lambda connection: belongs(connection, "main", log),
    )
    with contextlib.ExitStack() as undo:
        undo.callback(connection.close)
        view = View(connection, log, older=False)
        undo.pop_all()
    return view


@contextlib.contextmanager
def over(folder: Path | None, log: sqlite3.Connection) -> Iterator[View]:
    """A view in a temporary database over the one of *folder*, which stays as it is meanwhile.

    Args:
        folder: Where the view lies; None, and also one that is missing or broken: begin with nothing.
        log: The log.
    """
    connection = sqlite3.connect("", uri=True, isolation_level=None, timeout=1.0)
    with contextlib.closing(connection):
        connection.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA trusted_schema = OFF;"
        )
        is_attached = folder is not None and _attach(connection, folder / VIEW_NAME, log)
        connection.execute("BEGIN")
        size, session = 0, 0
        if is_attached:
            size, session = connection.execute("SELECT size, session FROM older.state").fetchone()
        make_tables(connection, log, size=size, session=session)
        yield View(connection, log, older=is_attached)


def view_size(folder: Path, log: sqlite3.Connection) -> int:
    """How many entries of the log the view of a folder knows; 0 where there is none that is whole."""
    connection = sqlite3.connect("", uri=True, isolation_level=None, timeout=1.0)
    with contextlib.closing(connection):
        if not _attach(connection, folder / VIEW_NAME, log):
            return 0
        return int(connection.execute("SELECT size FROM older.state").fetchone()[0])


def is_foreign_view(folder: Path) -> bool:
    """Whether there is a view that is broken or another log's; one that is just being made is neither.

    Raises:
        EvidenceError: SQLite does not open the log.
        sqlite3.Error: SQLite does not read the log.
    """
    path = folder / VIEW_NAME
    if not path.is_file():
        return False
    with contextlib.ExitStack() as both:
        log = both.enter_context(contextlib.closing(connect_readonly(folder / LOG_NAME)))
        try:
            view = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)
            both.callback(view.close)
            with only_sqlite_errors():
                if not view.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                    return False
            return not belongs(view, "main", log)
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", None)  # errors that Python makes itself have none
            return code not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _attach(connection: sqlite3.Connection, path: Path, log: sqlite3.Connection) -> bool:
    if not path.is_file():
        return False
    try:
        with only_sqlite_errors():
            connection.execute("ATTACH ? AS older", (f"{path.resolve().as_uri()}?mode=ro",))
        if belongs(connection, "older", log):
            return True
        connection.execute("DETACH older")
    except sqlite3.DatabaseError:
        # Broken: as if it were not there.
        if any(name == "older" for _, name, _ in connection.execute("PRAGMA database_list")):
            connection.execute("DETACH older")
    return False


def make_tables(
    connection: sqlite3.Connection, log: sqlite3.Connection, *, size: int = 0, session: int = 0
) -> None:
    """An empty view."""
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute(
        "INSERT INTO main.state (id, version, log, size, session, checksum) VALUES (1, ?, ?, ?, ?, ?)",
        (VERSION, log_name(log), size, session, state_checksum(size, session)),
    )


def belongs(connection: sqlite3.Connection, schema: str, log: sqlite3.Connection) -> bool:
    """Whether a view is one of this log and of this version."""
    if not has_tables(connection, _SCHEMA, schema=schema):
        return False
    row = connection.execute(f"SELECT version, log, size, session, checksum FROM {schema}.state").fetchone()
    if row is None or row[0] != VERSION or row[1] != log_name(log):
        return False
    _, _, size, session, checksum = row
    if not isinstance(size, int) or not isinstance(session, int) or size > stored_size(log):
        return False
    return bool(checksum == state_checksum(size, session))
