"""The judge's word against the truth: recall, false alarms, and how soon."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from fairwitness.model.flag import Severity
from fairwitness.testing.bench.truth import HINT, LABELS, Recordings, Truth, moments
from fairwitness.witness.audit import audit

SOON = 30
"""A scanner is to be flagged within that many requests."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the judge said of one recording."""

    truth: Truth
    requests: int
    loud: dict[str, int]
    """Rules with flags of severity check or stop, and the number of the first such request, from 1."""
    hints: dict[str, int]
    """The same of info flags."""
    failures: tuple[str, ...]

    def first(self, label: str) -> int | None:
        """The number of the request that found the label."""
        rules = LABELS[label]
        seen = [self.loud[rule] for rule in rules if rule in self.loud]
        if label == HINT:
            seen += [self.hints[rule] for rule in rules if rule in self.hints]
        return min(seen, default=None)

    @property
    def missed(self) -> tuple[str, ...]:
        """Labels that it must have found."""
        return tuple(label for label in sorted(self.truth.must) if self.first(label) is None)

    @property
    def false(self) -> tuple[str, ...]:
        """Labels that it must not have found."""
        return tuple(label for label in sorted(self.truth.must_not) if self.first(label) is not None)

    @property
    def alarms(self) -> tuple[str, ...]:
        """Rules that spoke above info in a benign recording, but for what they may."""
        if self.truth.kind != "benign":
            return ()
        free = {rule for label in self.truth.may - {HINT} for rule in LABELS[label]}
        return tuple(sorted(set(self.loud) - free))

    @property
    def is_late(self) -> bool:
        """Whether a scanner was found later than it should."""
        return "scanner" in self.truth.must and (self.first("scanner") or 0) > SOON


@dataclass(frozen=True, slots=True)
class Recall:
    """One label over all recordings."""

    label: str
    must: int
    found: int
    missed: tuple[str, ...]
    false: tuple[str, ...]
    """Names of recordings."""
    is_judged: bool
    """Whether all rules that can find it are there."""


def judge_all(recordings: Recordings) -> tuple[Found, ...]:
    """Judge each recording by itself, as ``fairwitness audit`` does."""
    return tuple(judge(truth, recordings) for truth in recordings.truths)


def judge(truth: Truth, recordings: Recordings) -> Found:
    """Judge one."""
    audited = audit(moments(truth.path), recordings.policy, recordings.accounts)
    loud: dict[str, int] = {}
    hints: dict[str, int] = {}
    for row in audited.flags:
        seen = loud if row.flag.severity >= Severity.CHECK else hints
        seen[row.flag.rule] = min(row.first, seen.get(row.flag.rule, row.first))
    return Found(truth, audited.exchanges, loud, hints, audited.failures)


def recalls(found: Sequence[Found], *, rules: Collection[str]) -> tuple[Recall, ...]:
    """Recall by label.

    Args:
        found: What was said of each recording.
        rules: Names of those that exist; a label that waits for others is not judged yet.
    """
    return tuple(_recall(label, found, set(rules)) for label in LABELS)


def _recall(label: str, found: Iterable[Found], rules: set[str]) -> Recall:
    asked = [each for each in found if label in each.truth.must]
    missed = tuple(each.truth.name for each in asked if label in each.missed)
    false = tuple(each.truth.name for each in found if label in each.false)
    return Recall(label, len(asked), len(asked) - len(missed), missed, false, set(LABELS[label]) <= rules)
