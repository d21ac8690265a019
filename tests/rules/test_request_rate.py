"""Tests of fairwitness.rules.request_rate."""

from __future__ import annotations

from fairwitness.model.exchange import Initiator, Metered
from fairwitness.model.flag import Severity
from fairwitness.model.policy import Approval, Meter, MeterSet, Policy, Rate
from fairwitness.model.verdict import Action, Clause
from fairwitness.rules import Judgement, Runner
from fairwitness.rules.testing import NOON_US, make_line, make_policy, make_request

SECOND = 1_000_000
HOST = Meter(rate=Rate(5, SECOND), burst=10)
ENDPOINT = Meter(rate=Rate(60, 60 * SECOND))


def _policy(**more: object) -> Policy:
    return make_policy(
        testing=MeterSet(per_host=HOST), browsing=MeterSet(per_host=Meter(rate=Rate(50, SECOND))), **more
    )  # type: ignore[arg-type]


def _send(
    runner: Runner, count: int, *, at_us: int = NOON_US, url: str = "https://shop.test/p{i}", **more: object
) -> list[Judgement]:
    return [
        runner.judge_request(make_request(url.format(i=i), at_us=at_us, **more), in_scope=True)  # type: ignore[arg-type]
        for i in range(count)
    ]


def test_delay_is_exact() -> None:
    """After a burst of ten, 5/s means 0.2 s more for each."""
    judged = _send(Runner(_policy(), next_flag=1, now_us=NOON_US), 13)

    assert [0] * 10 + [200_000, 400_000, 600_000] == [j.delay_us for j in judged]
    assert [Action.THROTTLE] * 3 == [j.action for j in judged[10:]]


def test_four_fifths_of_the_burst_is_check_and_all_of_it_is_stop() -> None:
    """The eighth of ten warns, the eleventh is over the limit."""
    runner = Runner(_policy(), next_flag=7, now_us=NOON_US)
    judged = _send(runner, 11)

    assert [Severity.CHECK, Severity.STOP] == [flag.severity for flag in runner.flags]
    assert [7, 10] == [i for i, j in enumerate(judged) if j.new_flags]
    assert ("f7", "f8") == (judged[7].flags[0], judged[10].flags[0])
    assert (Action.WARN, "limits") == (judged[7].action, judged[7].clauses[0].id)


def test_steady_four_fifths_of_the_rate_is_check() -> None:
    """Four a second for long never fills a bucket of 5/s, and is flagged all the same."""
    runner = Runner(_policy(), next_flag=1, now_us=NOON_US)
    for i in range(40):
        _send(runner, 1, at_us=NOON_US + i * 240_000)

    assert [Severity.CHECK] == [flag.severity for flag in runner.flags]


def test_half_of_the_rate_is_nothing() -> None:
    """A quiet session gets no flag at all."""
    runner = Runner(_policy(), next_flag=1, now_us=NOON_US)
    judged = [j for i in range(60) for j in _send(runner, 1, at_us=NOON_US + i * 400_000)]

    assert ((), {Action.ALLOW}) == (runner.flags, {j.action for j in judged})


def test_courtesy_limit_delays_and_never_says_exceeded() -> None:
    """Without the program's sentence a limit is kept, as a hint only."""
    runner = Runner(_policy(limits_say=None), next_flag=1, now_us=NOON_US)
    judged = _send(runner, 12)

    assert 400_000 == judged[11].delay_us
    assert {Severity.INFO} == {flag.severity for flag in runner.flags}
    assert [] == [flag.says for flag in runner.flags if "exceed" in flag.says or "courtesy" not in flag.says]


def test_limit_that_nobody_wrote_is_courtesy_beside_one_that_was() -> None:
    """The program's sentence stands behind the limits in the file, not behind our defaults."""
    default = Meter(rate=Rate(5, SECOND), burst=10, by_default=("rate",))
    runner = Runner(make_policy(testing=MeterSet(per_host=default)), next_flag=1, now_us=NOON_US)
    _send(runner, 12)

    assert {Severity.INFO} == {flag.severity for flag in runner.flags}


def test_two_requests_a_second_on_one_endpoint_are_a_pace_and_no_offence() -> None:
    """60/min has no burst: the second within a second waits, and 48 in a minute are worth a warning."""
    runner = Runner(make_policy(testing=MeterSet(per_endpoint=ENDPOINT)), next_flag=1, now_us=NOON_US)
    judged = _send(runner, 48, url="https://shop.test/same")

    assert (SECOND, Action.THROTTLE) == (judged[1].delay_us, judged[1].action)
    assert [Severity.INFO, Severity.CHECK] == [flag.severity for flag in runner.flags]
    assert [1, 47] == [i for i, j in enumerate(judged) if j.new_flags]


