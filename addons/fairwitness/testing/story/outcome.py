"""What came of the story: flags, holds, and whether all of it is on record."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from fairwitness.evidence import Reader


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the log says of the story."""

    exchanges: int
    flags: tuple[tuple[str, str, int, str], ...]
    """Rule, severity, count, and what was said."""
    blocked: tuple[str, ...]
    """Requests to hosts in scope that did not leave."""
    held: tuple[tuple[str, int], ...]
    """Places, and how often one was held."""

    @property
    def alarms(self) -> tuple[str, ...]:
        """What a researcher who did nothing wrong must not see."""
        loud = [f"{rule} {severity}: {says}" for rule, severity, _, says in self.flags if severity != "info"]
        twice = [f"held {count} times: {place}" for place, count in self.held if count > 1]
        return (*loud, *(f"blocked: {each}" for each in self.blocked), *twice)


def outcome_of(evidence: Path, *, hosts: frozenset[str]) -> Outcome:
    """Read it from the log.

    Args:
        evidence: Its folder.
        hosts: Those in scope.
    """
    with Reader.open(evidence) as reader:
        rows = [row for row in reader.exchanges() if row.host in hosts]
        flags = tuple(
            (row.flag.rule, row.flag.severity.word, row.count, row.flag.says) for row in reader.flags()
        )
    held = Counter(f"{row.method} {row.url}" for row in rows if row.decision == "hold")
    return Outcome(
        exchanges=len(rows),
        flags=flags,
        blocked=tuple(f"{row.method} {row.url}: {row.reason}" for row in rows if row.outcome == "blocked"),
        held=tuple(held.items()),
    )
