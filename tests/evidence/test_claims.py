"""Tests of fairwitness.evidence.claims."""

from __future__ import annotations

import itertools

from fairwitness.evidence import Problem
from fairwitness.evidence.claims import MOST_NAMED, Result, claims_of


def test_each_problem_breaks_one_claim() -> None:
    """By where it is; what has no claim of its own is of the structure."""
    broken = {
        where: [each.name for each in claims_of([Problem(where, "odd")]) if each.result is Result.FAIL]
        for where in ("entry 1", "written 1", "body 5fec", "attachment 5f", "tree", "view.sqlite3", "mark")
    }

    assert broken == {
        "entry 1": ["entries"],
        "written 1": ["entries"],
        "body 5fec": ["bodies"],
        "attachment 5f": ["attachments"],
        "tree": ["inclusion"],
        "view.sqlite3": ["view"],
        "mark": ["structure"],
    }


def test_a_flood_of_problems_is_counted_and_not_kept() -> None:
    """A stranger's log may have any number of them."""
    flood = (Problem(f"entry {number}", "odd") for number in itertools.islice(itertools.count(), 5000))

    (entries,) = (each for each in claims_of(flood) if each.name == "entries")

    assert (5000, MOST_NAMED) == (entries.count, len(entries.problems))
    assert "entry 0: odd, and 4,999 more" == entries.reason
