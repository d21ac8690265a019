from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from fairwitness.errors import EvidenceError
from fairwitness.evidence import Keep, Log, Reader
from fairwitness.evidence.bodyrow import FOLDER_NAME
from fairwitness.evidence.prune import find_prunable
from fairwitness.evidence.schema import LOG_NAME
from fairwitness.evidence.testing import ALLOWED, NOON_US, Tamper, make_exchange, make_flag, make_request
from fairwitness.model.finding import Change, FindingChange, Marked
from fairwitness.model.pruning import Drop
from fairwitness.model.record import ExchangeRecord

DAY_US = 86_400_000_000
PAGE = "https://app.example.test/"
LARGE = 400_000  # stored as a file
MIDDLE = 60_000  # stored in the table


def _answered(
    log: Log, body: bytes, kind: bytes = b"image/png", *, page: str | None = PAGE, method: str = "GET"
) -> Marked:
    request = make_request(page=page, method=method)
    number = log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    exchange = make_exchange(request, body=body, headers=((b"Content-Type", kind),))
    log.append_response(exchange, body=None, keep=Keep.WHOLE)
    return Marked(number, request.exchange)


def _prunable(folder: Path, *, days: int = 1) -> tuple[Drop, ...]:
    now_us = NOON_US + days * DAY_US
    return find_prunable(folder, static_before_us=now_us, old_before_us=now_us - 30 * DAY_US)


def _record(folder: Path, number: int) -> ExchangeRecord:
    with Reader.open(folder) as reader:
        return reader.exchange(str(number))


def _problems(folder: Path) -> list[str]:
    with Reader.open(folder) as reader:
        return [f"{each.where}: {each.what}" for each in reader.problems()]


@pytest.mark.parametrize("size", [MIDDLE, LARGE])
def test_a_dropped_body_leaves_its_proof(log: Log, evidence: Path, size: int) -> None:
    """Head, size and hash stay, the body is said to be pruned, and the log holds no problem."""
    content = os.urandom(size)
    _answered(log, content)
    log.commit_now()
    before = _record(evidence, 1)
    drops = _prunable(evidence)

    done, _ = log.prune(drops, time_us=NOON_US + 1)
    after = _record(evidence, 1)

    assert ["static"] == [drop.why for drop in done]
    assert (content, None, True) == (before.response_body, after.response_body, after.is_pruned)
    assert (before.response_headers, before.response_body_sha256, size) == (
        after.response_headers,
        after.response_body_sha256,
        after.response_body_bytes,
    )
    assert [] == _problems(evidence)
    assert () == _prunable(evidence)
    assert not [path for path in (evidence / FOLDER_NAME).rglob("*") if path.is_file()]


def test_the_room_is_given_back(log: Log, evidence: Path, open_again: Callable[[], Log]) -> None:
    """The folder shrinks by what was dropped, and no byte of it is left in any file."""
    contents = [os.urandom(size) for size in (MIDDLE, MIDDLE, LARGE)]
    for content in contents:
        _answered(log, content)
    log.checkpoint_full()
    log.close(time_us=NOON_US)
    again = open_again()
    before = sum(path.stat().st_size for path in evidence.rglob("*") if path.is_file())

    done, has_room = again.prune(_prunable(evidence), time_us=NOON_US)
    again.close(time_us=NOON_US)

    files = [path for path in evidence.rglob("*") if path.is_file()]
    after = sum(path.stat().st_size for path in files)
    assert (3, True) == (len(done), has_room)
    assert before - after > 0.8 * (2 * MIDDLE + LARGE)
    left = b"".join(path.read_bytes() for path in files)
    assert not [content for content in contents if content[1000:1032] in left]
    assert [] == _problems(evidence)


@pytest.mark.parametrize(
    ("kind", "options", "days", "dropped"),
    [
        (b"image/png", {}, 1, ["static"]),
        (b"Text/CSS; charset=utf-8", {}, 1, ["static"]),
        (b"application/javascript", {}, 1, ["static"]),
        (b"font/woff2", {}, 0, []),
        (b"application/json", {}, 29, []),
        (b"application/json", {}, 31, ["old"]),
        (b"text/html", {"page": None}, 99, []),
        (b"image/png", {"page": None}, 99, []),
        (b"image/png", {"method": "POST"}, 99, []),
    ],
)
def test_what_may_go(
    log: Log, evidence: Path, kind: bytes, options: dict[str, str | None], days: int, dropped: list[str]
) -> None:
    """Static files of pages at once, what pages asked for by themselves after a month, nothing else."""
    _answered(log, os.urandom(MIDDLE), kind, **options)  # type: ignore[arg-type]
    log.commit_now()

    assert dropped == [drop.why for drop in _prunable(evidence, days=days)]


def test_what_a_finding_or_a_flag_holds_stays(log: Log, evidence: Path) -> None:
    """Marked exchanges, and those that a flag points to, keep their bodies."""
    marked = _answered(log, os.urandom(MIDDLE))
    flagged = _answered(log, os.urandom(MIDDLE))
    _answered(log, os.urandom(MIDDLE))
    log.append_remark(FindingChange(finding="x", change=Change.MARKED, exchanges=(marked,)), time_us=NOON_US)
    log.append_flag(make_flag("f1", flagged.exchange))
    log.commit_now()

    assert [(3,)] == [drop.exchanges for drop in _prunable(evidence)]


