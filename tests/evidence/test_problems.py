"""Tests of fairwitness.evidence.problems: whatever is changed in a folder is named."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tracemalloc
import zlib
from pathlib import Path

import pytest
import zstandard

from fairwitness.errors import EvidenceError
from fairwitness.evidence import Keep, Problem, Reader
from fairwitness.evidence.testing import (
    ALLOWED,
    BLOCKED,
    NOON_US,
    Tamper,
    ended,
    make_connection,
    make_exchange,
    make_flag,
    make_request,
    open_log,
    write_chunks,
)
from fairwitness.model.flag import Answer, AnswerAs
from fairwitness.model.message import Direction, Message
from fairwitness.model.record import LogFilter

NOISE = random.Random(1).randbytes(400_000)


def _fill(folder: Path) -> None:
    """Every kind of entry and every table, in few rows."""
    log = open_log(folder)
    log.append_session([("version", "1")], time_us=NOON_US)
    request = make_request(method="POST", body=b"small")
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.append_flag(make_flag("f1", request.exchange))
    log.append_response(make_exchange(request, body=NOISE[:5000]), body=None, keep=Keep.WHOLE, flags=["f2"])
    writer = log.open_body(request.exchange, Direction.SENT, keep=Keep.WHOLE)
    write_chunks(writer, NOISE, 100_000)
    log.append_body(request.exchange, writer, time_us=NOON_US, failure="client left")
    message = Message(
        exchange=request.exchange,
        direction=Direction.SENT,
        kind="text",
        number=1,
        content=b"hello",
        time_us=NOON_US,
    )
    log.append_message(message, keep=Keep.WHOLE)
    for _ in range(2):
        log.append_blocked(make_request(host="cdn.other.test", page="p"), verdict=BLOCKED, time_us=NOON_US)
    tunnel = make_connection()
    log.append_connection(tunnel, verdict=ALLOWED)
    log.append_connection_end(ended(tunnel, sent=1, received=2))
    log.append_connection(make_connection(purpose="http"), verdict=ALLOWED)
    log.append_answer(Answer(flag="f1", answered_as=AnswerAs.ACCIDENT, note="oh", time_us=NOON_US))
    log.append_request(make_request(), verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.checkpoint_full()
    log.close(time_us=NOON_US)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small folder with something of everything in it."""
    folder = tmp_path_factory.mktemp("sample") / "evidence"
    _fill(folder)
    return folder


@pytest.fixture
def copy(sample: Path, tmp_path: Path) -> Path:
    """A copy to be harmed."""
    copied = tmp_path / "copy"
    shutil.copytree(sample, copied)
    return copied


def _problems(folder: Path) -> list[Problem]:
    with Reader.open(folder) as reader:
        return list(reader.problems())


def _named(folder: Path, where: str) -> bool:
    return any(problem.where.startswith(where) for problem in _problems(folder))


def test_untouched_folder_has_no_problem(sample: Path) -> None:
    """Else every other test here would prove nothing."""
    assert [] == _problems(sample)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["log.sqlite3", "view.sqlite3"])
def test_flip_in_every_column_of_every_table_is_named(sample: Path, tmp_path: Path, name: str) -> None:
    """In the first and the last row of each that holds anything, but where SQLite itself refuses."""
    cells = Tamper(sample, name).cells()
    ends = {(cell.table, cell.column): cell for cell in reversed(cells) if cell.flipped(0) is not None}
    chosen = list(ends.values())
    ends = {(cell.table, cell.column): cell for cell in cells if cell.flipped(0) is not None}
    silent = []
    for number, cell in enumerate([*chosen, *ends.values()]):
        folder = tmp_path / str(number)
        shutil.copytree(sample, folder)
        try:
            assert 1 == Tamper(folder, name).put(cell, cell.flipped(number * 11))
        except sqlite3.IntegrityError:
            continue
        if not _problems(folder):
            silent.append(f"{cell.table}.{cell.column} {cell.value!r:.40}")
        shutil.rmtree(folder)

    assert [] == silent
    assert {"log.sqlite3": 26, "view.sqlite3": 34}[name] <= len(ends)


