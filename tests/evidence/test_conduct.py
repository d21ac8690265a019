"""Tests of fairwitness.evidence.conduct: hand-made logs, every number known beforehand."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fairwitness.errors import EvidenceError
from fairwitness.evidence import Keep, Log
from fairwitness.evidence.conduct import compute_conduct
from fairwitness.evidence.testing import (
    ALLOWED,
    BLOCKED,
    CLAUSE,
    NOON_US,
    PROGRAM,
    Tamper,
    ended,
    make_client,
    make_connection,
    make_exchange,
    make_flag,
    make_request,
    open_log,
)
from fairwitness.model.conduct import Conduct, PolicyDigest, Span
from fairwitness.model.exchange import Initiator, Metered
from fairwitness.model.flag import Answer, AnswerAs
from fairwitness.model.policy import Identify, Limits, MeterSet, Policy, Posture, Report
from fairwitness.model.verdict import Action, ScopeList

HOUR_US = 3_600_000_000
LATER_US = NOON_US + 1000 * HOUR_US
DIGEST = PolicyDigest(
    entries=(("include", "app.example.test"),),
    rate_per_host=(5, 1_000_000),
    at_once=5,
    is_courtesy=False,
    rate_total=None,
    total_at_once=0,
    total_is_courtesy=True,
    approvals=(),
    identify=(),
    judged=("request-rate",),
    not_judged=("spam",),
    declare=(),
)


def digest(text: bytes) -> PolicyDigest | None:
    """A digest whose limit is the policy's text; none of a text that is no number."""
    if not text.isdigit():
        return None
    return replace(DIGEST, rate_per_host=(int(text), 1_000_000), at_once=int(text))


def make_policy(text: bytes) -> Policy:
    """A policy with this text, which nobody reads but `digest`."""
    return Policy(
        program=PROGRAM,
        posture=Posture.MANUAL,
        entries=(),
        identify=Identify(clause=CLAUSE),
        limits=Limits(
            testing=MeterSet(),
            browsing=MeterSet(),
            request_body_bytes=1,
            on_exceed=Action.THROTTLE,
            clause=CLAUSE,
        ),
        window=None,
        rules=(),
        approvals=(),
        declare=(),
        report=Report(),
        text=text,
        sha256=text.hex().ljust(64, "0"),
        path="policy.yaml",
    )


def report(folder: Path, *, now_us: int = LATER_US, **span: int) -> Conduct:
    """The conduct of a log."""
    return compute_conduct(folder, Span(**span), digest=digest, now_us=now_us, version="1")


def release(
    log: Log,
    *,
    at_us: int = NOON_US,
    host: str = "app.example.test",
    scope_list: ScopeList | None = ScopeList.INCLUDE,
    status: int | None = 200,
    **more: object,
) -> int:
    """A request that leaves and, with a status, is answered."""
    request = replace(make_request(host=host, at_us=at_us), **more)  # type: ignore[arg-type]
    verdict = replace(ALLOWED, scope_list=scope_list, host=host)
    number = log.append_request(request, verdict=verdict, released_us=at_us, keep=Keep.WHOLE)
    if status is not None:
        log.append_response(make_exchange(request, status=status), body=None, keep=Keep.WHOLE)
    return number


def block(log: Log, *, at_us: int = NOON_US, times: int = 1, initiator: Initiator = Initiator.TOOL) -> None:
    """The same attempt, blocked so many times."""
    for _ in range(times):
        request = replace(make_request(host="cdn.other.test", at_us=at_us), initiator=initiator)
        log.append_blocked(request, verdict=BLOCKED, time_us=at_us)


def test_a_request_that_left_for_a_host_out_of_scope_is_counted_and_named(log: Log, evidence: Path) -> None:
    """The number is computed: a log in which one such exchange exists says 1, with its id, host and time."""
    release(log)
    stray = release(log, host="elsewhere.test", scope_list=None, at_us=NOON_US + 5)
    release(log, host="no.test", scope_list=ScopeList.EXCLUDE, at_us=NOON_US + 6)
    release(log, host="cdn.test", scope_list=ScopeList.LOAD)
    release(log, host="login.test", scope_list=ScopeList.TUNNEL)
    release(log, host="mine.test", scope_list=ScopeList.MINE)
    block(log)
    log.commit_now()

    conduct = report(evidence)

    assert 2 == conduct.stray_count
    assert (stray, "elsewhere.test", "none", NOON_US + 5) == (
        conduct.strays[0].id,
        conduct.strays[0].host,
        conduct.strays[0].scope_list,
        conduct.strays[0].time_us,
    )
    assert {"include": 1, "exclude": 1, "load": 1, "mine": 1, "none": 1, "tunnel": 1} == {
        each.scope_list: each.requests for each in conduct.released
    }


