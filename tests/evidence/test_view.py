"""Tests of fairwitness.evidence.view: it is derived, and never needed."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from fairwitness.evidence import Keep, Log, Reader
from fairwitness.evidence.testing import (
    ALLOWED,
    BLOCKED,
    NOON_US,
    Tamper,
    make_connection,
    make_exchange,
    make_flag,
    make_request,
    open_log,
)
from fairwitness.evidence.viewfile import VIEW_NAME, open_view
from fairwitness.model.exchange import new_exchange
from fairwitness.model.record import ExchangeRow, FlagRow
from fairwitness.testing.long_log import fill


def _work(log: Log, count: int) -> None:
    for number in range(count):
        request = make_request(at_us=NOON_US + number)
        if number % 5 == 4:
            other = make_request(host="cdn.other.test", target=new_exchange().encode(), page="p")
            log.append_blocked(other, verdict=BLOCKED, time_us=NOON_US)
            continue
        if number % 5 == 3:
            log.append_flag(make_flag(f"f{number}", request.exchange))  # before its request
        log.append_request(request, verdict=ALLOWED, released_us=NOON_US + number, keep=Keep.WHOLE)
        if number % 5 == 2:
            log.append_flag(make_flag(f"f{number}", request.exchange))  # after it
        if number % 5:
            log.append_response(
                make_exchange(request, status=200 + number % 5), body=None, keep=Keep.WHOLE, flags=["f3"]
            )
    log.append_connection(make_connection(purpose="http"), verdict=ALLOWED)
    log.append_connection(make_connection(), verdict=ALLOWED)


def _all(folder: Path) -> tuple[list[ExchangeRow], list[FlagRow], list[tuple[str, str, int]]]:
    with Reader.open(folder) as reader:
        return list(reader.exchanges()), list(reader.flags()), list(reader.wanted())


def _snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_answers_do_not_depend_on_the_view(log: Log, evidence: Path) -> None:
    """None, an old one, a new one: every reader sees the same."""
    _work(log, 60)
    log.commit_now()
    without = _all(evidence)
    log.checkpoint_full()  # busy: nothing is folded
    log.checkpoint_full()  # idle: the view is made
    assert (evidence / "view.sqlite3").exists()
    with_it = _all(evidence)
    _work(log, 60)
    log.commit_now()
    with_an_old_one = _all(evidence)
    log.checkpoint_full()
    log.checkpoint_full()
    with_a_new_one = _all(evidence)

    assert without == with_it
    assert with_an_old_one == with_a_new_one
    assert 2 * len(without[0]) == len(with_an_old_one[0])
    with Reader.open(evidence) as reader:
        assert [] == list(reader.problems())


def test_entries_of_an_old_row_are_added_to_it(log: Log, evidence: Path) -> None:
    """A response that the view lacks belongs to a request that it has."""
    request = make_request()
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.append_flag(make_flag("f1", request.exchange))
    log.checkpoint_full()
    log.append_response(make_exchange(request), body=None, keep=Keep.WHOLE, flags=["f1"])
    log.commit_now()
    ((row,), (flag,), _) = _all(evidence)
    with Reader.open(evidence) as reader:
        meta = reader.exchange("1").meta

    assert ("complete", 200, ("f1",)) == (row.outcome, row.status, row.flags)
    assert (2, (1,)) == (flag.count, flag.exchanges)
    assert {"server", "raised", "status"} <= {key for key, _ in meta}


def test_dropped_view_is_rebuilt(log: Log, evidence: Path, open_again: Callable[[], Log]) -> None:
    """It may be deleted at any time between two runs."""
    _work(log, 40)
    log.close(time_us=NOON_US)
    before = _all(evidence)
    (evidence / "view.sqlite3").unlink()

    assert before == _all(evidence)
    open_again().close(time_us=NOON_US)
    assert (evidence / "view.sqlite3").exists()
    assert before == _all(evidence)
    with Reader.open(evidence) as reader:
        assert [] == list(reader.problems())


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.write_bytes(b"garbage" * 5000),
        lambda path: path.write_bytes(b""),
        lambda path: Tamper(path.parent, path.name).run("UPDATE state SET version = 0"),
        lambda path: Tamper(path.parent, path.name).run("UPDATE state SET log = x'00'"),
        lambda path: Tamper(path.parent, path.name).run("UPDATE state SET size = 99999"),
        lambda path: Tamper(path.parent, path.name).run("UPDATE state SET size = size - 1"),
        lambda path: Tamper(path.parent, path.name).run("DELETE FROM state"),
        lambda path: Tamper(path.parent, path.name).run("DROP TABLE state"),
    ],
)
def test_broken_or_foreign_view_is_ignored_and_replaced(
    log: Log, evidence: Path, open_again: Callable[[], Log], harm: Callable[[Path], object]
) -> None:
    """Readers do without it, the next run makes a new one."""
    _work(log, 20)
    log.close(time_us=NOON_US)
    before = _all(evidence)
    harm(evidence / "view.sqlite3")

    assert before == _all(evidence)
    open_again().close(time_us=NOON_US)
    with Reader.open(evidence) as reader:
        assert [] == list(reader.problems())


def test_view_that_a_deleted_log_left_behind_goes_with_the_next_start(tmp_path: Path) -> None:
    """Else it would be told as broken until the new log's writer is idle."""
    log = open_log(tmp_path)
    _work(log, 3)
    log.close(time_us=NOON_US)
    left = (tmp_path / VIEW_NAME).read_bytes()
    (tmp_path / "log.sqlite3").unlink()
    log = open_log(tmp_path)
    with Reader.open(tmp_path) as reader:
        problems = list(reader.problems())
    log.close(time_us=NOON_US)

    assert left
    assert [] == problems