def test_any_null_that_is_filled_is_named(sample: Path, tmp_path: Path) -> None:
    """A number, a token or a body that an entry never had."""
    silent = []
    empty = {(cell.table, cell.column): cell for cell in Tamper(sample).cells() if cell.value is None}
    for number, cell in enumerate(empty.values()):
        folder = tmp_path / str(number)
        shutil.copytree(sample, folder)
        Tamper(folder).put(cell, 7 if cell.column == "number" else b"\1" * 32)
        if not _problems(folder):
            silent.append(f"{cell.table}.{cell.column}")

    assert [] == silent
    assert {("entry", "after"), ("entry", "number"), ("opening", "body"), ("opening", "rest")} <= empty.keys()


@pytest.mark.parametrize(
    ("sql", "where"),
    [
        ("DELETE FROM entry WHERE idx = 3", "entry 4"),
        ("DELETE FROM entry WHERE idx = (SELECT max(idx) FROM entry)", "opening"),
        ("DELETE FROM opening WHERE idx = 3", "entry 3"),
        ("DELETE FROM body", "entry"),
        ("DELETE FROM _sqlite_migrations", "_sqlite_migrations"),
        ("INSERT INTO _sqlite_migrations VALUES (5, 'x', 'y', 'z')", "_sqlite_migrations"),
        ("UPDATE entry SET after = x'00' WHERE idx = 2", "entry 2"),
        ("UPDATE entry SET after = zeroblob(32) WHERE idx = 2", "entry 2"),
        ("UPDATE entry SET leaf = (SELECT leaf FROM entry WHERE idx = 4) WHERE idx = 3", "entry 3"),
        ("UPDATE entry SET kind = 'response' WHERE idx = 2", "entry 2"),
        ("UPDATE entry SET kind = 7 WHERE idx = 2", "entry 2"),
        ("UPDATE entry SET time_us = 'x' WHERE idx = 2", "entry 2"),
        ("UPDATE entry SET time_us = 9223372036854775807 WHERE idx = 2", "entry 2"),
        ("UPDATE entry SET exchange = x'00' WHERE idx = 2", "entry 2"),
        ("UPDATE entry SET number = NULL WHERE idx = 2", "entry 2"),
        ("UPDATE opening SET key = x'00' WHERE idx = 2", "entry 2"),
        ("UPDATE opening SET key = (SELECT key FROM opening WHERE idx = 3) WHERE idx = 2", "entry 2"),
        ("UPDATE opening SET data = 'text' WHERE idx = 2", "entry 2"),
        ("UPDATE body SET data = NULL", "body"),
        ("UPDATE body SET coding = 7", "body"),
        (
            "INSERT INTO opening SELECT 999, key, data, checksum, body, rest FROM opening WHERE idx = 2",
            "opening 999",
        ),
        ("INSERT INTO written VALUES (999, 'x')", "written 999"),
        ("INSERT INTO written VALUES (2, 'x')", "written 2"),
        ("INSERT INTO tree VALUES (8, 0, x'00')", "tree"),
        (
            "INSERT INTO body SELECT x'00', bytes, coding, data, stored, checksum FROM body LIMIT 1",
            "body 00",
        ),
        ("DROP INDEX opening_body", "log.sqlite3"),
        ("CREATE TABLE extra (x)", "log.sqlite3"),
    ],
)
def test_change_behind_the_triggers_is_named(copy: Path, sql: str, where: str) -> None:
    """Rows that go, come, or take another's place."""
    Tamper(copy).run(sql)

    assert _named(copy, where)


def test_missing_trigger_is_named(copy: Path) -> None:
    """A log whose guard was taken away may have been changed by anybody since."""
    connection = sqlite3.connect(copy / "log.sqlite3")
    connection.execute("DROP TRIGGER entry_is_never_changed")
    connection.close()

    assert [Problem("log.sqlite3", "trigger entry_is_never_changed is not as it was made")] == _problems(copy)


def test_changed_file_of_a_body_is_named(copy: Path) -> None:
    """Any byte, its end, or the whole file."""
    (path,) = [path for path in (copy / "bodies").rglob("*") if path.is_file()]
    content = path.read_bytes()
    for changed in (
        content[:-1],
        content + b"x",
        b"",
        b"x" + content[1:],
        content[:4] + b"\xff" + content[5:],
    ):
        path.write_bytes(changed)

        assert _named(copy, f"body {path.name[:16]}")
    path.unlink()
    assert _named(copy, f"body {path.name[:16]}")
    path.write_bytes(content)
    assert [] == _problems(copy)


