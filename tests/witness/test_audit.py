"""Recordings are judged as live traffic is: attempts count, outcomes are taken as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from fairwitness.audit import InOrder
from fairwitness.model.exchange import Exchange, Request
from fairwitness.model.flag import Pointer, Severity, Sighting
from fairwitness.model.policy import Policy
from fairwitness.model.recording import Recorded
from fairwitness.model.verdict import Action
from fairwitness.policy import read_policy
from fairwitness.rules import Runner
from fairwitness.rules.rule import Rule
from fairwitness.rules.testing import NOON_US, make_exchange, make_request
from fairwitness.witness.audit import Audit, Audited, audit

POLICY = b"""
version: 1
program: {name: Shop, policy_url: "https://shop.test/rules", reviewed: 2020-01-01}
scope:
  include: [shop.test]
  load: [cdn.test]
  tunnel: [login.test]
  noise: [telemetry.test]
identify: {headers: {X-Bug-Bounty: me}}
limits: {testing: {per_host: {rate: 5/s, burst: 4}}, on_exceed: block, says: "Be gentle."}
"""
SENT = ((b"X-Bug-Bounty", b"me"),)


def _policy(more: str = "") -> Policy:
    return read_policy(POLICY + more.encode(), path="policy.yaml")


def _request(url: str, *, at_us: int = 0, headers: tuple[tuple[bytes, bytes], ...] = SENT) -> Request:
    return make_request(url, at_us=NOON_US + at_us, headers=headers)


def _audited(requests: Iterable[Request], policy: Policy | None = None) -> Audited:
    with InOrder("test") as order:
        for request in requests:
            exchange = Exchange(request=request, response=None, failure="x", ended_us=request.received_us + 1)
            order.add(Recorded(exchange=exchange))
        return audit(order, policy or _policy())


def test_each_list_is_decided_as_live() -> None:
    """Strangers and plain requests to tunnel hosts would have been refused; noise is nothing to look at."""
    hosts = ["shop.test", "cdn.test", "login.test", "telemetry.test", "evil.test", "evil.test", "a.shop.test"]
    audited = _audited(_request(f"https://{host}/", at_us=at * 1_000_000) for at, host in enumerate(hosts))

    assert (7, NOON_US, NOON_US + 6_000_000) == (audited.exchanges, audited.first_us, audited.last_us)
    assert {"allow": 3, "block": 4} == {word: count for word, count in audited.decisions if count}
    assert (("evil.test", 2), ("a.shop.test", 1)) == audited.strangers
    assert (3, True) == (audited.refused, audited.asks_for_a_look)
    noise = _audited([_request("https://telemetry.test/")])
    assert (0, False) == (noise.refused, noise.asks_for_a_look)
    plain = _audited([_request("http://login.test/")])
    assert (1, True) == (plain.refused, plain.asks_for_a_look)


def test_heads_that_live_traffic_may_not_have_are_refused() -> None:
    """A bare line end, an upgrade to what has no record."""
    odd = [((b"X", b"a\nHost: evil.test"),), ((b"Upgrade", b"foo"),), ((b"Upgrade", b"WebSocket"),)]
    audited = _audited(_request("https://shop.test/", headers=(*SENT, *each)) for each in odd)

    assert {"allow": 1, "block": 2} == {word: count for word, count in audited.decisions if count}
    assert (2, ()) == (audited.refused, audited.strangers)


def test_flags_count_by_position() -> None:
    """The policy blocks from the fifth on, and all that was sent all the same is counted."""
    audited = _audited(_request(f"https://shop.test/{'abcdefghij'[at]}", at_us=at) for at in range(10))

    stop = next(row for row in audited.flags if row.flag.severity is Severity.STOP)
    assert (5, 10, 6, (5, 6, 7, 8, 9, 10)) == (stop.first, stop.last, stop.count, stop.exchanges)
    assert ("5", (Pointer("5", "head"),)) == (stop.flag.exchange, stop.flag.shown_by)
    assert stop.shown_by_text[0].startswith("GET /e HTTP/1.1\r\nX-Bug-Bounty: me\r\n")
    assert {"allow": 3, "warn": 1, "block": 6} == {word: count for word, count in audited.decisions if count}


def test_what_only_a_session_has_is_left_out() -> None:
    """The policy was read years ago, which says nothing of a recording; a missing header does."""
    rules = {row.flag.rule for row in _audited([_request("https://shop.test/", headers=())]).flags}

    assert {"missing-identification"} == rules


def test_nothing_at_all_is_nothing_to_look_at() -> None:
    """An empty recording has six zeros."""
    audited = _audited([])

    assert (0, None, (), False) == (
        audited.exchanges,
        audited.first_us,
        audited.flags,
        audited.asks_for_a_look,
    )
    assert tuple((action.word, 0) for action in Action) == audited.decisions


class _Answers(Rule):
    """Sees every answer, and every request whose path says so; fails on one."""

    name = "server-distress"
    summary = "for this test"

    def on_request(self, request: Request) -> Iterator[Sighting]:
        if request.path == "/bug":
            raise RuntimeError("secret of the traffic")
        yield from ()

    def on_response(self, exchange: Exchange) -> Iterator[Sighting]:
        yield Sighting(
            rule=self.name,
            severity=Severity.INFO,
            says="an answer",
            advice="Nothing.",
            shown_by=(Pointer(exchange.request.exchange, "response-body", 2, 5),),
            reach="x",
        )


def test_answers_of_what_was_refused_by_a_rule_are_seen() -> None:
    """What was recorded left, so its answer counts; that of a stranger has none live and is not looked at."""
    judge = Audit(_policy())
    judge._runner = Runner(_policy(), next_flag=1, now_us=0, rules=[_Answers])
    urls = ["https://shop.test/", "https://evil.test/", "https://shop.test/bug"]
    with InOrder("test") as order:
        for at, url in enumerate(urls):
            request = _request(url, at_us=at * 10)
            order.add(Recorded(exchange=make_exchange(request, body=b"0123456789", after_us=5)))
        for moment in order:
            judge.judge(moment)
    audited = judge.result()

    assert [((1, 3), ("234",))] == [(row.exchanges, row.shown_by_text) for row in audited.flags]
    assert ["server-distress"] == [each.split(":")[0] for each in audited.failures]
    assert "secret" not in str(audited.failures)
    assert audited.asks_for_a_look


def test_a_bug_in_what_is_learned_ends_no_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as that of a rule, and the exchange is judged."""

    def broken(*_: object) -> None:
        raise KeyError("secret of the traffic")

    judge = Audit(_policy())
    monkeypatch.setattr(judge._runner.known.trails, "learn", broken)
    with InOrder("test") as order:
        order.add(Recorded(exchange=make_exchange(_request("https://shop.test/"), body=b"x", after_us=5)))
        for moment in order:
            judge.judge(moment)
    audited = judge.result()

    assert ["knowledge"] == [each.split(":")[0] for each in audited.failures]
    assert "secret" not in str(audited.failures)


def test_a_recording_cannot_leave_more_open_than_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A HAR in which everything lasts for ever: the oldest end unanswered, and that is told."""
    monkeypatch.setattr("fairwitness.witness.audit._OPEN", 3)
    judge = Audit(_policy())
    with InOrder("test") as order:
        for at in range(5):
            request = _request("https://shop.test/", at_us=at * 10)
            order.add(Recorded(exchange=make_exchange(request, body=b"x", after_us=1_000_000)))
        for moment in order:
            judge.judge(moment)
    audited = judge.result()

    assert 5 == audited.exchanges
    assert ("more than 3 exchanges were open at once: 2 answers were not judged",) == audited.failures
    assert audited.asks_for_a_look


def test_the_stranger_is_the_name_that_is_not_in_scope() -> None:
    """A request to the program's host with somebody else's Host header does not name the program's."""
    request = _request("https://shop.test/")
    foreign = replace(request.destinations[0], named_by="Host", host="evil.test")
    audited = _audited([replace(request, destinations=(*request.destinations, foreign))])

    assert (("evil.test", 1),) == audited.strangers
