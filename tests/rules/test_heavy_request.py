"""Tests of fairwitness.rules.heavy_request: single requests, load tests, uploads that never end."""

from __future__ import annotations

from dataclasses import replace

from fairwitness.model.exchange import Exchange
from fairwitness.model.flag import Severity
from fairwitness.model.verdict import Action
from fairwitness.rules import Runner
from fairwitness.rules.heavy_request import HeavyRequest
from fairwitness.rules.testing import NOON_US, make_line, make_policy, make_request

SECOND = 1_000_000
URL = "https://shop.test/api"
REPORT = "https://shop.test/report"


def runner() -> Runner:
    """One with this rule alone, which may hold."""
    policy = make_policy(rules=[make_line("heavy-request", Action.HOLD)])
    return Runner(policy, next_flag=1, now_us=NOON_US, rules=[HeavyRequest])


def test_bomb_is_held():
    """Nothing of it leaves before the researcher says so."""
    body = b"<!DOCTYPE l [" + b"<!ENTITY a 'x'>" * 9
    judged = runner().judge_request(make_request(URL, method="POST", body=body), in_scope=True)

    assert judged.action is Action.HOLD
    assert "entities" in judged.reason


def test_load_test_is_warned_of_then_held():
    """A load test is the same request again and again."""
    judge = runner()
    sent = [
        judge.judge_request(make_request(URL, at_us=NOON_US + i * 50_000), in_scope=True) for i in range(200)
    ]

    assert {Action.ALLOW} == {each.action for each in sent[:79]}
    assert Action.WARN == sent[79].action
    assert Action.HOLD == sent[199].action


def test_different_requests_are_no_load_test():
    """A walk over ids is another rule's matter."""
    judge = runner()
    sent = [
        judge.judge_request(make_request(f"{URL}/{i}", at_us=NOON_US + i * 10_000), in_scope=True)
        for i in range(300)
    ]

    assert {Action.ALLOW} == {each.action for each in sent}


def test_poller_is_no_load_test():
    """Twice a second for ten minutes."""
    judge = runner()
    sent = [
        judge.judge_request(make_request(URL, at_us=NOON_US + i * SECOND // 2), in_scope=True)
        for i in range(1200)
    ]

    assert {Action.ALLOW} == {each.action for each in sent}


def test_uploads_that_never_end_are_warned_of():
    """Slow bodies, as a recording shows them."""
    judge = runner()
    for i in range(10):
        request = make_request(
            URL, method="POST", at_us=NOON_US + i * SECOND, headers=((b"content-length", b"4096"),), body=b"a"
        )
        judge.judge_request(request, in_scope=True)
        judge.judge_response(
            Exchange(
                request=request, response=None, failure="client left", ended_us=request.received_us + SECOND
            )
        )

    assert [(Severity.CHECK, Action.WARN)] == [(flag.severity, flag.action) for flag in judge.flags]


def test_page_size_of_millions_is_warned_of():
    """`limit=1e9` asks for the whole table."""
    judged = runner().judge_request(make_request(f"{URL}?limit=1e9"), in_scope=True)

    assert judged.action is Action.WARN


def test_huge_upload_is_warned_of():
    """By its length, whatever its bytes."""
    request = replace(make_request(URL, method="PUT", body=b"a"), body_bytes=200_000_000)

    assert runner().judge_request(request, in_scope=True).action is Action.WARN


def test_eleventh_report_of_an_hour_is_warned_of():
    """Exports and reports are costly jobs."""
    judge = runner()
    sent = [
        judge.judge_request(
            make_request("https://shop.test/report", method="POST", at_us=NOON_US + i * 60 * SECOND),
            in_scope=True,
        )
        for i in range(11)
    ]

    assert [Action.ALLOW] * 10 + [Action.WARN] == [each.action for each in sent]
