"""Tests of fairwitness.rules.window."""

from __future__ import annotations

import pytest

from fairwitness.model.connection import Connection
from fairwitness.model.exchange import Client
from fairwitness.model.flag import Answer, AnswerAs, Severity
from fairwitness.model.policy import Window
from fairwitness.model.verdict import Action, Clause
from fairwitness.rules import Runner
from fairwitness.rules.testing import NOON_US, make_line, make_policy, make_request

CLAUSE = Clause("window", None, "policy.yaml:30")
HOUR = 3_600_000_000
LINE = make_line("window", Action.BLOCK, says=None)


def _runner(window: Window | None) -> Runner:
    return Runner(make_policy(window=window, rules=[LINE]), next_flag=1, now_us=NOON_US)


def _dial(at_us: int, scope_list: str) -> Connection:
    return Connection(
        connection="d" * 32,
        client=Client(connection="c" * 32, address="127.0.0.1", port=50000),
        dialled_us=at_us,
        host="shop.test",
        port=443,
        purpose="http",
        scope_list=scope_list,
    )


@pytest.mark.parametrize(
    ("from_us", "until_us", "action"),
    [
        (NOON_US, NOON_US + 1, Action.ALLOW),
        (NOON_US + 1, None, Action.BLOCK),
        (None, NOON_US, Action.BLOCK),
        (None, NOON_US + 1, Action.ALLOW),
        (None, None, Action.ALLOW),
    ],
)
def test_only_the_permitted_time_passes(from_us: int | None, until_us: int | None, action: Action) -> None:
    """The first moment is permitted, the end is not; it blocks without the program's sentence."""
    runner = _runner(Window(from_us, until_us, CLAUSE))

    assert action == runner.judge_request(make_request(), in_scope=True).action
    assert action == runner.judge_dial(_dial(NOON_US, "include")).action


def test_hosts_out_of_scope_are_closed_too() -> None:
    """Outside the dates no page is loaded either."""
    runner = _runner(Window(None, NOON_US, CLAUSE))

    assert Action.BLOCK == runner.judge_request(make_request(), in_scope=False).action
    assert Action.BLOCK == runner.judge_dial(_dial(NOON_US, "load")).action


def test_closed_window_is_said_at_start() -> None:
    """The researcher hears at once that nothing will pass, with the line of the policy."""
    (flag,) = _runner(Window(None, NOON_US, CLAUSE)).at_start(NOON_US)

    assert ("window", Severity.STOP, "policy.yaml:30") == (flag.rule, flag.severity, flag.clause.where)
    assert "2026-11-24T12:00:00.000000Z is after the permitted dates" == flag.says.split(",")[0]


def test_open_window_is_not_mentioned() -> None:
    """Nothing is said at start when today is permitted."""
    assert () == _runner(Window(NOON_US - HOUR, NOON_US + HOUR, CLAUSE)).at_start(NOON_US)


def test_block_ends_with_its_cause_and_no_answer_lifts_it() -> None:
    """Calling it a false alarm opens no window; the first permitted moment does."""
    runner = _runner(Window(NOON_US, None, CLAUSE))
    early = runner.judge_request(make_request(at_us=NOON_US - 1), in_scope=True)
    runner.answer(Answer(flag=early.flags[0], answered_as=AnswerAs.FALSE_ALARM, note="", time_us=NOON_US))

    assert Action.BLOCK == runner.judge_request(make_request(at_us=NOON_US - 1), in_scope=True).action
    assert Action.ALLOW == runner.judge_request(make_request(at_us=NOON_US), in_scope=True).action


def test_dials_and_requests_outside_are_one_flag() -> None:
    """A run of identical offences is one flag."""
    runner = _runner(Window(NOON_US, None, CLAUSE))
    runner.judge_dial(_dial(NOON_US - HOUR, "include"))
    for _ in range(5):
        runner.judge_request(make_request(at_us=NOON_US - HOUR), in_scope=True)

    assert ["f1"] == [flag.flag for flag in runner.flags]


def test_policy_without_dates_has_no_window() -> None:
    """No `window` block: always open."""
    assert Action.ALLOW == _runner(None).judge_request(make_request(), in_scope=True).action
