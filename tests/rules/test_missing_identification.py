"""Tests of fairwitness.rules.missing_identification."""

from __future__ import annotations

import pytest

from fairwitness.model.exchange import Headers
from fairwitness.model.flag import Severity
from fairwitness.model.policy import Identify
from fairwitness.model.verdict import Action, Clause
from fairwitness.rules import Runner
from fairwitness.rules.testing import NOON_US, make_line, make_policy, make_request

CLAUSE = Clause("identify", None, "policy.yaml:20")
WANTED = Identify(
    headers=(("X-Bug-Bounty", "handle"),),
    user_agent_suffix="h1-handle",
    nonce_header="X-Nonce",
    clause=CLAUSE,
)
ALL: Headers = ((b"x-bug-bounty", b"handle"), (b"User-Agent", b"curl/8 h1-handle"), (b"X-Nonce", b"17"))
LINE = make_line("missing-identification", Action.WARN)


def _runner(identify: Identify = WANTED) -> Runner:
    return Runner(make_policy(identify=identify, rules=[LINE]), next_flag=1, now_us=NOON_US)


def test_request_with_everything_is_fine() -> None:
    """Names are compared without regard to case, as HTTP does."""
    judged = _runner().judge_request(make_request(headers=ALL), in_scope=True)

    assert (Action.ALLOW, ()) == (judged.action, judged.flags)


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        (ALL[1:], "no x-bug-bounty header, which the program asks for"),
        (
            ((b"x-bug-bounty", b"other"), *ALL[1:]),
            "the x-bug-bounty header is not the one that the program asks for",
        ),
        (
            (ALL[0], (b"user-agent", b"h1-handle curl"), ALL[2]),
            "the user-agent header is not the one that the program asks for",
        ),
        ((ALL[0], ALL[2]), "no user-agent header, which the program asks for"),
        (ALL[:2], "no x-nonce header, which the program asks for"),
    ],
)
def test_each_missing_part_is_said(headers: Headers, says: str) -> None:
    """A missing or different header is a warning that names it, and never its value."""
    runner = _runner()
    judged = runner.judge_request(make_request(headers=headers), in_scope=True)

    assert (Action.WARN, says) == (judged.action, judged.reason)
    assert [(Severity.CHECK, says)] == [(flag.severity, flag.says) for flag in runner.flags]


def test_said_once_a_session() -> None:
    """The second request without the header is not warned about again."""
    runner = _runner()
    judged = [runner.judge_request(make_request(headers=ALL[1:]), in_scope=True) for _ in range(3)]

    assert [Action.WARN, Action.ALLOW, Action.ALLOW] == [j.action for j in judged]


def test_other_hosts_need_no_identification() -> None:
    """Identification goes to in-scope hosts only, so its absence elsewhere is right."""
    assert () == _runner().judge_request(make_request(headers=()), in_scope=False).flags


def test_program_that_asks_for_nothing_has_no_such_rule() -> None:
    """Without an `identify` block nothing is missing."""
    runner = _runner(Identify(clause=CLAUSE))

    assert () == runner.judge_request(make_request(headers=()), in_scope=True).flags


def test_header_that_a_changed_policy_asks_for_is_watched_at_once() -> None:
    """A policy that begins to ask for a header is followed from then on."""
    runner = _runner(Identify(clause=CLAUSE))
    runner.adopt(make_policy(identify=WANTED, rules=[LINE]))

    assert 3 == len(runner.judge_request(make_request(headers=()), in_scope=True).new_flags)
