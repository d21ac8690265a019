"""The soak itself: it finds nothing where nothing is wrong, and what it is there to find."""

from __future__ import annotations

from pathlib import Path

from fairwitness.testing import curl
from fairwitness.testing.soak.reckoning import reckon
from fairwitness.testing.soak.soak import soak
from fairwitness.testing.soak.stage import staged
from fairwitness.testing.soak.table import faulty, is_good, table


def test_a_few_seconds_of_random_traffic_and_faults_lose_nothing(tmp_path: Path) -> None:
    """Nothing lost, left open, hung or leaked; the table says so."""
    outcome = soak(
        tmp_path, minutes=0.05, seed=5, workers=6, per_s=60, fault_s=(0.3, 1), may_mount=False, say=print
    )

    assert {name: () for name, _ in faulty(outcome)} == dict(faulty(outcome))
    assert is_good(outcome)
    assert outcome.reckoning.requests > 0
    assert sum(outcome.faults.values()) >= 1
    assert "all is as it should be" in table(outcome)


def test_what_reached_an_origin_past_the_proxy_is_called_lost(tmp_path: Path) -> None:
    """A request that the log does not have, and a touched host out of scope, are told by the reckoning."""
    with staged(tmp_path, may_mount=False) as stage:
        town = stage.town
        for origin in (town.inside, town.outside):
            past = f"http://{origin.address}:{origin.port}/past?soak=1"
            curl(None, past)
        stage.town.curl(town.inside.url("/through?soak=2"))
        stage.end()
        came = reckon(town, town.proxy.evidence, {})

    assert ("request GET /past?soak=1",) == came.lost
    assert ("accepts 1", "requests 1") == came.strayed
    assert 2 == came.requests
    assert () == came.problems
