"""Tests of fairwitness.rules.budget."""

from __future__ import annotations

from fairwitness.model.exchange import Metered
from fairwitness.model.flag import Severity
from fairwitness.model.policy import Meter, MeterSet, Policy, Rate
from fairwitness.model.verdict import Action
from fairwitness.rules import Judgement, Runner
from fairwitness.rules.budget import Budget
from fairwitness.rules.testing import NOON_US, make_policy, make_request

DAY = 86_400_000_000
TEN_A_DAY = MeterSet(total=Meter(requests=Rate(10, DAY)))


def _runner(**more: object) -> Runner:
    policy: Policy = make_policy(testing=TEN_A_DAY, **more)  # type: ignore[arg-type]
    return Runner(policy, next_flag=1, now_us=NOON_US, rules=[Budget])


def _send(runner: Runner, count: int, *, at_us: int = NOON_US) -> list[Judgement]:
    return [runner.judge_request(make_request(at_us=at_us), in_scope=True) for _ in range(count)]


def test_budget_blocks_when_spent_and_warns_from_four_fifths() -> None:
    """The eighth of ten warns, the eleventh is blocked: no delay would help."""
    runner = _runner()
    judged = _send(runner, 12)

    assert [Action.ALLOW] * 7 + [Action.WARN] * 3 + [Action.BLOCK] * 2 == [j.action for j in judged]
    assert [Severity.CHECK, Severity.STOP] == [flag.severity for flag in runner.flags]


def test_new_day_brings_a_new_budget() -> None:
    """Twelve hours after noon UTC the budget is whole again."""
    runner = _runner()
    _send(runner, 11)

    assert Action.BLOCK == _send(runner, 1, at_us=NOON_US + DAY // 2 - 1)[0].action
    assert Action.ALLOW == _send(runner, 1, at_us=NOON_US + DAY // 2)[0].action


def test_blocked_requests_spend_nothing() -> None:
    """What was not released does not count: after a thousand blocks one release more is one more."""
    runner = _runner()
    _send(runner, 1000)
    (reading,) = runner.meters(NOON_US)

    assert (10, 10, "1 day") == (reading.used, reading.limit, reading.per)


def test_request_that_gave_up_gives_its_share_back() -> None:
    """A client that left before the release has spent nothing."""
    runner = _runner()
    requests = [make_request() for _ in range(10)]
    for request in requests:
        runner.judge_request(request, in_scope=True)
    runner.gave_up(requests[3])
    runner.gave_up(requests[3])

    assert [Action.WARN, Action.BLOCK] == [j.action for j in _send(runner, 2)]


def test_courtesy_budget_blocks_as_a_hint() -> None:
    """A budget that nobody asked for is kept too, and never called an offence."""
    runner = _runner(limits_say=None)

    assert Action.BLOCK == _send(runner, 11)[10].action
    assert {Severity.INFO} == {flag.severity for flag in runner.flags}


def test_on_exceed_warn_only_warns() -> None:
    """Who wants warnings only is not blocked by a budget either."""
    assert {Action.ALLOW, Action.WARN} == {j.action for j in _send(_runner(on_exceed=Action.WARN), 30)}


def test_page_made_requests_do_not_spend_the_testing_budget() -> None:
    """A hostile page cannot use up the researcher's day."""
    runner = _runner()
    for _ in range(100):
        runner.judge_request(make_request(metered=Metered.BROWSING), in_scope=True)

    assert Action.ALLOW == _send(runner, 1)[0].action


def test_changed_budget_counts_what_was_spent() -> None:
    """Lowering the budget in the middle of the day does not start it anew."""
    runner = _runner()
    _send(runner, 5)
    runner.adopt(make_policy(testing=MeterSet(total=Meter(requests=Rate(5, DAY)))))

    assert Action.BLOCK == _send(runner, 1)[0].action
