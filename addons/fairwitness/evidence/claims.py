"""What an evidence folder claims of itself, and which of it holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from fairwitness.evidence.problems import Problem
from fairwitness.evidence.viewfile import VIEW_NAME

MOST_NAMED = 1000  # problems of one claim that are named; all are counted


class Result(Enum):
    """What became of a claim."""

    OK = "OK"
    FAIL = "FAIL"
    SKIP = "SKIP"


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim, looked at."""

    name: str
    says: str
    """In a sentence: what is claimed, or why it was not looked at."""
    result: Result
    problems: tuple[Problem, ...] = ()
    """The first `MOST_NAMED` of what is wrong."""
    count: int = 0
    """How much is wrong."""

    @property
    def reason(self) -> str:
        """Why it does not hold, or was not looked at; empty where it holds."""
        if self.result is not Result.FAIL:
            return self.says if self.result is Result.SKIP else ""
        first = self.problems[0]
        more = f", and {self.count - 1:,} more" if self.count > 1 else ""
        return f"{first.where}: {first.what}{more}"


_SAYS = {
    "structure": "the database and its tables are as they were made",
    "entries": "every entry is whole, in its place, and gives its leaf",
    "bodies": "every stored body gives its hash",
    "attachments": "every file of a finding gives its hash",
    "inclusion": "the tree is that of these entries",
    "view": "what commands list is what the log says",
}
_CLAIM_OF = {
    "entry": "entries",
    "opening": "entries",
    "written": "entries",
    "body": "bodies",
    "attachment": "attachments",
    "tree": "inclusion",
    VIEW_NAME: "view",
}
"""By the first word of where a problem is; all else is of the structure."""
_SKIPPED = (
    Claim("manifest", "only a bundle has one", Result.SKIP),
    Claim(
        "signature",
        "logs are not signed yet: who can write the folder can write a whole new log",
        Result.SKIP,
    ),
)


def claims_of(problems: Iterable[Problem]) -> tuple[Claim, ...]:
    """What holds, by all that is wrong."""
    named: dict[str, list[Problem]] = {name: [] for name in _SAYS}
    counts = dict.fromkeys(_SAYS, 0)
    for problem in problems:
        name = _CLAIM_OF.get(problem.where.partition(" ")[0], "structure")
        counts[name] += 1
        if counts[name] <= MOST_NAMED:
            named[name].append(problem)
    looked_at = (
        Claim(name, says, Result.FAIL if counts[name] else Result.OK, tuple(named[name]), counts[name])
        for name, says in _SAYS.items()
    )
    return (*looked_at, *_SKIPPED)
