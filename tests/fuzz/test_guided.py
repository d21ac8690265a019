"""What is fuzzed at length takes what it begins with."""

from __future__ import annotations

import pytest
from tests.fuzz.guided import TARGETS, target_of


@pytest.mark.parametrize("name", TARGETS)
def test_what_a_target_begins_with_holds(name: str) -> None:
    """Else the fuzzer would stop at once, where it is installed."""
    check, seeds = target_of(name)

    assert seeds
    for seed in seeds[:2]:
        check(seed)
