"""What was measured, for people, for docs/rules.md and for programs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from fairwitness.testing.bench.cost import GOAL_US, Cost
from fairwitness.testing.bench.detection import SOON, Found, Recall, recalls
from fairwitness.testing.bench.speed import Slowed, Speed
from fairwitness.testing.bench.tools import ToolRun
from fairwitness.testing.rule_set import Score

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One recording, in a line."""

    name: str
    kind: str
    requests: int
    found: dict[str, int]
    """Labels, and the number of the first request that was flagged."""
    missed: tuple[str, ...]
    false: tuple[str, ...]
    alarms: tuple[str, ...]
    is_late: bool
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """All that a run of the bench says."""

    labels: tuple[Recall, ...]
    runs: tuple[Run, ...]
    costs: tuple[Cost, ...]
    families: tuple[Score, ...] = ()
    """Attacks of the Core Rule Set's tests."""

    @classmethod
    def of(
        cls,
        found: Sequence[Found],
        costs: Sequence[Cost],
        *,
        rules: Collection[str],
        families: Sequence[Score] = (),
    ) -> Self:
        """Put together what was found and what it cost."""
        labels = recalls(found, rules=rules)
        return cls(
            labels,
            tuple(_run(each, [label.label for label in labels]) for each in found),
            tuple(costs),
            tuple(families),
        )

    @property
    def is_as_wanted(self) -> bool:
        """Whether all that is judged is found in time, nothing else is, and the cost is in the frame."""
        is_found = all(each.found == each.must or not each.is_judged for each in self.labels)
        is_quiet = not any(each.false or each.alarms or each.failures or each.is_late for each in self.runs)
        whole = self.costs[0]
        return is_found and is_quiet and max(whole.recorded_us or 0, whole.ordinary_us) <= GOAL_US


def _run(found: Found, labels: Sequence[str]) -> Run:
    firsts = ((label, found.first(label)) for label in labels)
    return Run(
        found.truth.name,
        found.truth.kind,
        found.requests,
        {label: first for label, first in firsts if first is not None},
        found.missed,
        found.false,
        found.alarms,
        found.is_late,
        found.failures,
    )


def text(measured: Measured) -> str:
    """Aligned columns."""
    return "\n\n".join("\n".join(_aligned(*table)) for table in _tables(measured))


def markdown(measured: Measured) -> str:
    """Tables of Markdown."""
    return "\n\n".join("\n".join(_piped(*table)) for table in _tables(measured))


def tools_page(runs: Sequence[ToolRun], *, is_markdown: bool) -> str:
    """What became of real tools."""
    rows = [
        (
            run.tool,
            run.agent,
            str(run.asked),
            str(run.reached),
            "never" if run.blocked_first is None else str(run.blocked_first),
            run.by or "-",
            f"{run.took_s:.0f}",
        )
        for run in runs
    ]
    head = ("tool", "User-Agent", "asked", "reached the shop", "first blocked", "by", "seconds")
    return "\n".join((_piped if is_markdown else _aligned)(head, rows))


def speed_page(speeds: Sequence[Speed], slowed: Sequence[Slowed], *, is_markdown: bool) -> str:
    """What the rules cost, and where they are slowed."""
    table = _piped if is_markdown else _aligned
    fast = [(each.name, f"{each.median_us:.1f}", f"{each.p99_us:.1f}") for each in speeds]
    slow = [
        (each.name, f"{each.half_us / 1000:.1f}", f"{each.whole_us / 1000:.1f}", f"{each.growth:.1f}")
        for each in slowed
    ]
    return "\n".join(
        (
            *table(("us an exchange", "median", "p99"), fast),
            "",
            *table(("hostile", "ms, half of it", "ms", "growth"), slow),
        )
    )


def _tables(measured: Measured) -> Iterator[tuple[Row, list[Row]]]:
    yield (
        ("label", "found", "missed in", "falsely in"),
        [
            (
                each.label,
                f"{each.found}/{each.must}" + ("" if each.is_judged else " (not built)"),
                _words(each.missed),
                _words(each.false),
            )
            for each in measured.labels
        ],
    )
    yield (
        ("recording", "kind", "requests", "first flagged at request", "not as wanted"),
        [
            (
                run.name,
                run.kind,
                str(run.requests),
                ", ".join(f"{label} {first}" for label, first in run.found.items()) or "-",
                _complaints(run),
            )
            for run in measured.runs
        ],
    )
    yield (
        ("rule", "us an exchange, recordings", "us an exchange, 1 KB JSON"),
        [
            (
                each.name,
                "-" if each.recorded_us is None else f"{each.recorded_us:.1f}",
                f"{each.ordinary_us:.1f}",
            )
            for each in measured.costs
        ],
    )
    if measured.families:
        yield (
            ("family of the Core Rule Set's tests", "attacks", "recall", "precision"),
            [
                (each.family, str(each.attacks), f"{each.recall:.2f}", f"{each.precision:.2f}")
                for each in measured.families
            ],
        )


def _complaints(run: Run) -> str:
    said = [f"missed {each}" for each in run.missed] + [f"must not: {each}" for each in run.false]
    said += [f"alarm: {each}" for each in run.alarms] + [f"failed: {each}" for each in run.failures[:1]]
    if run.is_late:
        said.append(f"scanner after more than {SOON}")
    return _words(said)


def _words(words: Sequence[str]) -> str:
    return ", ".join(words) or "-"


def _aligned(head: Row, rows: Sequence[Row]) -> Iterator[str]:
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    for row in (head, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _piped(head: Row, rows: Sequence[Row]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(row)} |"
