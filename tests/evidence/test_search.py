"""Tests of fairwitness.evidence.search, words, wordfile, catchup: the index changes no answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fairwitness.evidence import Keep, Log, Reader
from fairwitness.evidence.derived import derived_lock
from fairwitness.evidence.testing import (
    ALLOWED,
    BLOCKED,
    NOON_US,
    Tamper,
    make_exchange,
    make_request,
    open_log,
    write_chunks,
)
from fairwitness.evidence.viewfile import drop_view
from fairwitness.evidence.wordfile import WORDS_NAME, WordFiller, word_index
from fairwitness.evidence.words import INDEXED_BYTES, match_of
from fairwitness.model.message import Direction, Message
from fairwitness.model.record import LogFilter
from fairwitness.testing.long_log import RARE_HOST, fill

WRITER = Path(__file__).with_name("writer.py")


def _exchange(
    log: Log, body: bytes, *, target: bytes = b"/items", keep: Keep = Keep.WHOLE, host: str = "a.test"
) -> None:
    request = make_request(target=target, host=host)
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=keep)
    log.append_response(make_exchange(request, body=body), body=None, keep=keep)


def _fill(folder: Path, stop: int | None = None) -> int:
    """Fill the index, whoever else would; how many entries it knows."""
    filler = WordFiller(folder)
    with Reader.open(folder) as reader:
        filler.fill(reader.counts().entries if stop is None else stop, seconds=60)
    size = filler.size
    filler.close()
    return size


def _ids(folder: Path, *words: str, **wanted: object) -> list[int]:
    with Reader.open(folder) as reader:
        return [row.id for row in reader.exchanges(LogFilter(words=words, **wanted))]  # type: ignore[arg-type]


def _everywhere(log: Log) -> None:
    """Seven exchanges, each with a word of its own in another place."""
    _exchange(log, b"", target=b"/in-the-URL?q=in-the-query")
    _exchange(log, b'{"in the body": "Zo\xc3\xab"}')
    _exchange(log, random.Random(1).randbytes(9000) + b"in-binary" + bytes(range(256)))
    upload = make_request(method="PUT")
    log.append_request(upload, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    writer = log.open_body(upload.exchange, Direction.SENT, keep=Keep.WHOLE)
    write_chunks(writer, b"." * 9000 + b"in-the-upload", 1000)
    log.append_body(upload.exchange, writer, time_us=NOON_US, failure=None)
    log.append_response(make_exchange(upload), body=None, keep=Keep.WHOLE)
    socket = make_request(target=b"/socket")
    log.append_request(socket, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    message = Message(
        exchange=socket.exchange,
        direction=Direction.SENT,
        kind="text",
        number=1,
        content=b"in-a-message",
        time_us=NOON_US,
    )
    log.append_message(message, keep=Keep.WHOLE)
    log.append_blocked(make_request(host="in-a-block.test"), verdict=BLOCKED, time_us=NOON_US)
    far = random.Random(2).randbytes(1000) * (INDEXED_BYTES // 1000 + 1)
    _exchange(log, far + b"in-the-far-end")
    log.commit_now()


PLACES = [
    ("in-the-url", [1]),
    ("IN-THE-QUERY", [1]),
    ("in the body", [2]),
    ("zoë", [2]),
    ("ë", [2]),
    ("in-binary", [3]),
    ("in-the-upload", [4]),
    ("in-a-message", [5]),
    ("in-a-block", [6]),
    ("in-the-far-end", [7]),
    ("text/plain", [1, 2, 3, 4, 7]),
    ("in", [1, 2, 3, 4, 5, 6, 7]),
    ("", [1, 2, 3, 4, 5, 6, 7]),
    ("in-the-nowhere", []),
]


@pytest.mark.parametrize("known", [None, 0, 5, 9, 99])
def test_word_is_found_wherever_it_stands(log: Log, evidence: Path, known: int | None) -> None:
    """Without an index, with an empty one, a half-filled one and a full one."""
    _everywhere(log)
    if known is not None:
        with Reader.open(evidence) as reader:
            known = min(known, reader.counts().entries)
        filler = WordFiller(evidence)
        while filler.size < known:
            filler.fill(filler.size + 1)
        filler.close()

    assert PLACES == [(word, _ids(evidence, word)) for word, _ in PLACES]


@pytest.mark.parametrize(
    "word",
    [
        *('"', '""', "'", "AND", "a AND b", "NEAR(a b)", "a*", "^abc", "text:abc", "{a}", "-abc", "(abc"),
        *("a;b--", "\0", "a\0bc", "abc\n", "\\", "%", "_", "[a-z]", '" OR "abc', 'abc" OR rowid>0 --'),
        *("\ud800", "\udc80", "é", "x" * 10_000),
    ],
)
def test_words_are_literal(log: Log, evidence: Path, word: str) -> None:
    """No character of a word is an operator, and none is an error."""
    body = b"--" + word.encode("utf-8", "surrogatepass" if word == "\ud800" else "surrogateescape") + b"--"
    _exchange(log, body)
    _exchange(log, b"abc def")
    log.commit_now()
    _fill(evidence)

    assert 1 in _ids(evidence, word)
    assert [] == _ids(evidence, word, "no-such-thing")
    assert [1] == _ids(evidence, f"--{word}--")


def test_all_words_must_occur_each_anywhere(log: Log, evidence: Path) -> None:
    """One in the request, the other in the response."""
    _exchange(log, b"teapot", target=b"/kitchen")
    _exchange(log, b"teapot", target=b"/garden")
    _exchange(log, b"spade", target=b"/garden")
    log.commit_now()
    _fill(evidence)

    assert [2] == _ids(evidence, "garden", "teapot")
    assert [] == _ids(evidence, "kitchen", "spade")
    assert [2, 3] == _ids(evidence, "garden", first_id=2)
    assert [1] == _ids(evidence, "teapot", last_id=1)


def test_what_is_not_stored_is_not_indexed(log: Log, evidence: Path) -> None:
    """Neither bodies of load hosts, nor credentials of blocked requests."""
    _exchange(log, b"body-of-load", keep=Keep.HEAD)
    log.append_blocked(make_request(body=b"blocked-body"), verdict=BLOCKED, time_us=NOON_US)
    log.commit_now()
    _fill(evidence)
    with Reader.open(evidence) as reader, word_index(evidence, reader._connection) as index:
        assert index is not None
        for secret in (b"body-of-load", b"blocked-body", b"bearer s3cr3t"):
            assert [] == index.entries_with(secret, first=0, last=99, most=99)
        assert [] != index.entries_with(b"mozilla", first=0, last=99, most=99)


def test_index_is_filled_when_idle(log: Log, evidence: Path) -> None:
    """Not in a busy second; afterwards by the loop's checkpoint, until it has all."""
    fill(log, 300)
    asyncio.run(log.checkpoint())
    assert not (evidence / WORDS_NAME).exists()
    asyncio.run(log.checkpoint())
    with Reader.open(evidence) as reader, word_index(evidence, reader._connection) as index:
        assert index is not None
        assert reader.counts().entries == index.size