def test_view_that_is_just_being_made_is_no_problem(log: Log, evidence: Path) -> None:
    """The file is there before its tables are; with somebody else's tables it is one."""
    _work(log, 3)
    view = evidence / VIEW_NAME
    view.touch()
    with Reader.open(evidence) as reader:
        while_made = list(reader.problems())
    with contextlib.closing(sqlite3.connect(view)) as connection:
        connection.execute("CREATE TABLE state (size)")
    with Reader.open(evidence) as reader:
        strange = [problem.where for problem in reader.problems()]

    assert [] == while_made
    assert [VIEW_NAME] == strange


def test_readers_write_nothing(log: Log, evidence: Path) -> None:
    """Not even where the view lacks everything."""
    _work(log, 30)
    log.commit_now()
    before = _snapshot(evidence)
    _all(evidence)
    after = _snapshot(evidence)

    assert "view.sqlite3" not in after
    assert {name: data for name, data in before.items() if name != "log.sqlite3-shm"} == {
        name: data for name, data in after.items() if name != "log.sqlite3-shm"
    }


def test_view_is_made_when_idle_and_in_portions(log: Log, evidence: Path) -> None:
    """One second's work on it is bounded, however much it lacks."""
    _work(log, 1000)

    def size() -> int:
        if not (evidence / "view.sqlite3").exists():
            return 0
        connection = sqlite3.connect(evidence / "view.sqlite3")
        (found,) = connection.execute("SELECT size FROM state").fetchone()
        connection.close()
        return int(found)

    sizes = []
    for _ in range(4):
        log.checkpoint_full()
        sizes.append(size())

    assert [0, 400, 800, 1200] == sizes
    asyncio.run(log.checkpoint())
    assert log._journal.position.size == size()


def test_view_that_cannot_be_written_is_a_warning(log: Log, evidence: Path) -> None:
    """The evidence itself goes on."""
    (evidence / "view.sqlite3").mkdir()
    (evidence / "view.sqlite3" / "x").touch()
    with pytest.raises(OSError, match="view"):
        open_view(evidence, log._journal.store.connection)
    log.checkpoint_full()
    warnings = log.warnings
    log.append_note("x", time_us=NOON_US)
    log.checkpoint_full()
    log.close(time_us=NOON_US)

    assert ["the exchange view cannot be written"] == [text.split(" (")[0] for text in warnings]
    assert log.failure is None


def test_reader_keeps_one_state_while_the_log_grows(log: Log, evidence: Path) -> None:
    """Rows that are being read do not change under the reader, and the writer does not wait for it."""
    _work(log, 10)
    log.commit_now()
    with Reader.open(evidence) as reader:
        rows = reader.exchanges()
        first = next(rows)
        _work(log, 10)
        log.checkpoint_full()
        log.checkpoint_full()

        assert list(range(1, 12)) == [first.id, *(row.id for row in rows)]
        assert 22 == len(list(reader.exchanges()))


def test_open_log_is_read_by_a_second_program_of_the_same_user(log: Log, evidence: Path) -> None:
    """Opening a log for reading takes no lock."""
    log.commit_now()
    with Reader.open(evidence) as first, Reader.open(evidence) as second:
        assert first.counts().entries == second.counts().entries == 2
    log.close(time_us=NOON_US)
    open_log(evidence).close(time_us=NOON_US)


def test_log_that_is_closed_during_a_checkpoint_keeps_its_view(log: Log, evidence: Path) -> None:
    """The checkpoint that goes on afterwards finds nothing to do, and breaks nothing."""
    _work(log, 1000)
    log.checkpoint_full()

    async def close_meanwhile() -> None:
        waiting = asyncio.ensure_future(log.checkpoint())
        while not (evidence / "view.sqlite3").exists():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0)
        log.close(time_us=NOON_US)
        await waiting

    asyncio.run(close_meanwhile())
    with Reader.open(evidence) as reader:
        assert [] == list(reader.problems())
    assert (evidence / "view.sqlite3").exists()


def test_a_running_writer_moves_what_it_folded_into_the_view(evidence: Path) -> None:
    """Its write-ahead log does not grow with the session, and the view alone knows what was moved."""
    log = open_log(evidence)
    fill(log, 1500)
    for _ in range(20):
        log.checkpoint_full()
    alone = f"{(evidence / VIEW_NAME).as_uri()}?immutable=1"  # without its write-ahead log
    with contextlib.closing(sqlite3.connect(alone, uri=True)) as connection:
        (moved,) = connection.execute("SELECT size FROM state").fetchone()
    log.close(time_us=NOON_US)
    with Reader.open(evidence) as reader:
        assert 1500 == sum(1 for _ in reader.exchanges())

    assert moved >= 2000
