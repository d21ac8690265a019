"""Tests of fairwitness.rules.third_party_attack."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fairwitness.model.exchange import Initiator
from fairwitness.model.policy import ScopeEntry
from fairwitness.model.verdict import Action, Clause, ScopeList
from fairwitness.rules import Knowledge, Runner
from fairwitness.rules.testing import NOON_US, make_exchange, make_line, make_policy, make_request

LINE = make_line("third-party-attack", Action.BLOCK)
PAYLOAD = "https://cdn.test/a?q=%3Cscript%3Ealert(1)%3C/script%3E"
ASKED = "https://login.test/authorize?client_id=shop&redirect_uri=https%3A%2F%2Fshop.test%2Fcb"


def _runner(*entries: ScopeEntry) -> Runner:
    policy = replace(make_policy(rules=[LINE]), entries=entries)
    return Runner(policy, next_flag=1, now_us=NOON_US, known=Knowledge())


def _mine(host: str) -> ScopeEntry:
    clause = Clause("scope.mine[0]", None, "-")
    return ScopeEntry(scope_list=ScopeList.MINE, text=host, clause=clause, host=host)


@pytest.mark.parametrize("url", [PAYLOAD, "https://cdn.test/.git/config"])
def test_attack_on_a_host_that_is_only_loaded_is_blocked(url: str) -> None:
    """Payloads and paths that scanners look for; the same in scope is not this rule's matter."""
    assert Action.BLOCK == _runner().judge_request(make_request(url), in_scope=False).action
    assert Action.ALLOW == _runner().judge_request(make_request(url), in_scope=True).action


@pytest.mark.parametrize("host", ["cdn.test", "*.test"])
def test_own_host_is_never_flagged(host: str) -> None:
    """What the researcher sends to a server of their own is their business."""
    judged = _runner(_mine(host)).judge_request(make_request(PAYLOAD), in_scope=False)

    assert (Action.ALLOW, ()) == (judged.action, judged.flags)


def test_page_that_quotes_its_own_address_is_left_alone() -> None:
    """Analytics are told the address in which the researcher tried something."""
    request = make_request(PAYLOAD, initiator=Initiator.PAGE, page="https://shop.test/")

    assert Action.ALLOW == _runner().judge_request(request, in_scope=False).action


def test_referer_is_where_it_came_from() -> None:
    """It quotes the address that was tested."""
    request = make_request("https://cdn.test/a.js", headers=((b"referer", b"https://shop.test/?q=<script>"),))

    assert Action.ALLOW == _runner().judge_request(request, in_scope=False).action


@pytest.mark.parametrize(
    ("url", "action"),
    [
        (ASKED, Action.ALLOW),
        (ASKED.replace("shop.test", "evil.test"), Action.HOLD),
        (ASKED.replace("client_id=shop", "client_id=other").replace("shop.test", "evil.test"), Action.ALLOW),
    ],
)
def test_sign_in_that_is_told_to_end_elsewhere_asks_first(url: str, action: Action) -> None:
    """Only where a host in scope handed out another redirect_uri for the same client."""
    runner = _runner()
    begun = make_exchange(make_request(), status=302, headers=((b"location", ASKED.encode()),))
    runner.known.learn(begun, in_scope=True)

    assert action == runner.judge_request(make_request(url), in_scope=False).action
