"""Tests of fairwitness.rules.heavy_request: single requests, load tests, uploads that never end."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest

from fairwitness.model.exchange import Exchange, Initiator
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
    body = b"<!ENTITY a 'x'>" + b"".join(b"<!ENTITY a%d '&a%d;'>" % (i + 1, i) for i in range(9))
    body = body.replace(b"&a0;", b"&a;")
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


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/upload", {"name": "a.png", "size": 5_242_880}),
        ("/upload?flowTotalSize=5242880&flowChunkNumber=1", None),
        ("/cards/1", {"limit": 500_000}),
        ("/stats", {"count": 1_000_000, "name": "views"}),
        ("/posts", {"text": "public void run() {\n  Thread.sleep(60000);\n}"}),
        ("/posts", {"text": "Title\n" + "+" * 40, "html": "<br>" * 30}),
        ("/posts", {"text": "[ " * 300}),
    ],
)
def test_what_people_send_is_not_heavy(target: str, body: object):
    """Sizes of files, limits of cards, code, rules of plus signs."""
    sent = make_request(
        "https://shop.test" + target,
        method="POST" if body else "GET",
        headers=((b"content-type", b"application/json"),) if body else (),
        body=json.dumps(body).encode() if body else b"",
    )

    assert runner().judge_request(sent, in_scope=True).action is Action.ALLOW


@pytest.mark.parametrize(
    "target",
    [
        "?id=1;WAITFOR%20DELAY%20'0:5:0'--",
        "?id=1%20AND%20SLEEP%2860%29",
        "?query=" + "{a" * 30 + "}" * 30,
        "?query={me" + "@a" * 300 + "{id}}",
    ],
)
def test_heavy_query_is_held(target: str):
    """With or without brackets in it."""
    assert runner().judge_request(make_request(URL + target), in_scope=True).action is Action.HOLD


@pytest.mark.parametrize(
    ("query", "action"),
    [("w=90000&h=90000", Action.WARN), ("w=7680&h=4320", Action.ALLOW), ("w=47&h=1764342", Action.ALLOW)],
)
def test_picture_of_no_screen_is_told(query: str, action: Action):
    """Both sides count: one alone is a week, or a hash."""
    assert runner().judge_request(make_request(f"{URL}?{query}"), in_scope=True).action is action


def test_range_header_hides_no_bomb():
    """It was looked at alone once."""
    sent = make_request(
        URL,
        method="POST",
        headers=((b"content-encoding", b"gzip"), (b"range", b"bytes=0-")),
        body=gzip.compress(b"\0" * (20 << 20)),
    )

    assert runner().judge_request(sent, in_scope=True).action is Action.HOLD


def test_graphql_body_of_its_own_type_is_read():
    """`application/graphql` is the query itself."""
    sent = make_request(
        URL,
        method="POST",
        headers=((b"content-type", b"application/graphql"),),
        body=b"{a" * 30 + b"}" * 30,
    )

    assert runner().judge_request(sent, in_scope=True).action is Action.HOLD


def test_page_that_repeats_itself_uses_up_nothing():
    """Its requests and the researcher's are counted apart, jobs too."""
    judge = runner()
    for i in range(79):
        page = make_request(URL, at_us=NOON_US + i * 50_000, initiator=Initiator.PAGE)
        judge.judge_request(page, in_scope=True)
        page = make_request(REPORT, method="POST", at_us=NOON_US + i * 50_000, initiator=Initiator.PAGE)
        judge.judge_request(page, in_scope=True)
    own = [make_request(URL, at_us=NOON_US + 79 * 50_000), make_request(REPORT, method="POST")]

    assert [Action.ALLOW] * 2 == [judge.judge_request(each, in_scope=True).action for each in own]
