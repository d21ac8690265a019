"""Tests of fairwitness.rules.concurrency."""

from __future__ import annotations

from fairwitness.model.exchange import Metered
from fairwitness.model.flag import Severity
from fairwitness.model.policy import Meter, MeterSet, Policy, Rate
from fairwitness.model.verdict import Action
from fairwitness.rules import Runner
from fairwitness.rules.testing import NOON_US, make_policy, make_request


def _policy(concurrent: int = 3, **more: object) -> Policy:
    return make_policy(testing=MeterSet(per_host=Meter(concurrent=concurrent)), **more)  # type: ignore[arg-type]


def test_request_over_the_limit_waits_until_another_has_ended() -> None:
    """The fourth of three has no slot, until the first one's last byte came."""
    runner = Runner(_policy(), next_flag=1, now_us=NOON_US)
    requests = [make_request() for _ in range(4)]
    judged = [runner.judge_request(request, in_scope=True) for request in requests]

    assert [False, False, False, True] == [j.waits_for_slot for j in judged]
    assert Action.THROTTLE == judged[3].action
    assert not runner.has_slot(requests[3])
    runner.ended(requests[0], time_us=NOON_US + 5)

    assert runner.has_slot(requests[3])


def test_one_free_slot_goes_to_one_of_two_that_wait() -> None:
    """Yes takes the slot, so that two never get it between question and release."""
    runner = Runner(_policy(1), next_flag=1, now_us=NOON_US)
    requests = [make_request() for _ in range(3)]
    for request in requests:
        runner.judge_request(request, in_scope=True)
    runner.ended(requests[0], time_us=NOON_US)

    assert (True, False, True) == (
        runner.has_slot(requests[1]),
        runner.has_slot(requests[2]),
        runner.has_slot(requests[1]),
    )


def test_delayed_request_takes_its_slot_only_when_it_is_released() -> None:
    """Those that sleep for the rate limit do not keep the slots from those that may go."""
    meter = Meter(rate=Rate(1, 1_000_000), burst=1, concurrent=1)
    runner = Runner(make_policy(testing=MeterSet(per_host=meter)), next_flag=1, now_us=NOON_US)
    first, second = make_request(), make_request()
    runner.judge_request(first, in_scope=True)
    runner.ended(first, time_us=NOON_US)
    judged = runner.judge_request(second, in_scope=True)

    assert (1_000_000, True) == (judged.delay_us, judged.waits_for_slot)
    assert runner.has_slot(make_request(metered=Metered.FREE))
    assert runner.has_slot(second)


def test_blocked_request_frees_its_slot() -> None:
    """What was never released is not open."""
    runner = Runner(_policy(1), next_flag=1, now_us=NOON_US)
    first, second = make_request(), make_request()
    runner.judge_request(first, in_scope=True)
    runner.gave_up(first)

    assert not runner.judge_request(second, in_scope=True).waits_for_slot


def test_ending_twice_frees_one_slot() -> None:
    """An end that is told twice, or of an unknown request, changes nothing."""
    runner = Runner(_policy(1), next_flag=1, now_us=NOON_US)
    first, second = make_request(), make_request()
    runner.judge_request(first, in_scope=True)
    runner.ended(first, time_us=NOON_US)
    runner.ended(first, time_us=NOON_US)
    runner.ended(make_request(), time_us=NOON_US)
    runner.judge_request(second, in_scope=True)

    assert runner.judge_request(make_request(), in_scope=True).waits_for_slot


def test_four_fifths_is_check_and_more_than_all_is_stop() -> None:
    """The eighth of ten warns; the eleventh waits."""
    runner = Runner(_policy(10), next_flag=1, now_us=NOON_US)
    judged = [runner.judge_request(make_request(), in_scope=True) for _ in range(11)]

    assert [Severity.CHECK, Severity.STOP] == [flag.severity for flag in runner.flags]
    assert [7, 10] == [i for i, j in enumerate(judged) if j.new_flags]
    assert (Action.WARN, Action.THROTTLE) == (judged[9].action, judged[10].action)


def test_limit_of_one_is_not_near_with_its_only_request() -> None:
    """A limit of one can be used without a warning."""
    runner = Runner(_policy(1), next_flag=1, now_us=NOON_US)

    assert ((), Action.ALLOW) == (runner.flags, runner.judge_request(make_request(), in_scope=True).action)


def test_courtesy_limit_is_a_hint() -> None:
    """Nobody asked for it: the request waits, and the flag is only a hint."""
    runner = Runner(_policy(2, limits_say=None), next_flag=1, now_us=NOON_US)
    judged = [runner.judge_request(make_request(), in_scope=True) for _ in range(3)]

    assert judged[2].waits_for_slot
    assert {Severity.INFO} == {flag.severity for flag in runner.flags}


def test_on_exceed_warn_lets_pass_and_block_blocks() -> None:
    """The limits' action decides what becomes of one too many."""
    warning = Runner(_policy(1, on_exceed=Action.WARN), next_flag=1, now_us=NOON_US)
    blocking = Runner(_policy(1, on_exceed=Action.BLOCK), next_flag=1, now_us=NOON_US)
    for runner in (warning, blocking):
        runner.judge_request(make_request(), in_scope=True)
    warned = warning.judge_request(make_request(), in_scope=True)

    assert (Action.WARN, False) == (warned.action, warned.waits_for_slot)
    assert Action.BLOCK == blocking.judge_request(make_request(), in_scope=True).action


def test_page_made_requests_take_no_testing_slot() -> None:
    """A page with a hundred open requests leaves the researcher's slots alone."""
    runner = Runner(_policy(1), next_flag=1, now_us=NOON_US)
    for _ in range(100):
        runner.judge_request(make_request(metered=Metered.BROWSING), in_scope=True)

    assert not runner.judge_request(make_request(), in_scope=True).waits_for_slot


def test_requests_whose_end_is_never_told_do_not_fill_the_memory() -> None:
    """After ten thousand the oldest counts as ended."""
    runner = Runner(_policy(100_000), next_flag=1, now_us=NOON_US)
    for _ in range(10_050):
        runner.judge_request(make_request(), in_scope=True)
    (reading,) = runner.meters(NOON_US)

    assert (10_000, "open") == (reading.used, reading.per)


def test_no_more_than_a_thousand_wait_for_a_slot() -> None:
    """The next one is told to come back later."""
    runner = Runner(_policy(1), next_flag=1, now_us=NOON_US)
    judged = [runner.judge_request(make_request(), in_scope=True) for _ in range(1002)]

    assert (Action.THROTTLE, Action.BLOCK) == (judged[1000].action, judged[1001].action)
    assert 1_000_000 == judged[1001].retry_after_us


def test_end_is_heard_after_twenty_thousand_others() -> None:
    """A WebSocket that stays open for a day frees its slot when it closes."""
    runner = Runner(_policy(1), next_flag=1, now_us=NOON_US)
    socket = make_request("wss://shop.test/live")
    runner.judge_request(socket, in_scope=True)
    for _ in range(20_050):
        runner.judge_request(make_request(metered=Metered.FREE), in_scope=True)
    runner.ended(socket, time_us=NOON_US)

    assert not runner.judge_request(make_request(), in_scope=True).waits_for_slot