def test_a_dial_out_of_scope_is_found_by_itself(log: Log, evidence: Path) -> None:
    """Dials are a second witness: one whose host was on no list shows although no exchange names it."""
    dial = replace(make_connection(purpose="http", host="elsewhere.test"), scope_list="")
    log.append_connection(dial, verdict=replace(ALLOWED, scope_list=None, host=""))
    log.commit_now()

    conduct = report(evidence)

    assert 0 == conduct.stray_count
    assert [(None, dial.connection, "elsewhere.test", "none")] == [
        (each.id, each.connection, each.host, each.scope_list) for each in conduct.stray_dials
    ]


def test_what_was_let_go_and_not_sent_did_not_leave(log: Log, evidence: Path) -> None:
    """A halt between commit and release ends a request that never left: counted apart."""
    request = make_request()
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    exchange = replace(make_exchange(request), response=None, failure="not sent: halted")
    log.append_response(exchange, body=None, keep=Keep.WHOLE)
    log.commit_now()

    conduct = report(evidence)

    assert (1, ()) == (conduct.held_back, conduct.released)


def test_blocks_count_each_time_by_who_made_them(log: Log, evidence: Path) -> None:
    """Identical blocks share a line of the log and are counted all the same."""
    block(log, times=7)
    block(log, times=3, initiator=Initiator.PAGE)
    block(log, times=2, initiator=Initiator.PERSON)
    log.close(time_us=NOON_US)

    conduct = report(evidence)

    assert (3, 2, 7) == (conduct.blocked.page, conduct.blocked.person, conduct.blocked.tool)
    assert [("cdn.other.test", 12)] == [(each.host, each.blocked.total) for each in conduct.blocked_hosts]
    assert ((), 0) == (conduct.host_days, conduct.stray_count)


def test_a_host_has_a_row_for_each_day(log: Log, evidence: Path) -> None:
    """A session across midnight has two days, each with its first and last request."""
    ids = [
        release(log, at_us=NOON_US + 11 * HOUR_US, status=200),
        release(log, at_us=NOON_US + 13 * HOUR_US, status=404),
        release(log, at_us=NOON_US + 14 * HOUR_US, status=None),
    ]
    log.commit_now()

    first, second = report(evidence).host_days

    assert ("2026-11-23", 1, ids[0], ids[0]) == (first.day, first.requests, first.first_id, first.last_id)
    assert ("2026-11-24", 2, ids[1], ids[2]) == (second.day, second.requests, second.first_id, second.last_id)
    assert ((0, 0, 0, 1, 0), 1) == (second.by_status, second.unanswered)
    assert ("User-Agent: Mozilla/5.0",) == first.marks


def test_the_top_rate_is_held_against_the_limit_of_its_time(log: Log, evidence: Path) -> None:
    """Under each policy the most within the limit's window; free and page-made requests are not in it."""
    log.append_policy(make_policy(b"5"), time_us=NOON_US, why="start")
    for number in range(4):
        release(log, at_us=NOON_US + number * 100_000)
    release(log, at_us=NOON_US + 350_000, metered=Metered.FREE)
    release(log, at_us=NOON_US + 1_000_001)
    log.append_policy(make_policy(b"2"), time_us=NOON_US + 2_000_000, why="changed: in-force: narrower")
    for number in range(6):
        release(log, at_us=NOON_US + 2_000_000 + number * 10)
    log.commit_now()

    tops = {each.limit: each for each in report(evidence).rates if each.host != "*"}

    assert {"5/s": (4, 10, False), "2/s": (6, 4, True)} == {
        limit: (top.most, top.allowed, top.is_above) for limit, top in tops.items()
    }


def test_a_policy_that_waits_sets_no_limit(log: Log, evidence: Path) -> None:
    """Until it is confirmed the one before is in force; one that cannot be read is listed and sets none."""
    log.append_policy(make_policy(b"5"), time_us=NOON_US, why="start")
    log.append_policy(make_policy(b"9"), time_us=NOON_US + 1, why="changed: waits-for-confirmation: wider")
    log.append_policy(make_policy(b"?"), time_us=NOON_US + 2, why="confirmed: in-force: by a newer version")
    release(log, at_us=NOON_US + 3)
    log.commit_now()

    conduct = report(evidence)

    assert {"5/s"} == {each.limit for each in conduct.rates if each.host != "*"}
    assert [(False, True), (True, True), (False, False)] == [
        (each.is_waiting, each.digest is not None) for each in conduct.policies
    ]


