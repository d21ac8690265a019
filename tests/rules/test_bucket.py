"""Tests of fairwitness.rules.bucket."""

from __future__ import annotations

from fairwitness.model.policy import Meter, Rate
from fairwitness.rules.bucket import Attempts, Bucket, at_once, spacing_us

SECOND = 1_000_000
FIVE_A_SECOND = Meter(rate=Rate(5, SECOND), burst=3)


def _release(bucket: Bucket, now_us: int) -> int:
    bucket.settle(now_us)
    moment = bucket.earliest(now_us)
    bucket.reserve(moment)
    return moment - now_us


def test_burst_goes_at_once_and_then_one_by_one() -> None:
    """After the burst each request waits exactly until its place."""
    bucket = Bucket(FIVE_A_SECOND)

    assert [0, 0, 0, 200_000, 400_000] == [_release(bucket, 0) for _ in range(5)]


def test_idle_bucket_fills_up_again_to_no_more_than_the_burst() -> None:
    """An hour of rest is worth one burst, not an hour's requests."""
    bucket = Bucket(FIVE_A_SECOND)
    for _ in range(5):
        _release(bucket, 0)
    hour = 3600 * SECOND

    assert [0, 0, 0, 200_000] == [_release(bucket, hour) for _ in range(4)]


def test_without_burst_one_seconds_worth_goes_at_once() -> None:
    """5/s lets five go; 60/min one."""
    assert 5 == at_once(Rate(5, SECOND), None)
    assert 1 == at_once(Rate(60, 60 * SECOND), None)
    assert 1 == at_once(Rate(10, 3600 * SECOND), None)


def test_rate_that_divides_badly_is_never_passed() -> None:
    """Spacing is rounded up: three a second take a little over a second."""
    assert 333_334 == spacing_us(Rate(3, SECOND))


def test_place_given_back_is_free_for_the_next() -> None:
    """Who gives up its place in the queue shortens the queue."""
    bucket = Bucket(FIVE_A_SECOND)
    for _ in range(5):
        _release(bucket, 0)
    bucket.give_back(200_000)

    assert 200_000 == _release(bucket, 0)


def test_place_whose_moment_has_passed_stays_counted() -> None:
    """Nobody knows any more whether it was used, so the safe answer is that it was."""
    bucket = Bucket(FIVE_A_SECOND)
    for _ in range(4):
        _release(bucket, 0)
    bucket.settle(500_000)
    bucket.give_back(200_000)

    assert [0, 100_000] == [_release(bucket, 500_000) for _ in range(2)]


def test_one_that_waits_for_another_limit_is_overtaken() -> None:
    """A place far in the future leaves the present free: one slow endpoint does not stop its host."""
    bucket = Bucket(FIVE_A_SECOND)
    bucket.settle(0)
    for moment in (10 * SECOND, 20 * SECOND, 30 * SECOND):
        assert moment == bucket.earliest(moment)
        bucket.reserve(moment)

    assert [0, 0, 0, 200_000] == [_release(bucket, 0) for _ in range(4)]


def test_reserved_places_are_kept_by_later_ones() -> None:
    """Who comes in between goes around what is reserved."""
    bucket = Bucket(Meter(rate=Rate(1, SECOND), burst=1))
    bucket.settle(0)
    for moment in (SECOND, 2 * SECOND):
        bucket.reserve(moment)

    assert 0 == bucket.earliest(0)
    assert 3 * SECOND == bucket.earliest(1)


def test_lower_limit_holds_from_its_adoption_on() -> None:
    """What went before counts on the new limit too."""
    bucket = Bucket(Meter(rate=Rate(5, SECOND), burst=10))
    for _ in range(5):
        _release(bucket, 0)
    bucket.tune(Meter(rate=Rate(5, SECOND), burst=2), now_us=0)

    assert 0 < _release(bucket, 100_000)


def test_level_counts_what_has_not_drained() -> None:
    """Three released at once are three in the bucket, and two after a fifth of a second."""
    bucket = Bucket(FIVE_A_SECOND)
    for _ in range(3):
        _release(bucket, 0)

    assert [(3, 0), (2, 0), (0, 0)] == [bucket.level(at_us) for at_us in (0, 200_000, SECOND)]


def test_attempts_are_near_at_four_fifths_and_over_above_all() -> None:
    """Of a limit of ten the eighth is near and the eleventh over."""
    attempts = Attempts(10)
    seen = []
    for moment in range(1, 12):
        attempts.add(moment)
        seen.append((attempts.is_near(0), attempts.is_over(0)))

    assert [(False, False)] * 7 + [(True, False)] * 3 + [(True, True)] == seen


def test_attempts_that_are_long_ago_do_not_count() -> None:
    """Only what happened after the given moment is counted."""
    attempts = Attempts(10)
    for moment in range(10):
        attempts.add(moment)

    assert (True, False) == (attempts.is_near(1), attempts.is_near(2))


def test_first_request_is_near_no_limit() -> None:
    """A limit of one is not "nearly reached" by the only request it allows."""
    attempts = Attempts(1)
    attempts.add(5)

    assert (False, False) == (attempts.is_near(0), attempts.is_over(0))


def test_large_limit_is_watched_in_little_memory() -> None:
    """A limit of 20,000 is seen to be passed, within one part in 256."""
    attempts = Attempts(20_000)
    over = next(n for n in range(1, 30_000) if attempts.add(n) is None and attempts.is_over(0))

    assert 20_000 < over <= 20_000 + 2 * 79
