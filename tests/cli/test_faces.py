from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from fairwitness.cli.faces import Face, JsonFace, PlainFace, ReadyFirst, missed_form, missed_line
from fairwitness.cli.printer import Printer
from fairwitness.model.clock import parse_iso_us
from fairwitness.model.event import (
    Blocked,
    Event,
    ExchangeEnded,
    FlagAnswered,
    FlagRaised,
    Held,
    PolicyChanged,
    Ready,
    Stopped,
    StoreState,
    Throttled,
)
from fairwitness.model.exchange import Client, Destination, Initiator, Request
from fairwitness.model.flag import Answer, AnswerAs, Flag, Pointer, Severity
from fairwitness.model.verdict import Action, Clause, Verdict

NOW_US = parse_iso_us("2026-11-23T22:39:16.062050Z")
CLAUSE = Clause(id="scope.include[0]", says="In scope.", where="policy.yaml:7")
REQUEST = Request(
    exchange="ab" * 16,
    received_us=NOW_US,
    client=Client(connection="cd" * 16, address="127.0.0.1", port=40000, label="curl"),
    method="GET",
    scheme="https",
    host="shop.test",
    port=443,
    target=b"/a?b=c",
    http_version="HTTP/1.1",
    headers=(),
    destinations=(Destination("url", "https", "shop.test", 443, "/a"),),
)
ALLOWED = Verdict(action=Action.ALLOW, clauses=(CLAUSE,), reason="shop.test is in scope", host="shop.test")
REFUSED = Verdict(action=Action.BLOCK, clauses=(), reason="evil.test is not listed", host="evil.test")
FLAG = Flag(
    flag="f1",
    rule="request-rate",
    severity=Severity.STOP,
    action=Action.THROTTLE,
    clause=CLAUSE,
    initiator=Initiator.TOOL,
    exchange=REQUEST.exchange,
    time_us=NOW_US,
    says="31 requests in 1 s.",
    advice="Slow down.",
    shown_by=(Pointer(REQUEST.exchange, "head"),),
    reach="label curl",
)
EVENTS: tuple[Event, ...] = (
    Ready(time_us=NOW_US, listen="127.0.0.1:8080", evidence="/e", ca="/ca.pem"),
    ExchangeEnded(
        time_us=NOW_US,
        id=3,
        request=REQUEST,
        verdict=ALLOWED,
        status=200,
        response_bytes=1536,
        duration_us=12_345,
        failure=None,
    ),
    Blocked(time_us=NOW_US, id=4, request=REQUEST, verdict=REFUSED),
    FlagRaised(time_us=NOW_US, flag=FLAG),
    FlagAnswered(
        time_us=NOW_US, answer=Answer(flag="f1", answered_as=AnswerAs.ACCIDENT, note="mine", time_us=NOW_US)
    ),
    Held(
        time_us=NOW_US,
        hold="h1",
        request=REQUEST,
        verdict=REFUSED,
        ends_us=NOW_US + 60_000_000,
        state="waiting",
    ),
    Throttled(time_us=NOW_US, request=REQUEST, verdict=ALLOWED, delay_us=1_500_000),
    PolicyChanged(time_us=NOW_US, state="waits-for-confirmation", sha256="3f" * 32, summary="adds a.test."),
    StoreState(time_us=NOW_US, state="halted", reason="slow"),
    Stopped(time_us=NOW_US, reason="SIGTERM"),
)


def _shown(kind: str, events: tuple[Event, ...]) -> list[str]:
    reading, writing = os.pipe()
    with open(writing, "w") as stream:
        face: Face = (
            JsonFace(Printer(stream, missed=missed_form), session=2)
            if kind == "json"
            else PlainFace(Printer(stream, missed=missed_line), verbose=kind == "verbose")
        )
        for event in events:
            face.tell(event)
        face.close()
    with open(reading) as stream:
        return stream.read().splitlines()


def test_every_event_is_a_json_line_with_its_name() -> None:
    """Each event has the name that docs/cli.md gives it, and the first line tells where the proxy is."""
    forms = [json.loads(line) for line in _shown("json", EVENTS)]

    assert [
        "ready",
        "exchange",
        "block",
        "flag",
        "answer",
        "hold",
        "throttle",
        "policy",
        "store",
        "stopped",
    ] == [form["event"] for form in forms]
    assert {"event": "ready", "listen": "127.0.0.1:8080", "evidence": "/e", "ca": "/ca.pem"} == forms[0]


@pytest.mark.parametrize("starts", [True, False])
def test_the_first_event_says_where_the_proxy_is(starts: bool) -> None:
    """What happens before the proxy accepts is shown right after `ready`, or at the end if it never does."""
    early = StoreState(time_us=NOW_US, state="recovered", reason="one request has an unknown outcome")
    reading, writing = os.pipe()
    with open(writing, "w") as stream:
        face = ReadyFirst(JsonFace(Printer(stream, missed=missed_form), session=1))
        face.tell(early)
        if starts:
            face.tell(EVENTS[0])
        face.tell(EVENTS[-1])
        face.close()
    with open(reading) as stream:
        names = [json.loads(line)["event"] for line in stream]

    assert (["ready", "store", "stopped"] if starts else ["store"]) == names