def test_a_session_that_was_cut_off_is_a_gap(log: Log, evidence: Path, tmp_path: Path) -> None:
    """Its end is not made up, and what was open in it has no known outcome."""
    release(log, at_us=NOON_US + HOUR_US, status=None)
    log.commit_now()
    killed = tmp_path / "as a kill leaves it"
    shutil.copytree(evidence, killed)
    again = open_log(killed)
    again.append_session([("note", "second")], time_us=NOON_US + 2 * HOUR_US)
    release(again, at_us=NOON_US + 3 * HOUR_US)
    again.close(time_us=NOON_US + 4 * HOUR_US)

    conduct = report(killed)

    assert [(1, None, HOUR_US), (2, NOON_US + 4 * HOUR_US, 2 * HOUR_US)] == [
        (each.session, each.ended_us, each.recorded_us) for each in conduct.sessions
    ]
    assert ["cut-off", "unknown"] == [each.kind for each in conduct.gaps]


def test_notes_of_the_proxy_become_gaps_and_remarks(log: Log, evidence: Path) -> None:
    """Closed gates, stepped clocks, stops and faults are gaps; halts, declarations and notes are not."""
    for text in (
        "the gate was closed: the disk is full",
        "the machine's clock was stepped by -3600.000 s",
        "fairwitness stood still for 61.2 s, stopped by a signal",
        "bug in request: KeyError; its traffic was blocked",
        "rule spam failed: ValueError",
        "halted: lunch",
        "resumed: back",
        "declare no-dos: not asked",
        "h3 was released by the researcher",
        "rule of thumb: go slowly",
    ):
        log.append_note(text, time_us=NOON_US)
    log.commit_now()

    conduct = report(evidence)

    assert ["gate", "clock", "standstill", "fault", "fault"] == [each.kind for each in conduct.gaps]
    assert ["halt", "resume", "declare", "release", "note"] == [each.kind for each in conduct.remarks]


def test_a_clock_that_was_set_back_between_sessions_is_a_gap(
    log: Log, evidence: Path, open_again: Callable[[], Log]
) -> None:
    """A session that began before the end of the one before it is told, and no hour is negative."""
    log.close(time_us=NOON_US + 2 * HOUR_US)
    again = open_again()
    again.append_session([], time_us=NOON_US - 30 * HOUR_US)
    release(again, at_us=NOON_US - 30 * HOUR_US)
    again.close(time_us=NOON_US - 31 * HOUR_US)

    conduct = report(evidence)

    assert [("clock", 2)] == [(each.kind, each.session) for each in conduct.gaps]
    assert [2 * HOUR_US, 0] == [each.recorded_us for each in conduct.sessions]


def test_flags_come_with_their_answers_and_counts(log: Log, evidence: Path) -> None:
    """A flag is counted within the span; the newest answer is the one that stands."""
    request = make_request()
    log.append_flag(make_flag("f1", request.exchange))
    log.append_request(request, verdict=replace(ALLOWED, flags=("f1",)), released_us=NOON_US, keep=Keep.WHOLE)
    release(log, at_us=NOON_US + HOUR_US)
    log.append_flag(make_flag("f2", "0" * 32))
    log.append_answer(Answer(flag="f1", answered_as=AnswerAs.ACCIDENT, note="oops", time_us=NOON_US))
    log.append_answer(Answer(flag="f1", answered_as=AnswerAs.FALSE_ALARM, note="polling", time_us=NOON_US))
    log.commit_now()

    assert [("f1", 1, 1, "false-alarm", "polling"), ("f2", 1, None, None, None)] == [
        (each.flag, each.count, each.first_id, each.answered_as, each.answer_note)
        for each in report(evidence).flags
    ]
    assert () == report(evidence, since_us=NOON_US + 1).flags


def test_tunnel_bytes_and_overridden_dials_are_counted(log: Log, evidence: Path) -> None:
    """The end of a tunnel's dial says what passed; --resolve shows in each dial."""
    dial = replace(make_connection(), resolved_by="override")
    log.append_connection(dial, verdict=replace(ALLOWED, scope_list=ScopeList.TUNNEL))
    log.append_connection_end(ended(dial, sent=100, received=2000))
    log.commit_now()

    dials = report(evidence).dials

    assert (1, 1, 1, 100, 2000) == (
        dials.total,
        dials.overridden,
        dials.tunnels,
        dials.tunnel_sent_bytes,
        dials.tunnel_received_bytes,
    )