def test_wait_of_more_than_a_minute_is_answered_with_retry_after() -> None:
    """Nobody waits longer than 60 s; what is over that is told when to come back, and counts on nothing."""
    runner = Runner(make_policy(testing=MeterSet(per_endpoint=ENDPOINT)), next_flag=1, now_us=NOON_US)
    judged = _send(runner, 63, url="https://shop.test/same")

    assert (60 * SECOND, Action.THROTTLE) == (judged[60].delay_us, judged[60].action)
    assert [(Action.BLOCK, 61 * SECOND)] * 2 == [(j.action, j.retry_after_us) for j in judged[61:]]


def test_no_more_than_a_thousand_wait() -> None:
    """The queue is bounded whatever the limits are."""
    fast = MeterSet(per_host=Meter(rate=Rate(1000, SECOND), burst=1))
    judged = _send(Runner(make_policy(testing=fast), next_flag=1, now_us=NOON_US), 1005)

    assert [Action.THROTTLE, Action.BLOCK] == [judged[1000].action, judged[1001].action]
    assert 0 < judged[1001].retry_after_us


def test_queue_empties_as_time_passes() -> None:
    """Those whose moment has come no longer wait."""
    fast = MeterSet(per_host=Meter(rate=Rate(1000, SECOND), burst=1))
    runner = Runner(make_policy(testing=fast), next_flag=1, now_us=NOON_US)
    _send(runner, 1005)

    assert [Action.ALLOW] == [j.action for j in _send(runner, 1, at_us=NOON_US + 2 * SECOND)]


def test_page_made_requests_do_not_use_up_the_testing_meter() -> None:
    """A page may ask for as much as it likes: the researcher's own requests go at once."""
    runner = Runner(_policy(), next_flag=1, now_us=NOON_US)
    _send(runner, 200, metered=Metered.BROWSING, initiator=Initiator.PAGE, page="https://shop.test/")

    assert [0] * 10 == [j.delay_us for j in _send(runner, 10)]


def test_page_made_excess_is_throttled_and_flagged_as_a_hint() -> None:
    """Page-made changes the wording and the severity, never the action."""
    runner = Runner(_policy(), next_flag=1, now_us=NOON_US)
    judged = _send(
        runner, 60, metered=Metered.BROWSING, initiator=Initiator.PAGE, page="https://shop.test/gallery"
    )

    assert Action.THROTTLE == judged[-1].action
    assert {Severity.INFO} == {flag.severity for flag in runner.flags}
    assert "made by the page https://shop.test/gallery: " == runner.flags[0].says[:44]


def test_free_requests_count_on_nothing() -> None:
    """What a page links is on no meter."""
    runner = Runner(_policy(), next_flag=1, now_us=NOON_US)
    _send(runner, 300, metered=Metered.FREE, initiator=Initiator.PAGE)

    assert ((), [0] * 10) == (runner.flags, [j.delay_us for j in _send(runner, 10)])


def test_hosts_do_not_share_their_limit_and_actors_do() -> None:
    """A second host is not delayed; a second tool at the same host is, since its server sees both."""
    runner = Runner(_policy(), next_flag=1, now_us=NOON_US)
    _send(runner, 10, label="first")

    assert 0 == _send(runner, 1, url="https://api.test/")[0].delay_us
    assert 200_000 == _send(runner, 1, label="second")[0].delay_us


def test_hammered_endpoint_does_not_stop_the_rest_of_its_host() -> None:
    """Sixty queued requests for one endpoint leave the host's next second free."""
    limits = MeterSet(per_endpoint=ENDPOINT, per_host=HOST)
    runner = Runner(make_policy(testing=limits), next_flag=1, now_us=NOON_US)
    _send(runner, 50, url="https://shop.test/same")

    assert 0 == _send(runner, 1, at_us=NOON_US + 100_000, url="https://shop.test/other")[0].delay_us


def test_hosts_out_of_scope_are_not_metered() -> None:
    """Limits are about the program's own hosts."""
    runner = Runner(_policy(), next_flag=1, now_us=NOON_US)
    judged = [runner.judge_request(make_request(), in_scope=False) for _ in range(50)]

    assert {Action.ALLOW} == {j.action for j in judged}


def test_on_exceed_warn_delays_nothing() -> None:
    """`on_exceed: warn` says it and lets it pass; the meter does not run away from the limit."""
    runner = Runner(_policy(on_exceed=Action.WARN), next_flag=1, now_us=NOON_US)
    judged = _send(runner, 50)

    assert {0} == {j.delay_us for j in judged}
    assert Action.WARN == judged[-1].action
    assert Action.ALLOW == _send(runner, 1, at_us=NOON_US + 3 * SECOND)[0].action


def test_on_exceed_block_blocks_only_what_is_too_much() -> None:
    """`on_exceed: block` blocks the eleventh, and lets the next pass as soon as the limit allows it."""
    runner = Runner(_policy(on_exceed=Action.BLOCK), next_flag=1, now_us=NOON_US)
    judged = _send(runner, 11)

    assert (Action.WARN, Action.BLOCK) == (judged[9].action, judged[10].action)
    assert Action.BLOCK > _send(runner, 1, at_us=NOON_US + SECOND)[0].action