def test_an_exchange_event_has_the_keys_of_the_log() -> None:
    """What is known of a line of the log when it ends has the same keys in the event."""
    form = json.loads(_shown("json", EVENTS[1:2])[0])

    assert {
        "event": "exchange",
        "id": 3,
        "exchange": "ab" * 16,
        "time": "2026-11-23T22:39:16.062050Z",
        "method": "GET",
        "url": "https://shop.test/a?b=c",
        "decision": "allow",
        "clause": "scope.include[0]",
        "reason": "shop.test is in scope",
        "initiator": "tool",
        "label": "curl",
        "account": None,
        "client": "127.0.0.1:40000",
        "flags": [],
        "request_bytes": 0,
        "status": 200,
        "response_bytes": 1536,
        "duration_ms": 12.345,
        "failure": None,
        "session": 2,
    } == form


def test_plain_output_has_a_line_for_all_but_exchanges() -> None:
    """Blocks, flags, holds, throttles and state changes have a line each; exchanges none."""
    first_words = [line.split()[1] for line in _shown("plain", EVENTS)]

    assert ["block", "flag", "answer", "hold", "throttle", "policy", "halted", "stopped"] == first_words


def test_flag_says_what_was_seen_by_which_clause_and_how_to_answer() -> None:
    """A warning has all that a researcher needs, in lines and in JSON."""
    (line,) = _shown("plain", [FlagRaised(time_us=NOW_US, flag=FLAG)])
    form = json.loads(_shown("json", [FlagRaised(time_us=NOW_US, flag=FLAG)])[0])

    for part in (FLAG.says, FLAG.advice, FLAG.clause.id, f"fairwitness answer {FLAG.flag} --as"):
        assert part in line
    assert (FLAG.says, FLAG.advice, FLAG.clause.id) == (form["says"], form["advice"], form["clause"])
    assert (FLAG.clause.where, FLAG.clause.says) == (form["where"], form["program_says"])


@pytest.mark.parametrize(
    ("action", "says", "wanted"),
    [
        (
            Action.WARN,
            None,
            "only warned of; more needs the program's sentence (says) at spam in policy.yaml.",
        ),
        (Action.WARN, "No spam", "only warned of."),
        (Action.HOLD, "No spam", ""),
    ],
)
def test_flag_says_what_is_done_apart_from_what_was_seen(
    action: Action, says: str | None, wanted: str
) -> None:
    """Stop is how grave it is; where it is only warned of, the line says so and why."""
    clause = Clause("rules.spam", says, "policy.yaml:9")
    flag = replace(FLAG, rule="spam", severity=Severity.STOP, action=action, clause=clause)
    (line,) = _shown("plain", [FlagRaised(time_us=NOW_US, flag=flag)])

    assert f"(stop, action {action.word})" in line
    assert wanted in line
    assert bool(wanted) == ("Nothing was stopped" in line)


def test_flag_that_a_page_made_says_so_and_asks_for_nothing() -> None:
    """It is info and the page's doing."""
    flag = replace(FLAG, severity=Severity.INFO, initiator=Initiator.PAGE)
    (line,) = _shown("plain", [FlagRaised(time_us=NOW_US, flag=flag)])

    assert "(info, made by a page)" in line
    assert "fairwitness answer" not in line


def test_hints_of_a_rule_are_folded() -> None:
    """Of 150 hints the first three, the 10th and the 100th are shown; a warning always is."""
    hints = [
        FlagRaised(time_us=NOW_US, flag=replace(FLAG, flag=f"f{i}", severity=Severity.INFO))
        for i in range(150)
    ]
    loud = [FlagRaised(time_us=NOW_US, flag=replace(FLAG, flag=f"f{i}")) for i in range(200, 205)]

    lines = _shown("plain", [*hints, *loud])

    assert 10 == len(lines)
    assert "(100 such hints so far: fairwitness flags)" in lines[4]


def test_exchanges_are_shown_when_asked_for() -> None:
    """With -v an exchange has its id, status and size."""
    assert [
        "22:39:16  exchange  3 GET https://shop.test/a?b=c -> 200, 1.5 KiB in 12 ms",
    ] == _shown("verbose", EVENTS[1:2])


def test_a_block_that_repeats_is_folded() -> None:
    """Of 150 equal blocks the 1st, 10th and 100th are shown; another host's is shown at once."""
    other = replace(REFUSED, host="other.test")
    blocks = tuple(Blocked(time_us=NOW_US, id=None, request=REQUEST, verdict=REFUSED) for _ in range(150))

    lines = _shown("plain", (*blocks, Blocked(time_us=NOW_US, id=9, request=REQUEST, verdict=other)))

    assert 4 == len(lines)
    assert ["(10 times so far)", "(100 times so far)"] == [line[line.index("(") :] for line in lines[1:3]]


@pytest.mark.parametrize("kind", ["json", "plain", "verbose"])
def test_no_event_can_drive_the_terminal(kind: str) -> None:
    """A hostile URL's control characters come out as escapes, on one line."""
    hostile = replace(REQUEST, target="/\x1b[2J\x9b31m\x7f\r\nblock".encode("latin-1"))
    shown = _shown(
        kind,
        (
            Blocked(time_us=NOW_US, id=4, request=hostile, verdict=REFUSED),
            Throttled(time_us=NOW_US, request=hostile, verdict=ALLOWED, delay_us=1),
        ),
    )

    assert 2 == len(shown)
    assert all(line.isprintable() for line in shown)