def test_file_of_a_body_never_expands_beyond_what_is_stored(copy: Path) -> None:
    """A bomb under the name of a body is a problem, not a full memory."""
    (path,) = [path for path in (copy / "bodies").rglob("*") if path.is_file()]
    bomb = zstandard.compress(bytes(200 << 20), 1)
    path.write_bytes(bomb)
    sql = "UPDATE body SET checksum = ?, stored = ? WHERE data IS NULL"
    Tamper(copy).run(sql, (zlib.crc32(bomb), len(bomb)))
    tracemalloc.start()
    is_named = _named(copy, f"body {path.name[:16]}")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert is_named
    assert peak < 64 << 20


def test_tree_is_computed_anew(tmp_path: Path) -> None:
    """A node that was changed or is missing is named, and leaves that were exchanged are."""
    folder = tmp_path / "evidence"
    log = open_log(folder)
    for _ in range(600):
        log.append_note("x", time_us=NOON_US)
    log.close(time_us=NOON_US)
    tamper = Tamper(folder)
    assert [] == _problems(folder)
    (cell, *_) = [cell for cell in tamper.cells() if (cell.table, cell.column) == ("tree", "hash")]
    tamper.put(cell, cell.flipped(9))

    assert [Problem("tree", "node 0 of level 8 is not the hash of its leaves")] == _problems(folder)
    tamper.run("DELETE FROM tree WHERE number = 0")
    assert Problem("tree", "it has 1 nodes, its entries give 2") in _problems(folder)


def test_body_that_is_stored_in_part_is_checked_as_far_as_it_goes(tmp_path: Path) -> None:
    """Also what lies behind the last piece that has a hash of its own."""
    folder = tmp_path / "evidence"
    log = open_log(folder)
    request = make_request()
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    message = Message(
        exchange=request.exchange,
        direction=Direction.RECEIVED,
        kind="binary",
        number=1,
        content=bytes(3 << 20),
        time_us=NOON_US,
    )
    log.append_message(message, keep=Keep.WHOLE)
    log.close(time_us=NOON_US)
    assert [] == _problems(folder)
    (cell,) = [cell for cell in Tamper(folder).cells() if cell.column == "rest" and cell.value is not None]
    Tamper(folder).put(cell, cell.flipped(3))

    assert _named(folder, "entry 2")


def test_problems_of_a_running_log_are_those_of_one_moment(tmp_path: Path) -> None:
    """The log may grow while it is checked."""
    folder = tmp_path / "evidence"
    log = open_log(folder)
    for _ in range(1200):
        log.append_note("x", time_us=NOON_US)
    log.commit_now()
    with Reader.open(folder) as reader:
        problems = reader.problems()
        log.append_request(make_request(), verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
        for _ in range(3):
            log.checkpoint_full()

        assert [] == list(problems)
        assert [] == list(reader.problems())
    log.close(time_us=NOON_US)


@pytest.mark.parametrize("at", [0, 20, 100, 8192, 3 * 8192, -8192, -1])
def test_database_that_is_cut_or_overwritten_is_named(copy: Path, at: int) -> None:
    """Never a traceback: SQLite's refusal is a problem, or one clear error."""
    content = bytearray((copy / "log.sqlite3").read_bytes())
    for changed in (content[:at], content[:at] + b"\xaa" * 64 + content[at:][64:]):
        (copy / "log.sqlite3").write_bytes(changed)
        try:
            found = bool(_problems(copy))
        except EvidenceError:
            found = True

        assert found


ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n)"


@pytest.mark.parametrize(
    ("name", "table"), [("log.sqlite3", "entry"), ("view.sqlite3", "exchange"), ("words.sqlite3", "beyond")]
)
def test_tables_of_a_strangers_database_have_an_end(copy: Path, name: str, table: str) -> None:
    """What poses as a table and has rows without end is not read: the log is refused, the rest made anew."""
    with Reader.open(copy) as reader:
        wanted = list(reader.exchanges(LogFilter(words=("app.example",))))
    connection = sqlite3.connect(copy / name)
    connection.execute(f"ALTER TABLE {table} RENAME TO old")
    connection.execute(f"CREATE VIEW {table} AS {ENDLESS} SELECT old.* FROM n LEFT JOIN old")
    connection.close()
    if table == "entry":
        for use in (Reader.open, open_log):
            with pytest.raises(EvidenceError, match="its tables are not those of a log"):
                use(copy)
    else:
        with Reader.open(copy) as reader:
            assert wanted == list(reader.exchanges(LogFilter(words=("app.example",))))