def test_index_is_filled_at_the_end_of_a_run(log: Log, evidence: Path) -> None:
    """For a moment: runs of `exec` have no idle second."""
    fill(log, 100)
    log.close(time_us=NOON_US)
    with Reader.open(evidence) as reader, word_index(evidence, reader._connection) as index:
        assert index is not None
        assert reader.counts().entries >= index.size > 0
    assert 0o600 == (evidence / WORDS_NAME).stat().st_mode & 0o777


@pytest.mark.slow
@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b"garbage" * 5000),
        lambda path: path.write_bytes(b""),
        lambda path: Tamper(path.parent, path.name).run("UPDATE state SET version = 0"),
        lambda path: Tamper(path.parent, path.name).run("UPDATE state SET log = x'00'"),
        lambda path: Tamper(path.parent, path.name).run("UPDATE state SET size = 99999"),
        lambda path: Tamper(path.parent, path.name).run("UPDATE state SET size = size - 1"),
        lambda path: Tamper(path.parent, path.name).run("DELETE FROM state"),
        lambda path: Tamper(path.parent, path.name).run("DROP TABLE beyond"),
        lambda path: Tamper(path.parent, path.name).run("DROP TABLE words"),
        lambda path: os.truncate(path, path.stat().st_size // 2),
    ],
)
def test_broken_or_foreign_index_changes_no_answer_and_is_replaced(
    log: Log, evidence: Path, open_again: Callable[[], Log], harm: Callable[[Path], object]
) -> None:
    """Readers do without it, the next run makes a new one."""
    _everywhere(log)
    log.close(time_us=NOON_US)
    harm(evidence / WORDS_NAME)

    assert PLACES == [(word, _ids(evidence, word)) for word, _ in PLACES]
    open_again().close(time_us=NOON_US)
    with Reader.open(evidence) as reader, word_index(evidence, reader._connection) as index:
        assert index is not None
        assert index.size > 0
        assert [] == list(reader.problems())
    assert PLACES == [(word, _ids(evidence, word)) for word, _ in PLACES]


