"""Tests of fairwitness.evidence.reader, filters, records and pointers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fairwitness.errors import EvidenceError, PolicyError
from fairwitness.evidence import Keep, Log, Reader, SessionRow
from fairwitness.evidence.testing import (
    ALLOWED,
    BLOCKED,
    CLAUSE,
    NOON_US,
    PROGRAM,
    make_client,
    make_connection,
    make_exchange,
    make_flag,
    make_request,
)
from fairwitness.model.exchange import new_exchange
from fairwitness.model.flag import Pointer
from fairwitness.model.policy import Identify, Limits, MeterSet, Policy, Posture, Program, Report
from fairwitness.model.record import LogFilter
from fairwitness.model.verdict import Action


def _policy(text: bytes, program: Program) -> Policy:
    return Policy(
        program=program,
        posture=Posture.MANUAL,
        entries=(),
        identify=Identify(clause=CLAUSE),
        limits=Limits(
            testing=MeterSet(),
            browsing=MeterSet(),
            request_body_bytes=1 << 20,
            on_exceed=Action.THROTTLE,
            clause=CLAUSE,
        ),
        window=None,
        rules=(),
        approvals=(),
        declare=(),
        report=Report(),
        text=text,
        sha256="0" * 64,
        path="policy.yaml",
    )


@pytest.fixture
def reader(log: Log) -> Reader:
    """A log with eight different exchanges."""
    curl = replace(make_client(), label="curl")
    requests = [
        make_request(client=curl),
        replace(make_request(method="POST", target=b"/login", body=b"user=Alice&p=1"), account="alice"),
        make_request(
            host="api.example.test", target=b"/v1", page="https://app.example.test/", at_us=NOON_US + 10
        ),
        make_request(target=b"/Find-Me"),
    ]
    bodies = [b"first", b"welcome", b'{"needle": 1}', b""]
    for request, status, body in zip(requests, (200, 302, 500, 404), bodies, strict=True):
        verdict = replace(ALLOWED, host=request.host, flags=("f1",) if status == 500 else ())
        log.append_request(request, verdict=verdict, released_us=request.received_us, keep=Keep.WHOLE)
        log.append_response(make_exchange(request, status=status, body=body), body=None, keep=Keep.WHOLE)
    log.append_flag(make_flag("f1", requests[2].exchange))
    log.append_flag(make_flag("f2", requests[0].exchange, rule="budget"))
    log.append_blocked(make_request(host="cdn.other.test", page="p"), verdict=BLOCKED, time_us=NOON_US + 20)
    log.append_connection(make_connection(), verdict=replace(ALLOWED, host="sign-in.test"))
    log.commit_now()
    return Reader.open(log.folder)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (LogFilter(), [1, 2, 3, 4, 5, 6]),
        (LogFilter(host="api.example.test"), [3]),
        (LogFilter(host="API.example.test"), [3]),
        (LogFilter(host="*.example.test"), [1, 2, 3, 4]),
        (LogFilter(host="example.test"), []),
        (LogFilter(host="[a]*"), []),
        (LogFilter(method="post"), [2]),
        (LogFilter(status="404"), [4]),
        (LogFilter(status="5xx"), [3]),
        (LogFilter(status="30X"), [2]),
        (LogFilter(status="nonsense"), []),
        (LogFilter(status="x" * 3), [1, 2, 3, 4]),
        (LogFilter(decision="block"), [5]),
        (LogFilter(flag="f1"), [3]),
        (LogFilter(flag="budget"), [1]),
        (LogFilter(flag="f"), []),
        (LogFilter(finding="x"), []),
        (LogFilter(account="alice"), [2]),
        (LogFilter(label="curl"), [1]),
        (LogFilter(initiator="page"), [3, 5]),
        (LogFilter(session=1), [1, 2, 3, 4, 5, 6]),
        (LogFilter(session=2), []),
        (LogFilter(since_us=NOON_US + 10), [3, 5]),
        (LogFilter(until_us=NOON_US + 10), [1, 2, 4, 6]),
        (LogFilter(first_id=2, last_id=3), [2, 3]),
        (LogFilter(words=("find-me",)), [4]),
        (LogFilter(words=("NEEDLE",)), [3]),
        (LogFilter(words=("alice", "post")), [2]),
        (LogFilter(words=("mozilla", "welcome")), [2]),
        (LogFilter(words=("nowhere",)), []),
        (LogFilter(host="' OR 1=1 --"), []),
        (LogFilter(host="\udc80", label="\ud800", flag="\udc80"), []),
        (LogFilter(words=("\udc80",)), []),
        (LogFilter(decision="allow", status="200", words=("first",)), [1]),
    ],
)
def test_filter_finds_what_it_says(reader: Reader, wanted: LogFilter, ids: list[int]) -> None:
    """Each filter alone, and some together."""
    with reader:
        assert ids == [row.id for row in reader.exchanges(wanted)]


@pytest.mark.parametrize(
    ("wanted", "newest", "ids"),
    [
        (LogFilter(), 2, [5, 6]),
        (LogFilter(), 99, [1, 2, 3, 4, 5, 6]),
        (LogFilter(), 0, []),
        (LogFilter(host="*.example.test"), 2, [3, 4]),
        (LogFilter(words=("mozilla",), last_id=4), 3, [2, 3, 4]),
        (LogFilter(until_us=NOON_US + 10, first_id=2), 2, [4, 6]),
    ],
)
def test_newest_are_the_last_ones_of_those_that_are_wanted(
    reader: Reader, wanted: LogFilter, newest: int, ids: list[int]
) -> None:
    """They still come in the order of their numbers."""
    with reader:
        assert ids == [row.id for row in reader.exchanges(wanted, newest=newest)]


def test_exchange_is_found_by_number_and_by_name(reader: Reader) -> None:
    """Both names mean the same exchange, with all that is stored of it."""
    with reader:
        record = reader.exchange("2")

        assert record == reader.exchange(record.row.exchange)
        assert record == reader.exchange(record.row.exchange.upper())
    assert b"POST /login HTTP/1.1" == record.request_line
    assert make_request().headers == record.request_headers
    assert b"user=Alice&p=1" == record.request_body
    assert b"HTTP/1.1 302 OK" == record.response_line
    assert (b"Set-Cookie", b"sid=abcdef; Secure") == record.response_headers[1]
    assert b"welcome" == record.response_body
    assert ("account", "alice") in record.meta


@pytest.mark.parametrize("name", ["7", "0", "", "x", "-1", "9" * 40, "f1", "0" * 32, "é" * 32])
def test_unknown_exchange_is_one_clear_error(reader: Reader, name: str) -> None:
    """Whatever is asked for."""
    with reader, pytest.raises(PolicyError, match="there is no exchange"):
        reader.exchange(name)


@pytest.mark.parametrize(
    ("part", "start", "end", "shown"),
    [
        ("head", 0, 4, "GET "),
        ("head", 4, 12, "/v1 HTTP"),
        ("response-body", 2, 8, "needle"),
        ("response-body", 0, 0, '{"needle": 1}'),
        ("response-head", 9, 12, "500"),
        ("meta", 0, 33, "server: https://api.example.test:"),
        ("body", 0, 4, ""),
        ("head", 100_000, 100_010, ""),
        ("nonsense", 0, 4, ""),
    ],
)
def test_flag_shows_the_bytes_it_points_to(
    reader: Reader, log: Log, part: str, start: int, end: int, shown: str
) -> None:
    """The text is read from the log, never stored twice."""
    with reader:
        name = reader.exchange("3").row.exchange
        flag = replace(make_flag("f9", name), shown_by=(Pointer(name, part, start, end),))
        log.append_flag(flag)
        log.commit_now()

        assert [(shown,)] == [row.shown_by_text for row in reader.flags() if row.flag == flag]


def test_flag_of_a_connection_and_of_nothing_are_listed(reader: Reader, log: Log) -> None:
    """Not every flag has an exchange: a dial has bytes, a start has none."""
    dial = make_connection(purpose="http", host="late.test")
    log.append_connection(dial, verdict=ALLOWED)
    at_dial = replace(
        make_flag("f8", dial.connection), shown_by=(Pointer(dial.connection, "connection", 0, 14),)
    )
    at_start = replace(make_flag("f9", "0" * 32), shown_by=())
    unknown = replace(make_flag("f10", new_exchange()), shown_by=(Pointer("no-hex", "head"),))
    for flag in (at_dial, at_start, unknown):
        log.append_flag(flag)
    log.commit_now()
    with reader:
        rows = {row.flag.flag: row for row in reader.flags()}

    assert [("state: dialled",), (), ("",)] == [rows[name].shown_by_text for name in ("f8", "f9", "f10")]
    assert [(1, 0, 0, ())] * 3 == [
        (rows[name].count, rows[name].first, rows[name].last, rows[name].exchanges)
        for name in ("f8", "f9", "f10")
    ]


def test_policy_and_program_are_the_newest(log: Log) -> None:
    """Any bytes of a policy come back; the program is as the newest policy describes it."""
    reader = Reader.open(log.folder)
    with reader:
        assert PROGRAM == reader.program
        with pytest.raises(EvidenceError, match="no policy yet"):
            reader.policy_text()
        reviewed = replace(
            PROGRAM, reviewed="2026-11-23", contact="a@b.test", rewards="none", review_every_days=7
        )
        log.append_policy(_policy(b"old", PROGRAM), time_us=NOON_US, why="start")
        log.append_policy(_policy(bytes(range(256)) * 40, reviewed), time_us=NOON_US, why="confirmed")
        log.commit_now()

        assert reviewed == reader.program
        assert bytes(range(256)) * 40 == reader.policy_text()


def test_empty_log_has_nothing_to_show(log: Log, evidence: Path) -> None:
    """No exchange, no flag, no problem."""
    log.commit_now()
    with Reader.open(evidence) as reader:
        assert [[], [], [], []] == [
            list(reader.exchanges()),
            list(reader.flags()),
            list(reader.wanted()),
            list(reader.problems()),
        ]
        assert [SessionRow(session=1, started_us=NOON_US, ended_us=None, facts=(("version", "1"),))] == list(
            reader.sessions()
        )
        assert 2 == reader.counts().entries
        assert reader.counts().bytes > 8192


def test_missing_log_says_how_to_get_one(evidence: Path) -> None:
    """The error names the folder and the way on; nothing is made."""
    with pytest.raises(EvidenceError, match=r"there is no evidence log here.*fairwitness run"):
        Reader.open(evidence)

    assert not evidence.exists()
