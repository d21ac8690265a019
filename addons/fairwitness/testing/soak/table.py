"""A soak's outcome as a table, and whether it is good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fairwitness.testing.soak.reckoning import shortened
from fairwitness.testing.soak.soak import Outcome, kinds_of
from fairwitness.testing.soak.stage import Life
from fairwitness.testing.soak.vitals import slope

_ENDS = ("whole", "broken", "without proxy", "hung")
_MIB = 1 << 20
_MOST_BYTES_AN_ERRAND = 1024.0  # what rules remember of the last hour grows by some 300
_WAVERING_BYTES = 4.0 * _MIB  # what caches hold at one rest and not at another
_MOST_MIB = 400.0


def faulty(outcome: Outcome) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The counts that must be zero, each with what was counted."""
    came = outcome.reckoning
    return (
        ("lost", came.lost),
        ("answered without their body", came.without_body),
        ("left open in the log", came.unfinished),
        ("reached a host out of scope", came.strayed),
        ("problems found by verification", came.problems),
        ("clients that nobody answered", outcome.hung),
        ("leaked descriptors, tasks, objects", outcome.leaks),
        ("surprises", outcome.surprises),
        ("too much memory", tuple(_memory_faults(outcome.lives))),
        ("bugs of the soak", tuple(repr(each) for each in outcome.bugs)),
    )


def is_good(outcome: Outcome) -> bool:
    """Whether every count that must be zero is."""
    return not any(found for _, found in faulty(outcome))


def table(outcome: Outcome) -> str:
    """For people."""
    return "\n".join(_lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    yield f"seed {outcome.seed}, {outcome.took_s / 60:.1f} minutes, {len(outcome.lives)} lives of the proxy"
    yield ""
    yield f"{'errands':14}" + "".join(f"{how:>15}" for how in _ENDS)
    for kind, ended in sorted(kinds_of(outcome.errands).items()):
        yield f"{kind:14}" + "".join(f"{ended[how]:>15}" for how in _ENDS)
    yield ""
    yield f"{'faults':40}{sum(outcome.faults.values()):>8}"
    for name, count in sorted(outcome.faults.items()):
        yield f"  {name.replace('_', ' '):38}{count:>8}"
    for name in outcome.left_out:
        yield f"  {name.replace('_', ' '):38}{'not here':>8}"
    yield ""
    came = outcome.reckoning
    yield f"{'requests that reached an origin':40}{came.requests:>8}"
    yield f"{'messages that did':40}{came.messages:>8}"
    for name, count in sorted(came.outcomes.items()):
        yield f"  {'in the log: ' + name:38}{count:>8}"
    for name, count in sorted(outcome.told.items()):
        yield f"  told: {name} x{count}"
    yield ""
    yield from _memory(outcome.lives)
    yield f"{'rests in which leaks were looked for':40}{outcome.rests:>8}"
    for name, found in faulty(outcome):
        yield f"{name:40}{len(found):>8}"
        for each in shortened(found):
            yield f"  BAD {each}"
    yield "all is as it should be" if is_good(outcome) else "IT IS NOT AS IT SHOULD BE"


def _memory(lives: Sequence[Life]) -> Iterator[str]:
    life = _longest(lives)
    if life is None:
        return
    first, last = life.memory[0][1], life.memory[-1][1]
    yield (
        f"memory held in the longest life ({life.memory[-1][0]:.0f} s): {first / _MIB:.0f} MiB at its start, "
        f"{last / _MIB:.0f} MiB at its end"
    )
    if life.used:
        used = ", ".join(f"{count / _MIB:.1f}" for _, count in life.used)
        yield f"in use at its rests when warm: {used} MiB, {slope(life.used):+.0f} bytes an errand"


def _memory_faults(lives: Sequence[Life]) -> Iterator[str]:
    most = max((held for life in lives for _, held in life.memory), default=0.0) / _MIB
    if most > _MOST_MIB:
        yield f"{most:.0f} MiB"
    for life in lives:
        errands = life.used[-1][0] - life.used[0][0] if len(life.used) > 2 else 0.0
        if slope(life.used) * errands > _WAVERING_BYTES + _MOST_BYTES_AN_ERRAND * errands:
            yield f"{slope(life.used):.0f} bytes more in use an errand"


def _longest(lives: Sequence[Life]) -> Life | None:
    measured = [life for life in lives if life.memory]
    return max(measured, key=lambda life: life.memory[-1][0], default=None)