def test_index_that_cannot_be_written_is_a_warning(log: Log, evidence: Path) -> None:
    """The evidence itself goes on."""
    (evidence / WORDS_NAME).mkdir()
    (evidence / WORDS_NAME / "x").touch()
    _exchange(log, b"teapot")
    log.checkpoint_full()
    log.checkpoint_full()

    assert ["the full-text index cannot be written"] == [text.split(" (")[0] for text in log.warnings]
    assert log.failure is None
    assert [1] == _ids(evidence, "teapot")


def test_index_leaves_a_nearly_full_disk_to_the_evidence(
    log: Log, evidence: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is dropped, which makes room, and said; words are found without it."""
    _exchange(log, b"teapot")
    log.checkpoint_full()
    log.checkpoint_full()
    before = (evidence / WORDS_NAME).exists()
    monkeypatch.setattr("fairwitness.evidence.wordfile._SPARE_BYTES", 1 << 60)
    _exchange(log, b"another teapot")
    log.checkpoint_full()

    assert (True, False) == (before, (evidence / WORDS_NAME).exists())
    assert ["too little room left" in text for text in log.warnings] == [True]
    assert [1, 2] == _ids(evidence, "teapot")


def test_forgotten_entries_leave_no_trace(log: Log, evidence: Path) -> None:
    """What erasing needs: their pieces are gone from the index."""
    _exchange(log, b"zqxjkv-secret")
    _exchange(log, b"teapot")
    log.commit_now()
    size = _fill(evidence)
    assert {"zqx", "qxj", "jkv", "tea"} <= _pieces(evidence)
    filler = WordFiller(evidence)
    filler.forget(range(2, 4))
    filler.close()

    with Reader.open(evidence) as reader, word_index(evidence, reader._connection) as index:
        assert index is not None
        assert size == index.size
        assert [] == index.entries_with(b"zqxjkv", first=0, last=99, most=9)
        assert 1 == len(index.entries_with(b"teapot", first=0, last=99, most=9) or ())
    assert {"tea"} == _pieces(evidence) & {"zqx", "qxj", "jkv", "tea"}


def _pieces(folder: Path) -> set[str]:
    """All pieces that the index's own tables hold, looked up or not."""
    connection = sqlite3.connect(folder / WORDS_NAME)
    connection.execute("CREATE VIRTUAL TABLE temp.pieces USING fts5vocab (main, words, row)")
    found = {piece for (piece,) in connection.execute("SELECT term FROM temp.pieces")}
    connection.close()
    return found


@pytest.mark.parametrize("portions", [1, pytest.param(12, marks=pytest.mark.slow)])
def test_killed_while_indexing_the_search_is_right(evidence: Path, portions: int) -> None:
    """Whatever the index then knows, and it is taken up again."""
    log = open_log(evidence)
    log.append_session([], time_us=NOON_US)
    fill(log, 900)
    _everywhere(log)
    log._upkeep._is_closed = True  # the run leaves both to the process that is killed
    log.close(time_us=NOON_US)
    expected = [[900 + number for number in ids] for _, ids in PLACES[:10]]
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(evidence), "index"], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        for _ in range(portions):
            assert writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)

    found = [[number for number in _ids(evidence, word) if number > 900] for word, _ in PLACES[:10]]
    assert expected == found
    with Reader.open(evidence) as reader:
        assert reader.counts().entries == _fill(evidence)
    assert expected == [
        [number for number in _ids(evidence, word) if number > 900] for word, _ in PLACES[:10]
    ]


def test_reader_catches_up_only_where_nobody_writes(log: Log, evidence: Path) -> None:
    """A long tail is folded once, by the first reader after the run; never beside a running proxy."""
    fill(log, 1200)
    log._upkeep._is_closed = True
    assert 24 == len(_ids(evidence, host=RARE_HOST))
    assert not (evidence / "view.sqlite3").exists()
    log.close(time_us=NOON_US)
    with derived_lock(evidence) as is_mine:
        assert is_mine
        assert 24 == len(_ids(evidence, host=RARE_HOST))
        assert not (evidence / "view.sqlite3").exists()

    assert 24 == len(_ids(evidence, host=RARE_HOST))
    connection = sqlite3.connect(evidence / "view.sqlite3")
    (size,) = connection.execute("SELECT size FROM state").fetchone()
    connection.close()
    with Reader.open(evidence) as reader:
        assert reader.counts().entries == size
    open_log(evidence).close(time_us=NOON_US)