def test_a_span_leaves_out_what_is_not_in_it(log: Log, evidence: Path, open_again: Callable[[], Log]) -> None:
    """By session and by time; the hours are those of the span."""
    release(log)
    log.close(time_us=NOON_US + HOUR_US)
    again = open_again()
    again.append_session([], time_us=NOON_US + 5 * HOUR_US)
    release(again, at_us=NOON_US + 6 * HOUR_US)
    again.close(time_us=NOON_US + 9 * HOUR_US)

    second = report(evidence, session=2)
    late = report(evidence, since_us=NOON_US + 7 * HOUR_US)

    assert ([2], 1) == ([each.session for each in second.sessions], second.amount("include").requests)
    assert ([2], 0) == ([each.session for each in late.sessions], late.amount("include").requests)
    assert 2 * HOUR_US == late.sessions[0].recorded_us
    with pytest.raises(EvidenceError, match="no session 9"):
        report(evidence, session=9)


def test_an_empty_log_has_an_empty_report(log: Log, evidence: Path) -> None:
    """No exchange at all: all numbers are zero and nothing fails."""
    log.commit_now()

    conduct = report(evidence, now_us=NOON_US + HOUR_US)

    assert ((), (), 0, 0) == (conduct.released, conduct.rates, conduct.stray_count, conduct.blocked.total)
    assert [(1, True, HOUR_US)] == [
        (each.session, each.is_running, each.recorded_us) for each in conduct.sessions
    ]
    assert 64 == len(conduct.log.root)


def test_a_body_that_is_cut_is_a_gap(log: Log, evidence: Path) -> None:
    """What is stored in part only is told."""
    request = make_request()
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    whole = make_exchange(request, body=b"beginning")
    assert whole.response is not None
    cut = replace(whole, response=replace(whole.response, body_is_cut=True))
    log.append_response(cut, body=None, keep=Keep.WHOLE)
    log.commit_now()

    assert ["cut-body"] == [each.kind for each in report(evidence).gaps]


def test_hostile_names_come_through_as_they_are(log: Log, evidence: Path) -> None:
    """Labels, hosts and notes with quotes, commas, line ends, NUL and lone surrogates break no query."""
    odd = 'a","b\n\x00\x1b]0;x\x07\u202e\ud800\'; DROP TABLE exchange; --'
    client = replace(make_client(), label=odd)
    release(log, client=client)
    release(log, host="h'\";--.test", scope_list=None)
    log.append_note(odd, time_us=NOON_US)
    log.append_session([("note", odd), ("resolve", odd)], time_us=NOON_US)
    log.commit_now()

    conduct = report(evidence)

    assert (1, 1) == (conduct.amount("include").requests, conduct.stray_count)
    assert "h'\";--.test" == conduct.strays[0].host
    assert [1] == [len(day.labels) for day in conduct.host_days if day.scope_list == "include"]
    assert [odd] == [each.says for each in conduct.remarks]


def test_a_log_that_only_blocked_has_no_days_and_no_rates(log: Log, evidence: Path) -> None:
    """Nothing left: totals are zero, what was blocked is there, and a bar shows it."""
    block(log, times=3)
    log.close(time_us=NOON_US)

    conduct = report(evidence)

    assert ((), (), (), 3) == (conduct.released, conduct.host_days, conduct.rates, conduct.blocked.total)
    assert [(0, 3)] == [(bar.tool, bar.blocked) for bar in conduct.bars]


def test_a_long_engagement_is_drawn_in_days(log: Log, evidence: Path) -> None:
    """Hours while they fit, days beyond three of them."""
    release(log)
    release(log, at_us=NOON_US + 71 * HOUR_US)
    log.commit_now()
    assert HOUR_US == report(evidence).bar_us

    release(log, at_us=NOON_US + 100 * HOUR_US)
    log.commit_now()
    assert 24 * HOUR_US == report(evidence).bar_us


def test_damage_is_a_gap_and_no_stray(log: Log, evidence: Path) -> None:
    """An exchange that cannot be read any more is told as such: neither in scope nor out of it."""
    release(log)
    log.close(time_us=NOON_US)
    Tamper(evidence).run("UPDATE opening SET checksum = checksum + 1 WHERE idx = 2")
    (evidence / "view.sqlite3").unlink()

    conduct = report(evidence)

    assert (0, ["unreadable"]) == (conduct.stray_count, [each.kind for each in conduct.gaps])
