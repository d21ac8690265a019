"""server-distress stops a test against an origin that errs, pauses or slows down, and lets it go on after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fairwitness.testing import Answer, Authority, Town, text_answer

SAYS = "Never disrupt our services."


@pytest.fixture
def town(authority: Authority, tmp_path: Path) -> Iterator[Town]:
    """One whose limits are not in the way."""
    rules = {"server-distress": {"action": "hold", "says": SAYS}}
    with Town(authority, tmp_path / "town", rules=rules) as town:
        yield town


def decision(town: Town, url: str) -> str:
    """What was decided on the last request for a URL."""
    row = town.proxy.wait_for_row(lambda row: row.url == url and row.outcome != "open")
    return row.decision


def test_pause_that_the_server_asks_for_is_kept(town: Town) -> None:
    """After 503 with Retry-After nothing more reaches the origin; the client is told when to come back."""
    busy = Answer(status=503, headers=((b"Retry-After", b"300"),), body=b"busy")
    town.inside.put("/busy", "", answer=busy)

    town.curl(town.inside.url("/busy"))
    before = town.inside.counts.requests
    replies = [town.curl(town.inside.url(f"/later/{i}")) for i in range(5)]

    assert {429} == {reply.status for reply in replies}
    assert before == town.inside.counts.requests
    assert 0 < int(dict(replies[0].headers)[b"retry-after"]) <= 300


def test_short_pause_is_waited_out(town: Town) -> None:
    """A second is no reason to refuse: the request leaves when it is over, and then all is as before."""
    town.inside.put("/busy", "", answer=Answer(status=429, headers=((b"Retry-After", b"1"),), body=b"busy"))
    town.curl(town.inside.url("/busy"))

    first = town.curl(town.inside.url("/after"))
    second = town.curl(town.inside.url("/then"))

    assert (200, 200) == (first.status, second.status)
    assert "throttle" == decision(town, town.inside.url("/after"))
    assert "allow" == decision(town, town.inside.url("/then"))


def test_errors_slow_the_test_down_until_the_origin_is_well_again(town: Town) -> None:
    """Places that worked begin to err: requests are slowed; three good answers later they are not."""
    places = ["/a", "/b", "/c"]
    for place in places:
        town.inside.put(place, "fine")
    for _ in range(5):
        for place in places:
            town.curl(town.inside.url(place))
    for place in places:
        town.inside.put(place, "", answer=text_answer("error", status=500))
    for i in range(12):
        town.curl(town.inside.url(places[i % 3]))
    sick = town.inside.url("/a?sick")
    town.curl(sick)
    for place in places:
        town.inside.put(place, "fine")
    for _ in range(2):
        for place in places:
            town.curl(town.inside.url(place))
    well = town.inside.url("/a?well")
    town.curl(well)

    assert "throttle" == decision(town, sick)
    assert "allow" == decision(town, well)


@pytest.mark.slow
def test_slowness_slows_the_test_down(town: Town) -> None:
    """An origin that took milliseconds takes seconds: our traffic makes way."""
    for i in range(15):
        town.curl(town.inside.url(f"/slow/1/{i}"))
    for i in range(8):
        town.curl(town.inside.url(f"/slow/1700/{i}"))
    last = town.inside.url("/slow/1/99")
    town.curl(last)

    assert "throttle" == decision(town, last)