def test_a_content_with_another_use_stays(log: Log, evidence: Path) -> None:
    """The same bytes as the answer to a tool's request are kept for both; for two pages they go for both."""
    shared, twice = os.urandom(MIDDLE), os.urandom(MIDDLE)
    _answered(log, shared)
    _answered(log, shared, page=None)
    _answered(log, twice)
    _answered(log, twice)
    log.commit_now()
    drops = _prunable(evidence)
    log.prune(drops, time_us=NOON_US)

    assert [(3, 4)] == [drop.exchanges for drop in drops]
    assert (shared, None, None) == tuple(_record(evidence, each).response_body for each in (1, 3, 4))
    assert [] == _problems(evidence)


def test_the_same_content_can_come_again(log: Log, evidence: Path) -> None:
    """What is fetched anew after it was dropped is stored anew, beside the entries that lost it."""
    content = os.urandom(LARGE)
    _answered(log, content)
    log.commit_now()
    log.prune(_prunable(evidence), time_us=NOON_US)
    _answered(log, content)
    log.commit_now()

    assert content == _record(evidence, 2).response_body
    assert [] == _problems(evidence)
    log.prune(_prunable(evidence), time_us=NOON_US)
    assert [] == _problems(evidence)


def test_what_changed_meanwhile_is_left(log: Log, evidence: Path) -> None:
    """A body that another entry refers to by now is not dropped."""
    content = os.urandom(MIDDLE)
    _answered(log, content)
    log.commit_now()
    drops = _prunable(evidence)
    _answered(log, content, page=None)
    log.commit_now()

    assert ((), content) == (log.prune(drops, time_us=NOON_US)[0], _record(evidence, 2).response_body)


def test_a_body_that_nobody_pruned_is_missed(log: Log, evidence: Path) -> None:
    """Deleting a body behind the log's back, even with its text written out, is a problem."""
    _answered(log, os.urandom(MIDDLE))
    log.commit_now()
    drops = _prunable(evidence)
    log.prune(drops, time_us=NOON_US)
    _answered(log, os.urandom(MIDDLE))
    log.commit_now()
    log.close(time_us=NOON_US)
    Tamper(evidence).run("DELETE FROM body")
    assert ["its body is missing"] == [each.partition(": ")[2] for each in _problems(evidence)]
    with closing(sqlite3.connect(evidence / LOG_NAME)) as connection:
        index = connection.execute("SELECT max(idx) FROM opening WHERE body IS NOT NULL").fetchone()[0]

    Tamper(evidence).run("INSERT INTO written VALUES (?, 'made up')", (index,))

    assert any(each.startswith(f"entry {index}: ") for each in _problems(evidence))


def test_a_reader_that_reads_what_is_dropped_gets_all_or_nothing(log: Log, evidence: Path) -> None:
    """Whoever reads a body while it goes has it whole, or is told that it was pruned."""
    content = os.urandom(LARGE)
    _answered(log, content)
    log.commit_now()
    drops = _prunable(evidence)
    with Reader.open(evidence) as reader:
        before = reader.exchange("1").response_body
        log.prune(drops, time_us=NOON_US)
        after = reader.exchange("1")

    assert (content, None, True) == (before, after.response_body, after.is_pruned)


def test_files_left_by_a_crash_go_with_the_next(log: Log, evidence: Path) -> None:
    """A file whose row is gone is removed by the next prune."""
    _answered(log, os.urandom(MIDDLE))
    log.commit_now()
    stray = evidence / FOLDER_NAME / "ab" / ("ab" * 32)
    stray.parent.mkdir()
    stray.write_bytes(b"left")

    log.prune(_prunable(evidence), time_us=NOON_US)

    assert not stray.exists()


def test_readers_go_on_while_bodies_are_dropped(log: Log, evidence: Path) -> None:
    """Readers that read the same bodies all the while see each whole or pruned, and never an error."""
    contents = [os.urandom(LARGE) for _ in range(6)]
    for content in contents:
        _answered(log, content)
    log.commit_now()
    drops = _prunable(evidence)
    seen: list[bytes | Exception | None] = []
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            for number, content in enumerate(contents, 1):
                try:
                    record = _record(evidence, number)
                except EvidenceError as error:
                    seen.append(error)
                else:
                    is_whole = record.response_body == content and not record.is_pruned
                    is_gone = record.response_body is None and record.is_pruned
                    seen.append(None if is_whole or is_gone else b"neither")

    readers = [threading.Thread(target=read) for _ in range(2)]
    for each in readers:
        each.start()
    for drop in drops:
        log.prune([drop], time_us=NOON_US)
    is_over.set()
    for each in readers:
        each.join()

    assert 6 == len(drops)
    assert seen
    assert [] == [each for each in seen if each is not None]
    assert [] == _problems(evidence)
