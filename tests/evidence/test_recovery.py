"""Tests of fairwitness.evidence.opening and fairwitness.evidence.position."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fairwitness.errors import EvidenceError
from fairwitness.evidence import Keep, Log, Reader
from fairwitness.evidence.position import read_position
from fairwitness.evidence.schema import connect
from fairwitness.evidence.testing import (
    ALLOWED,
    NOON_US,
    Tamper,
    ended,
    make_connection,
    make_exchange,
    make_request,
    open_log,
)
from fairwitness.model.message import Direction


@pytest.fixture
def crash(log: Log, tmp_path: Path) -> Callable[[], Path]:
    """Gives a copy of the folder as a killed process would leave it."""

    def copy() -> Path:
        log.commit_now()
        copied = tmp_path / "crashed"
        shutil.copytree(log.folder, copied)
        return copied

    return copy


def _release(log: Log) -> str:
    request = make_request()
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    return request.exchange


def test_request_without_response_becomes_unknown(log: Log, crash: Callable[[], Path]) -> None:
    """What became of it is not known, and the log says so; what was answered stays as it was."""
    answered = make_request()
    log.append_request(answered, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.append_response(make_exchange(answered), body=None, keep=Keep.WHOLE)
    _release(log)
    tunnel, done = make_connection(), make_connection()
    for connection in (tunnel, done):
        log.append_connection(connection, verdict=ALLOWED)
    log.append_connection_end(ended(done, sent=1, received=2))
    folder = crash()
    recovered = open_log(folder)
    recovered.close(time_us=NOON_US)
    with Reader.open(folder) as reader:
        rows = list(reader.exchanges())
        meta = reader.exchange("2").meta

        assert [] == list(reader.problems())
    assert ("session 1 was cut off: the outcome of 2 exchanges is unknown",) == recovered.recovered
    assert ["complete", "unknown", "unknown", "complete"] == [row.outcome for row in rows]
    assert ("why", "the process that waited for it died") in meta


def test_recovery_happens_once(log: Log, crash: Callable[[], Path]) -> None:
    """The next start after it finds nothing to do."""
    _release(log)
    folder = crash()
    for expected in (1, 0):
        again = open_log(folder)
        again.close(time_us=NOON_US)

        assert expected == len(again.recovered)


def test_closing_settles_what_is_open(log: Log) -> None:
    """An exchange that never ended is unknown, and says that the run ended."""
    _release(log)
    log.close(time_us=NOON_US)
    with Reader.open(log.folder) as reader:
        record = reader.exchange("1")

    assert "unknown" == record.row.outcome
    assert ("why", "the run ended while it was open") in record.meta


def test_downloads_that_were_cut_off_keep_what_came(log: Log, crash: Callable[[], Path]) -> None:
    """An answer above 256 KiB was on the disk; it is kept with the exchange, marked as cut."""
    name = _release(log)
    writer = log.open_body(name, Direction.RECEIVED, keep=Keep.WHOLE)
    writer.write(bytes(300_000))
    folder = crash()
    open_log(folder).close(time_us=NOON_US)
    with Reader.open(folder) as reader:
        record = reader.exchange(name)

    assert bytes(300_000) == record.response_body
    assert ("body-cut", "yes") in record.meta
    assert [] == list((folder / "bodies" / "parts").iterdir())


def test_damaged_and_strange_parts_stop_nobody(log: Log, crash: Callable[[], Path]) -> None:
    """Garbage among the part files is removed, not believed."""
    name = _release(log)
    folder = crash()
    parts = folder / "bodies" / "parts"
    (parts / f"{name}.sent.1-1").write_bytes(b"garbage")
    (parts / "x").write_bytes(b"")
    (parts / f"{'0' * 32}.received.1-1").write_bytes(b"")
    again = open_log(folder)
    again.close(time_us=NOON_US)
    with Reader.open(folder) as reader:
        assert b"" == reader.exchange(name).request_body
        assert [] == list(reader.problems())
    assert [] == list(parts.iterdir())


def _read_from(folder: Path) -> int:
    """From which entry on recovery reads."""
    connection = connect(folder / "log.sqlite3")
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    read_position(connection)
    connection.close()
    (found,) = [text for text in statements if text.startswith("SELECT kind, exchange, number FROM entry")]
    return int(found.split("idx >= ")[1].split()[0])


def test_recovery_reads_from_the_last_full_commit_only(log: Log, crash: Callable[[], Path]) -> None:
    """A log of a week opens as fast as one of a day."""
    for _ in range(500):
        _release(log)
    log.checkpoint_full()
    for _ in range(3):
        _release(log)
    folder = crash()

    read_from = _read_from(folder)
    again = open_log(folder)
    again.close(time_us=NOON_US)

    assert 502 == read_from
    assert ("session 1 was cut off: the outcome of 503 exchanges is unknown",) == again.recovered


def test_without_full_commits_recovery_reads_a_bounded_tail(log: Log, crash: Callable[[], Path]) -> None:
    """Even if nobody ever calls for one."""
    for _ in range(9000):
        log.append_note("x", time_us=NOON_US)

    assert 9002 - _read_from(crash()) < 4096 + 256


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE mark SET size = 99999",
        "UPDATE mark SET number = 7",
        "UPDATE mark SET open = x'00'",
        "UPDATE mark SET checksum = 0",
        "DELETE FROM mark",
    ],
)
def test_damaged_mark_costs_time_and_nothing_else(log: Log, crash: Callable[[], Path], harm: str) -> None:
    """All entries are read instead, and the numbers go on as they should."""
    for _ in range(3):
        _release(log)
    log.checkpoint_full()
    folder = crash()
    Tamper(folder).run(harm)
    again = open_log(folder)
    number = again.append_request(make_request(), verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    again.close(time_us=NOON_US)

    assert 4 == number
    assert ("session 1 was cut off: the outcome of 3 exchanges is unknown",) == again.recovered


def test_tree_goes_on_over_many_starts(log: Log, open_again: Callable[[], Log]) -> None:
    """However often the log is opened, its tree is the one over all entries."""
    log.close(time_us=NOON_US)
    for count in (250, 3, 300):
        again = open_again()
        for _ in range(count):
            again.append_note("x", time_us=NOON_US)
        again.close(time_us=NOON_US)
    with Reader.open(log.folder) as reader:
        assert [] == list(reader.problems())


def test_session_knows_when_it_ended(log: Log, open_again: Callable[[], Log]) -> None:
    """A command that takes the lock for a moment is no session."""
    log.append_session([("later", "fact")], time_us=NOON_US + 1)
    log.close(time_us=NOON_US + 9)
    open_again().close(time_us=NOON_US + 10)
    again = open_again()
    again.append_session([], time_us=NOON_US + 20)
    again.commit_now()
    with Reader.open(log.folder) as reader:
        sessions = list(reader.sessions())

    assert [(1, NOON_US, NOON_US + 9), (2, NOON_US + 20, None)] == [
        (row.session, row.started_us, row.ended_us) for row in sessions
    ]
    assert (("version", "1"), ("later", "fact")) == sessions[0].facts


def test_websocket_message_after_the_handshake_keeps_the_exchange_complete(log: Log) -> None:
    """Only requests and dials are open; a response ends them."""
    request = replace(make_request(), scheme="wss")
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.append_response(make_exchange(request, status=101), body=None, keep=Keep.WHOLE)
    log.close(time_us=NOON_US)
    with Reader.open(log.folder) as reader:
        assert ["complete"] == [row.outcome for row in reader.exchanges()]


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE opening SET data = x'00' WHERE idx = 0",
        "DELETE FROM opening WHERE idx = 0",
        "DELETE FROM tree",
        "UPDATE tree SET hash = 7",
    ],
)
def test_log_that_is_damaged_where_it_must_be_read_is_not_written(
    log: Log, crash: Callable[[], Path], harm: str
) -> None:
    """One clear error, and the lock is free again; readers still list what can be read."""
    for _ in range(300):
        _release(log)
    folder = crash()
    Tamper(folder).run(harm)
    for _ in range(2):
        with pytest.raises(EvidenceError, match="damaged"):
            open_log(folder)
    with Reader.open(folder) as reader:
        assert 300 == len(list(reader.exchanges()))
        assert [] != list(reader.problems())


def test_damaged_entry_keeps_its_line_in_lists(log: Log, crash: Callable[[], Path]) -> None:
    """Its number is not given to another, what it said is not guessed, and asking for it says so."""
    for _ in range(3):
        _release(log)
    folder = crash()
    Tamper(folder).run("UPDATE opening SET data = x'00' WHERE idx = 3")
    with Reader.open(folder) as reader:
        rows = list(reader.exchanges())
        with pytest.raises(EvidenceError, match="entry 3: its stored bytes do not match"):
            reader.exchange("2")

    assert [1, 2, 3] == [row.id for row in rows]
    assert "[unreadable]" == rows[1].url
