"""Tests of fairwitness.evidence.schema."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from fairwitness.errors import EvidenceError
from fairwitness.evidence import Keep, Log, Reader
from fairwitness.evidence.entry import entry_text
from fairwitness.evidence.schema import connect, connect_readonly
from fairwitness.evidence.stored import entries_at
from fairwitness.evidence.testing import ALLOWED, NOON_US, make_exchange, make_request, open_log

LARGE = os.urandom(300_000)


@pytest.fixture
def written(log: Log, evidence: Path) -> Path:
    """The folder of a closed log with 600 entries, a table body and a file body."""
    for number in range(300):
        request = make_request()
        log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
        body = (b"x" * 5000, LARGE, b"")[min(number, 2)]
        log.append_response(make_exchange(request, body=body), body=None, keep=Keep.WHOLE)
    log.checkpoint_full()
    log.close(time_us=NOON_US)
    return evidence


def _attack(folder: Path, sql: str, *, recursive_triggers: bool) -> str:
    """What SQLite says to a statement; empty where it obeyed."""
    connection = sqlite3.connect(folder / "log.sqlite3")
    try:
        connection.execute(f"PRAGMA recursive_triggers = {'ON' if recursive_triggers else 'OFF'}")
        connection.execute(sql)
        connection.commit()
    except sqlite3.IntegrityError as error:
        return str(error)
    finally:
        connection.close()
    return ""


ATTACKS = {
    "UPDATE entry SET time_us = 1 WHERE idx = 3": "an entry is never changed",
    "UPDATE entry SET idx = 100000 WHERE idx = 3": "an entry is never changed",
    "DELETE FROM entry WHERE idx = (SELECT max(idx) FROM entry)": "an entry is never deleted",
    "DELETE FROM entry": "an entry is never deleted",
    "INSERT OR REPLACE INTO entry SELECT idx, kind, 1, exchange, after, number, leaf FROM entry": "",
    "REPLACE INTO entry SELECT idx, kind, 1, exchange, after, number, leaf FROM entry WHERE idx = 3": "",
    "INSERT INTO entry SELECT 100000, kind, 1, exchange, after, number, leaf FROM entry WHERE idx = 3": "",
    "INSERT INTO entry SELECT -5, kind, 1, exchange, after, number, leaf FROM entry WHERE idx = 3": "",
    "INSERT INTO entry SELECT 3, kind, 1, exchange, after, number, leaf FROM entry WHERE idx = 3"
    " ON CONFLICT (idx) DO UPDATE SET time_us = 1": "",
    "UPDATE tree SET hash = x'00'": "a node is never changed",
    "DELETE FROM tree": "a node is never deleted",
    "REPLACE INTO tree SELECT level, number, x'00' FROM tree": "a node can only be added at the end",
    "INSERT INTO tree VALUES (8, 77, x'00')": "a node can only be added at the end",
    "UPDATE opening SET key = x'00' WHERE idx = 3": "what opens an entry is never changed",
    "DELETE FROM opening WHERE idx = 3": "the text of an entry is written out before it is erased",
    "INSERT OR REPLACE INTO opening SELECT idx, x'00', data, 1, body, rest FROM opening": (
        "what opens an entry is never replaced"
    ),
    "UPDATE body SET data = x'00' WHERE data IS NOT NULL": "a body is never changed",
}


@pytest.mark.parametrize("recursive_triggers", [True, False])
@pytest.mark.parametrize("sql", ATTACKS)
def test_log_grows_at_its_end_and_nowhere_else(written: Path, sql: str, recursive_triggers: bool) -> None:
    """No statement of another program changes, drops, replaces or inserts anything, whatever its settings."""
    before = (written / "log.sqlite3").read_bytes()
    refusal = ATTACKS[sql] or "an entry can only be added at the end"

    assert refusal == _attack(written, sql, recursive_triggers=recursive_triggers)
    assert before == (written / "log.sqlite3").read_bytes()


def _text_of(connection: sqlite3.Connection, index: int) -> str:
    """The text of an entry without a body, as erasing will write it out."""
    (entry,) = entries_at(connection, [index])
    segments = entry.segments()
    return entry_text(
        entry.kind,
        time_us=entry.time_us,
        exchange=entry.exchange,
        key=entry.key,
        meta=segments.meta,
        head=segments.head,
        body=(),
    )


def test_entry_can_be_erased_once_its_text_was_written_out(written: Path) -> None:
    """The layout lets key and content go, while leaf and proofs stay as they are."""
    connection = sqlite3.connect(written / "log.sqlite3")
    for index in (100, 102):
        text = _text_of(connection, index) if index == 100 else "another text"
        connection.execute("INSERT INTO written (idx, text) VALUES (?, ?)", (index, text))
        connection.execute("DELETE FROM opening WHERE idx = ?", (index,))
    connection.commit()
    for sql in (
        "UPDATE written SET text = 'x'",
        "DELETE FROM written",
        "REPLACE INTO written VALUES (100, 'x')",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="a written text is never"):
            connection.execute(sql)
    with pytest.raises(sqlite3.IntegrityError, match="never replaced"):
        connection.execute("INSERT INTO opening VALUES (100, x'00', x'00', 1, NULL, NULL)")
    connection.close()
    (written / "view.sqlite3").unlink()
    with Reader.open(written) as reader:
        problems = [str(problem) for problem in reader.problems()]

    nobody_said_so = "what opens it was erased, and no entry says so"
    assert [
        "Problem(where='entry 102', what='its bytes do not give its leaf')",
        *(f"Problem(where='entry {index}', what={nobody_said_so!r})" for index in (100, 102)),
    ] == problems


def test_only_the_owner_sees_anything(written: Path) -> None:
    """Every file has mode 0600 and every folder 0700, whatever the umask says."""
    modes = {stat.S_IMODE(path.lstat().st_mode) for path in [written, *written.rglob("*")] if path.is_dir()}
    files = {stat.S_IMODE(path.lstat().st_mode) for path in written.rglob("*") if path.is_file()}

    assert {0o700} == modes
    assert {0o600} == files
    assert 5 <= len(list(written.rglob("*")))


def test_side_files_of_an_open_log_are_the_owners_too(evidence: Path) -> None:
    """The write-ahead log holds what the database will hold."""
    mask = os.umask(0)
    try:
        log = open_log(evidence)
        log.append_note("x", time_us=NOON_US)
        log.checkpoint_full()
        files = {
            path.name: stat.S_IMODE(path.stat().st_mode) for path in evidence.iterdir() if path.is_file()
        }
        log.close(time_us=NOON_US)
    finally:
        os.umask(mask)

    assert {"log.sqlite3-wal", "log.sqlite3-shm", "lock", "view.sqlite3"} <= files.keys()
    assert {0o600} == set(files.values())


def test_folder_that_was_open_to_others_is_closed(written: Path) -> None:
    """Modes that were widened are narrowed at the next start."""
    written.chmod(0o755)
    (written / "log.sqlite3").chmod(0o644)
    open_log(written).close(time_us=NOON_US)

    assert 0o700 == stat.S_IMODE(written.stat().st_mode)
    assert 0o600 == stat.S_IMODE((written / "log.sqlite3").stat().st_mode)


def test_database_is_as_documented(written: Path) -> None:
    """8 KiB pages, write-ahead log, and for the writer: recursive triggers and secure delete."""
    connection = connect(written / "log.sqlite3")
    found = [
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_size", "journal_mode", "recursive_triggers", "secure_delete", "synchronous")
    ]
    connection.close()

    assert [8192, "wal", 1, 1, 1] == found


def test_log_of_a_newer_version_is_refused(written: Path) -> None:
    """Rather than written in a way that its own version would not understand."""
    connection = sqlite3.connect(written / "log.sqlite3")
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
        " VALUES ('fairwitness.evidence', 'm999', 'x')"
    )
    connection.commit()
    connection.close()
    with pytest.raises(EvidenceError, match="newer fairwitness"):
        open_log(written)


def test_file_that_is_no_database_is_one_clear_error(evidence: Path) -> None:
    """Binary garbage where the log should be."""
    evidence.mkdir()
    (evidence / "log.sqlite3").write_bytes(bytes(range(256)) * 64)
    for use in (open_log, Reader.open):
        with pytest.raises(EvidenceError, match="cannot be read"):
            use(evidence)


def test_database_of_something_else_is_one_clear_error(evidence: Path) -> None:
    """A SQLite file without our tables is not read as if it had them."""
    evidence.mkdir()
    connection = sqlite3.connect(evidence / "log.sqlite3")
    connection.execute("CREATE TABLE other (x)")
    connection.close()
    with pytest.raises(EvidenceError, match="cannot be read"):
        Reader.open(evidence)


def test_links_are_not_followed(evidence: Path, tmp_path: Path) -> None:
    """A link where the log should be could name any file of the user."""
    evidence.mkdir()
    (evidence / "log.sqlite3").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EvidenceError, match="cannot be opened"):
        open_log(evidence)

    assert not (tmp_path / "elsewhere").exists()


def test_folder_that_is_a_file_is_one_clear_error(evidence: Path) -> None:
    """The evidence folder must be a folder."""
    evidence.write_text("")
    with pytest.raises(EvidenceError, match="cannot be used"):
        open_log(evidence)
    with pytest.raises(EvidenceError, match="no evidence log"):
        Reader.open(evidence)


@pytest.mark.parametrize("name", ["log.sqlite3", "view.sqlite3"])
def test_bytes_that_are_no_text_in_a_schema_are_damage_and_no_bug(written: Path, name: str) -> None:
    """SQLite quotes them in its message: a log is refused with a word, a view is made anew."""
    with Reader.open(written) as reader:
        assert reader.exchange("1")
    database = written / name
    content = database.read_bytes()
    assert content.count(b"CREATE TABLE ") > 1
    database.write_bytes(content.replace(b"CREATE TABLE ", b"CREATE \xb4\xe9BLE ", 1))

    if name == "view.sqlite3":
        with Reader.open(written) as reader:
            assert ["view.sqlite3"] == [each.where for each in reader.problems()]
            assert reader.exchange("1")
        open_log(written).close(time_us=NOON_US)
        return
    for use in (lambda: connect_readonly(database), lambda: open_log(written)):
        with pytest.raises(EvidenceError, match="malformed database schema"):
            use()
