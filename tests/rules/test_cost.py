"""What the rules cost: compared within one run, since machines differ."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import pytest

from fairwitness.detect import attacks, signatures
from fairwitness.testing.bench.speed import collector_quiet, each_ns, hostile_us, the_policy
from fairwitness.testing.bench.traffic import HOSTILE, ordinary

_ROUNDS = 5
_EACH = 20  # exchanges of each kind


def test_twice_the_signatures_cost_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary exchange takes as long with a second copy of every signature and word."""
    policy, lines_of = the_policy(), signatures.lines_of

    def twice(name: str) -> Iterator[list[str]]:
        for family, weight, source in lines_of(name):
            yield [family, weight, source]
            yield [family, weight, f"{source}x" if "words" in name else f"(?:{source})x"]

    as_it_is = attacks._signatures(), attacks._words()
    monkeypatch.setattr(signatures, "lines_of", twice)
    doubled = signatures.Signatures("attacks.txt"), signatures.Words("attack_words.txt")
    took_us: dict[bool, list[float]] = {False: [], True: []}
    with collector_quiet():
        for turn in range(2 * _ROUNDS):
            known, words = doubled if turn % 2 else as_it_is
            monkeypatch.setattr(attacks, "_signatures", lambda known=known: known)
            monkeypatch.setattr(attacks, "_words", lambda words=words: words)
            took_us[bool(turn % 2)].append(median(each_ns(policy, [each for _, each in ordinary(_EACH)])))

    assert min(took_us[True]) / min(took_us[False]) < 1.3


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_meant_to_be_slow_costs_its_length(name: str) -> None:
    """Twice as much of it takes twice as long at most; what grows faster would take four times as long."""
    policy, (size, make) = the_policy(), HOSTILE[name]
    with collector_quiet():
        ratios = (
            hostile_us(policy, make, size) / hostile_us(policy, make, size // 2) for _ in range(3)
        )  # others use the machine too

        assert any(ratio < 2.8 for ratio in ratios)
