"""Properties of the meters: nothing is released faster than allowed, and nothing waits without need."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from fairwitness.model.exchange import Request
from fairwitness.model.policy import Meter, MeterSet, Rate
from fairwitness.model.verdict import Action
from fairwitness.rules import Runner
from fairwitness.rules.bucket import Bucket, at_once, spacing_us
from fairwitness.rules.testing import NOON_US, make_policy, make_request

SECOND = 1_000_000

meters = st.builds(
    Meter,
    rate=st.builds(Rate, st.integers(1, 20), st.sampled_from([SECOND, 60 * SECOND])),
    burst=st.one_of(st.none(), st.integers(1, 10)),
)
gaps = st.lists(
    st.tuples(st.integers(0, 700_000), st.sampled_from(["a", "b"]), st.sampled_from(["x", "y", "z"])),
    min_size=1,
    max_size=40,
)


def fits(released: Sequence[int], meter: Meter) -> bool:
    """The slow oracle: a bucket that drains at the rate never holds more than may go at once."""
    assert meter.rate is not None
    gap, most = spacing_us(meter.rate), at_once(meter.rate, meter.burst)
    drained = 0
    for moment in sorted(released):
        drained = max(drained, moment) + gap
        if drained - moment > most * gap:
            return False
    return True


def earliest(released: Sequence[int], meter: Meter, from_us: int) -> int:
    """The slow oracle: try every moment at which anything can change."""
    assert meter.rate is not None
    gap = spacing_us(meter.rate)
    candidates = {from_us}
    for moment in released:
        for steps in range(len(released) + 2):
            candidates.update((moment + steps * gap, moment - steps * gap))
    tolerance = gap * (at_once(meter.rate, meter.burst) - 1)
    candidates |= {moment - tolerance for moment in candidates} | {moment + gap for moment in candidates}
    return min(moment for moment in candidates if moment >= from_us and fits([*released, moment], meter))


@given(meters, st.lists(st.integers(0, 4_000_000), max_size=8), st.integers(0, 4_000_000))
def test_reserved_place_is_the_first_that_fits(meter: Meter, wanted: list[int], from_us: int) -> None:
    """A bucket gives the very moment that a search over all moments gives."""
    bucket = Bucket(meter)
    released: list[int] = []
    for moment in wanted:
        place = bucket.earliest(moment)
        bucket.reserve(place)
        released.append(place)

    assert earliest(released, meter, from_us) == bucket.earliest(from_us)


@given(meters, st.lists(st.tuples(st.integers(0, 4_000_000), st.booleans()), max_size=10))
def test_places_given_back_leave_no_trace(meter: Meter, wanted: list[tuple[int, bool]]) -> None:
    """After some have given their place back, a bucket is as if they had never asked."""
    bucket = Bucket(meter)
    kept: list[int] = []
    gone: list[int] = []
    for moment, stays in wanted:
        place = bucket.earliest(moment)
        bucket.reserve(place)
        (kept if stays else gone).append(place)
    for place in gone:
        bucket.give_back(place)

    assert earliest(kept, meter, 0) == bucket.earliest(0)


@given(meters, meters, meters, gaps)
def test_nothing_is_released_faster_than_any_limit(
    endpoint: Meter, host: Meter, total: Meter, requests: list[tuple[int, str, str]]
) -> None:
    """Delays keep what leaves within the endpoint's, the host's and the total limit at once."""
    policy = make_policy(testing=MeterSet(per_host=host, per_endpoint=endpoint, total=total))
    runner = Runner(policy, next_flag=1, now_us=NOON_US)
    released: dict[str, list[int]] = {}
    now_us = NOON_US
    for gap_us, host_name, path in requests:
        now_us += gap_us
        request = make_request(f"https://{host_name}.test/{path}", at_us=now_us)
        judgement = runner.judge_request(request, in_scope=True)
        if judgement.action >= Action.BLOCK:
            continue
        for key in (f"endpoint {host_name}/{path}", f"host {host_name}", "total"):
            released.setdefault(key, []).append(now_us + judgement.delay_us)

    limits = {"endpoint": endpoint, "host": host, "total": total}
    assert [] == [key for key, moments in released.items() if not fits(moments, limits[key.split()[0]])]


@given(meters, meters, st.lists(st.tuples(st.integers(0, 400_000), st.integers(0, 3_000_000)), max_size=25))
def test_late_releases_keep_to_the_limits_too(
    host: Meter, total: Meter, requests: list[tuple[int, int]]
) -> None:
    """Requests that are kept longer than their delay, by a hold or a slow server, are not let go at once."""
    runner = Runner(make_policy(testing=MeterSet(per_host=host, total=total)), next_flag=1, now_us=NOON_US)
    order = count()
    asked: list[tuple[int, int, Request, int]] = []
    now_us = NOON_US
    for gap_us, extra_us in requests:
        now_us += gap_us
        heappush(asked, (now_us, next(order), make_request(at_us=now_us), extra_us))
    waiting: list[tuple[int, int, Request]] = []
    released: list[int] = []
    while asked or waiting:
        if asked and (not waiting or asked[0][0] <= waiting[0][0]):
            now_us, _, request, extra_us = heappop(asked)
            judgement = runner.judge_request(request, in_scope=True)
            if judgement.action < Action.BLOCK and not judgement.waits_for_slot:
                released.append(now_us)
            elif judgement.action < Action.BLOCK:
                heappush(waiting, (now_us + judgement.delay_us + extra_us, next(order), request))
            continue
        now_us, _, request = heappop(waiting)
        if runner.has_slot(request, now_us=now_us):
            released.append(now_us)
        else:
            heappush(waiting, (now_us + 50_000, next(order), request))

    assert fits(released, host)
    assert fits(released, total)


@given(meters, gaps)
def test_same_traffic_is_delayed_the_same(meter: Meter, requests: list[tuple[int, str, str]]) -> None:
    """Two runs over the same exchanges give the same actions and delays."""

    def judge() -> list[tuple[Action, int, int, str]]:
        policy = make_policy(testing=MeterSet(per_host=meter))
        runner = Runner(policy, next_flag=1, now_us=NOON_US)
        seen = []
        now_us = NOON_US
        for gap_us, host_name, path in requests:
            now_us += gap_us
            request = make_request(f"https://{host_name}.test/{path}", at_us=now_us, exchange="a" * 32)
            judgement = runner.judge_request(request, in_scope=True)
            seen.append((judgement.action, judgement.delay_us, judgement.retry_after_us, judgement.reason))
        return seen

    assert judge() == judge()


@given(meters, st.integers(1, 40))
def test_whoever_gives_up_costs_nothing(meter: Meter, count: int) -> None:
    """Requests that are never released leave the meters as they were."""
    runner = Runner(make_policy(testing=MeterSet(per_host=meter)), next_flag=1, now_us=NOON_US)
    for _ in range(count):
        request = make_request(at_us=NOON_US)
        runner.judge_request(request, in_scope=True)
        runner.gave_up(request)

    assert 0 == runner.judge_request(make_request(at_us=NOON_US), in_scope=True).delay_us
