"""What the rules cost: compared within one run, since machines differ."""

from __future__ import annotations

import pytest

from fairwitness.testing.bench.speed import collector_quiet, hostile_us, the_policy
from fairwitness.testing.bench.traffic import HOSTILE


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_meant_to_be_slow_costs_its_length(name: str) -> None:
    """Twice as much of it takes twice as long at most; what grows faster would take four times as long."""
    policy, (size, make) = the_policy(), HOSTILE[name]
    with collector_quiet():
        ratio = min(hostile_us(policy, make, size) / hostile_us(policy, make, size // 2) for _ in range(3))

    assert ratio < 2.8