def test_own_line_of_the_rule_decides_its_action() -> None:
    """rules.request-rate goes before limits.on_exceed."""
    policy = _policy(rules=[make_line("request-rate", Action.BLOCK)])
    judged = _send(Runner(policy, next_flag=1, now_us=NOON_US), 11)

    assert (Action.BLOCK, "rules.request-rate") == (judged[10].action, judged[10].clauses[0].id)


def test_approval_lifts_the_limit_for_its_hosts_until_its_end() -> None:
    """What was allowed in writing is neither delayed nor counted, there and then only."""
    clause = Clause("approvals[0]", None, "policy.yaml:40")
    approval = Approval(
        rule="request-rate",
        by="security@acme.test",
        date="2026-11-20",
        until_us=NOON_US + 60 * SECOND,
        hosts=("shop.test",),
        text="Up to 100/s on shop.test until noon.",
        file=None,
        clause=clause,
    )
    runner = Runner(_policy(approvals=(approval,)), next_flag=1, now_us=NOON_US)

    assert {0} == {j.delay_us for j in _send(runner, 100)}
    assert 200_000 == _send(runner, 11, url="https://api.test/p{i}")[10].delay_us
    assert 200_000 == _send(runner, 11, at_us=NOON_US + 60 * SECOND)[10].delay_us


def test_request_received_earlier_waits_for_its_own_time() -> None:
    """A request that arrives out of order is placed after those already judged."""
    runner = Runner(_policy(), next_flag=1, now_us=NOON_US)
    _send(runner, 10)

    assert 200_000 + SECOND == _send(runner, 1, at_us=NOON_US - SECOND)[0].delay_us


def test_lower_limit_takes_effect_at_once() -> None:
    """A changed policy keeps what was counted."""
    runner = Runner(_policy(), next_flag=1, now_us=NOON_US)
    _send(runner, 5)
    runner.adopt(make_policy(testing=MeterSet(per_host=Meter(rate=Rate(1, SECOND), burst=5))))

    assert SECOND == _send(runner, 1)[0].delay_us


def test_many_hosts_and_endpoints_are_counted_in_bounded_memory() -> None:
    """Names that the other side chooses do not pile up."""
    limits = MeterSet(per_endpoint=ENDPOINT, per_host=HOST)
    runner = Runner(make_policy(testing=limits), next_flag=1, now_us=NOON_US)
    for i in range(3000):
        _send(runner, 1, at_us=NOON_US + i * SECOND, url=f"https://h{i}.test/{'x' * (i % 50)}")

    assert 1024 == len([m for m in runner.meters(NOON_US) if m.name == "request-rate"])


def test_meter_shows_how_far_it_is_used() -> None:
    """Three of ten at once are used on this host."""
    runner = Runner(_policy(), next_flag=1, now_us=NOON_US)
    _send(runner, 3)
    (reading,) = runner.meters(NOON_US)

    assert ("request-rate", "shop.test", "testing", 3, 10, "5/s") == (
        reading.name,
        reading.host,
        reading.metered,
        reading.used,
        reading.limit,
        reading.per,
    )


def test_meter_shows_what_waits_apart_from_what_is_used() -> None:
    """A crowd never makes more than the limit used; it drains at the limit's pace."""
    runner = Runner(_policy(), next_flag=1, now_us=NOON_US)
    _send(runner, 60)
    readings = [runner.meters(NOON_US + at_us)[0] for at_us in (0, SECOND, 10 * SECOND, 60 * SECOND)]

    assert [(10, 50), (10, 45), (10, 0), (0, 0)] == [(each.used, each.waiting) for each in readings]


def test_slow_server_is_not_flooded_when_it_recovers() -> None:
    """Requests that waited for a slot beyond their place are let go at the limit's pace, not all at once."""
    meter = Meter(rate=Rate(5, SECOND), burst=1, concurrent=1)
    runner = Runner(make_policy(testing=MeterSet(per_host=meter)), next_flag=1, now_us=NOON_US)
    requests = [make_request(f"https://shop.test/{i}") for i in range(6)]
    for request in requests:
        runner.judge_request(request, in_scope=True)
    later = NOON_US + 30 * SECOND
    runner.ended(requests[0], time_us=later)
    first, second = (runner.has_slot(request, now_us=later) for request in requests[1:3])
    runner.ended(requests[1], time_us=later + 1000)
    too_soon = runner.has_slot(requests[2], now_us=later + 1000)

    assert (True, False, False) == (first, second, too_soon)
    assert runner.has_slot(requests[2], now_us=later + 200_000)


def test_host_spelled_differently_is_one_host() -> None:
    """Capitals and a trailing dot do not open a second meter."""
    runner = Runner(_policy(), next_flag=1, now_us=NOON_US)
    _send(runner, 10)

    assert 200_000 == _send(runner, 1, url="https://SHOP.test./")[0].delay_us
