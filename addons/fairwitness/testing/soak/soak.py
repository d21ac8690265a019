"""A soak: a crowd, faults at random moments, and a rest now and then in which everything is counted."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fairwitness.testing.soak.crowd import Crowd
from fairwitness.testing.soak.faults import DEADLY, HARMLESS, Fault, disk_full
from fairwitness.testing.soak.ledger import Ledger
from fairwitness.testing.soak.reckoning import Reckoning, reckon
from fairwitness.testing.soak.stage import Life, Stage, staged

_LOOK_S = 1.0
_REST_S = 60.0
_UNTIL_CALM = 0.5  # how much of the time is over when the last life begins, long enough to see memory grow
_FAULT_S = (3.0, 9.0)
"""Between one fault and the next, at least and at most."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a soak found."""

    seed: int
    took_s: float
    errands: Mapping[tuple[str, str], int]
    hung: tuple[str, ...]
    faults: Mapping[str, int]
    left_out: tuple[str, ...]
    """Faults that this machine does not allow."""
    reckoning: Reckoning
    rests: int
    leaks: tuple[str, ...]
    lives: tuple[Life, ...]
    surprises: tuple[str, ...]
    told: Mapping[str, int]
    """What the proxy said of itself, and how often."""
    bugs: tuple[BaseException, ...]
    """Of the soak itself."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """When faults come, and how long they do."""

    takes_s: float
    luck: random.Random
    fault_s: tuple[float, float]

    def next_fault_s(self) -> float:
        return self.luck.uniform(*self.fault_s)


def soak(
    folder: Path,
    *,
    minutes: float,
    seed: int,
    workers: int = 8,
    per_s: float = 40.0,
    fault_s: tuple[float, float] = _FAULT_S,
    may_mount: bool = True,
    say: Callable[[str], None],
) -> Outcome:
    """Let it run for so long.

    Args:
        folder: Holds everything that it writes.
        minutes: How long; rests and the reckoning come on top.
        seed: The same seed gives the same errands and faults, though not the same moments.
        workers: How many errands at once.
        per_s: How many a second at most.
        fault_s: Between one fault and the next, at least and at most.
        may_mount: Whether a disk of its own may be mounted for the evidence, to be filled.
        say: Hears what happens.
    """
    ledger = Ledger()
    plan = _Plan(minutes * 60, random.Random(f"{seed} faults"), fault_s)  # noqa: S311 - no secret
    began_s = time.monotonic()
    with staged(folder, may_mount=may_mount) as stage:
        with Crowd(stage, ledger, seed=seed, workers=workers, per_s=per_s) as crowd:
            rests, leaks = _play(stage, crowd, ledger, plan, say)
        stage.end()
        say("reading the log")
        return Outcome(
            seed=seed,
            took_s=time.monotonic() - began_s,
            errands=ledger.errands,
            hung=ledger.unanswered,
            faults=ledger.faults,
            left_out=() if stage.is_on_own_disk else ("disk_full",),
            reckoning=reckon(stage.town, stage.town.proxy.evidence, ledger.answers),
            rests=rests,
            leaks=tuple(leaks),
            lives=tuple(stage.lives),
            surprises=tuple(stage.surprises),
            told=stage.told,
            bugs=tuple(crowd.bugs),
        )


def _play(
    stage: Stage, crowd: Crowd, ledger: Ledger, plan: _Plan, say: Callable[[str], None]
) -> tuple[int, list[str]]:
    """How many rests there were, and what leaked."""
    deadly: list[Fault] = [*DEADLY, *([disk_full] if stage.is_on_own_disk else [])]
    leaks: list[str] = []
    rests = 1
    now = time.monotonic()
    ends, calm_at = now + plan.takes_s, now + plan.takes_s * _UNTIL_CALM
    fault_at, rest_at = now + plan.next_fault_s(), now + _REST_S
    while (now := time.monotonic()) < ends:
        time.sleep(max(0.0, min(_LOOK_S, fault_at - now, ends - now)))
        stage.measure()
        stage.mend()
        if time.monotonic() >= rest_at:
            leaks += _rest(stage, crowd, ledger, say)
            rests += 1
            rest_at = time.monotonic() + _REST_S
        elif time.monotonic() >= fault_at:
            fault = plan.luck.choice([*HARMLESS, *(deadly if now < calm_at else ())])
            say(fault.__name__)
            ledger.fault(fault.__name__)
            fault(stage, plan.luck)
            stage.mend()
            fault_at = time.monotonic() + plan.next_fault_s()
    leaks += _rest(stage, crowd, ledger, say)
    return rests, leaks


def _rest(stage: Stage, crowd: Crowd, ledger: Ledger, say: Callable[[str], None]) -> tuple[str, ...]:
    say("a rest")
    crowd.rest()
    stage.mend()
    leaks = stage.leaks()
    stage.weigh(sum(ledger.errands.values()))
    crowd.go_on()
    for leak in leaks:
        say(f"LEAK {leak}")
    return leaks


def kinds_of(errands: Mapping[tuple[str, str], int]) -> Mapping[str, Counter[str]]:
    """How errands ended, by the first part of their name."""
    by_kind: dict[str, Counter[str]] = {}
    for (name, how), count in errands.items():
        by_kind.setdefault(name.partition(".")[0], Counter())[how] += count
    return by_kind
