"""Limits."""

import pytest

from fairwitness.model.policy import Meter, Rate
from fairwitness.model.verdict import Action

SECOND = 1_000_000
DAY = 86_400 * SECOND


def test_left_out_limits_are_those_of_the_documentation(make_policy):
    """Courtesy limits on both meters."""
    limits = make_policy().limits

    assert (5, 30, 10) == (
        limits.testing.per_host.rate and limits.testing.per_host.rate.count,
        limits.testing.per_host.burst,
        limits.testing.per_host.concurrent,
    )
    assert (Rate(60, 60 * SECOND), None) == (
        limits.testing.per_endpoint.rate,
        limits.testing.per_endpoint.burst,
    )
    assert (Rate(10, SECOND), 60, Rate(20_000, DAY)) == (
        limits.testing.total.rate,
        limits.testing.total.burst,
        limits.testing.total.requests,
    )
    assert (Rate(50, SECOND), 200, None) == (
        limits.browsing.per_host.rate,
        limits.browsing.per_host.burst,
        limits.browsing.total.rate,
    )
    assert (1 << 20, Action.THROTTLE, True, "default:limits") == (
        limits.request_body_bytes,
        limits.on_exceed,
        limits.is_courtesy,
        limits.clause.id,
    )


def test_defaults_hold_inside_a_block_too(make_policy):
    """What a written block leaves out keeps its default, and says that it is one."""
    meter = make_policy(limits={"testing": {"per_host": {"concurrent": 2}}}).limits.testing.per_host

    assert Meter(rate=Rate(5, SECOND), burst=30, concurrent=2, by_default=("rate",)) == meter


def test_written_rate_without_burst_allows_one_seconds_worth(make_policy):
    """The default's burst belongs to the default's rate: 30 at once beside 1/s would be no limit."""
    meter = make_policy(limits={"testing": {"per_host": {"rate": "1/s"}}}).limits.testing.per_host

    assert Meter(rate=Rate(1, SECOND), burst=None, concurrent=10, by_default=("concurrent",)) == meter


def test_null_lifts_a_limit(make_policy):
    """Nothing is limited that is written as null."""
    meter = make_policy(
        limits={"testing": {"total": {"rate": None, "burst": None, "requests": None, "concurrent": 3}}}
    ).limits.testing.total

    assert Meter(concurrent=3) == meter


def test_limits_of_the_program_are_no_courtesy(make_policy):
    """Its sentence makes them its own."""
    limits = make_policy(
        limits={
            "says": "5 a second.",
            "on_exceed": "block",
            "request_body": "2 MiB",
            "browsing": {"total": {"requests": "100/h"}},
        }
    ).limits

    assert (False, "limits", Action.BLOCK, 2 << 20, 100) == (
        limits.is_courtesy,
        limits.clause.id,
        limits.on_exceed,
        limits.request_body_bytes,
        limits.browsing.total.requests and limits.browsing.total.requests.count,
    )


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        ({"on_exceed": "hold"}, "none of its actions"),
        ({"request_body": "huge"}, "limits.request_body: 'huge' is no size"),
        ({"request_body": "2 GiB"}, "larger than 1 GiB"),
        ({"testing": {"per_host": {"rate": "fast"}}}, "limits.testing.per_host.rate: 'fast' is no rate"),
        ({"testing": {"per_host": {"burst": 0}}}, "is no number from 1 on"),
        ({"testing": {"per_host": {"burst": "1e9"}}}, "is no number from 1 on"),
        ({"testing": {"per_host": {"concurrent": -1}}}, "is no number from 1 on"),
        ({"testing": {"per_host": {"concurrent": "٣"}}}, "is no number from 1 on"),
        ({"testing": {"total": {"requests": "0/day"}}}, "is no rate"),
    ],
)
def test_what_is_no_limit_is_refused(refuse, limits, what):
    """Nothing is guessed."""
    assert what in refuse(limits=limits).what