def test_folder_that_cannot_be_written_can_be_read(log: Log, evidence: Path) -> None:
    """Nothing is made in a folder of somebody else, or on a medium that is read-only."""
    fill(log, 1200)
    log._upkeep._is_closed = True
    log.close(time_us=NOON_US)
    (evidence / "view.sqlite3").mkdir()
    (evidence / WORDS_NAME).mkdir()

    assert 24 == len(_ids(evidence, host=RARE_HOST))
    assert [1] == _ids(evidence, "doctype", last_id=1)


def test_reader_is_not_blocked_by_the_filling_and_does_not_block_it(log: Log, evidence: Path) -> None:
    """Each sees one state of the index."""
    for number in range(30):
        _exchange(log, b"teapot %d" % number)
    log.commit_now()
    filler = WordFiller(evidence)
    filler.fill(10)
    with Reader.open(evidence) as reader:
        rows = reader.exchanges(LogFilter(words=("teapot",)))
        assert 1 == next(rows).id
        for number in range(30):
            _exchange(log, b"teapot %d" % number)
        log.commit_now()
        assert filler.fill(122, seconds=60)
        assert list(range(2, 31)) == [row.id for row in rows]
        assert 60 == len(_ids(evidence, "teapot"))
    filler.close()


@pytest.mark.parametrize(("needle", "match"), [(b"ab", None), (b"", None), ("ёё".encode(), None)])
def test_short_words_ask_the_index_nothing(needle: bytes, match: str | None) -> None:
    """Such words are looked for by reading."""
    assert match == match_of(needle)


def test_question_to_the_index_is_bounded() -> None:
    """However long the word."""
    assert '"abc" AND "bcd"' == match_of(b"abcd")
    assert '"a""b"' == match_of(b'a"b')
    assert 24 >= len((match_of(random.Random(1).randbytes(10_000).hex().encode()) or "").split(" AND "))


@pytest.mark.slow
def test_searches_grow_slower_than_the_log(tmp_path: Path) -> None:
    """A rare host or word in 8 times the log costs less than 4 times as much."""
    steps = []
    for count in (1000, 8000):
        folder = tmp_path / str(count)
        log = open_log(folder)
        fill(log, count, page_bytes=2000)
        request = replace(make_request(host="once.test"), target=b"/needle-in-a-haystack")
        log.append_blocked(request, verdict=BLOCKED, time_us=NOON_US)
        log.close(time_us=NOON_US)
        _fill(folder)
        _ids(folder, host="once.test")  # brings the view up to date
        steps.append(
            [
                _work(folder, LogFilter(host="once.test")),
                _work(folder, LogFilter(words=("needle-in-a-haystack",))),
                _work(folder, LogFilter(words=("not-in-a-haystack",))),
                _work(folder, LogFilter(since_us=NOON_US + 10**12)),
            ]
        )
    small, large = steps

    assert [] == [(few, many) for few, many in zip(small, large, strict=True) if many >= 4 * few]


def _work(folder: Path, wanted: LogFilter) -> int:
    """The processor's time of the quickest of five searches, in microseconds: a busy machine slows some."""
    return min(_once(folder, wanted) for _ in range(5))


def _once(folder: Path, wanted: LogFilter) -> int:
    with Reader.open(folder) as reader:
        began = time.thread_time_ns()
        list(reader.exchanges(wanted))
        return (time.thread_time_ns() - began) // 1000


def test_a_reader_that_must_list_the_log_tells_how_far_it_is(evidence: Path) -> None:
    """From portion to portion, up to the whole; the next one finds it done and says nothing."""
    log = open_log(evidence)
    fill(log, 1300)
    log.close(time_us=NOON_US)
    drop_view(evidence)
    first: list[tuple[int, int]] = []
    second: list[tuple[int, int]] = []
    for told in (first, second):
        with Reader.open(evidence, tell=lambda *said, told=told: told.append(said)) as reader:
            size = reader.counts().entries

            assert 1300 == sum(1 for _ in reader.exchanges())

    assert [(2000, size), (size, size)] == first
    assert [] == second


def test_the_index_is_never_merged_as_a_whole(evidence: Path) -> None:
    """A level of many segments at once takes seconds, in which no run could end."""
    log = open_log(evidence)
    fill(log, 10)
    log.close(time_us=NOON_US)
    _fill(evidence)
    with contextlib.closing(sqlite3.connect(evidence / WORDS_NAME)) as connection:
        (most,) = connection.execute("SELECT v FROM words_config WHERE k = 'crisismerge'").fetchone()

    assert 500 == most
