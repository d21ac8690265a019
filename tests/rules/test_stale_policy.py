"""Tests of fairwitness.rules.stale_policy."""

from __future__ import annotations

import pytest

from fairwitness.model.flag import Severity
from fairwitness.model.verdict import Action
from fairwitness.rules import Runner
from fairwitness.rules.testing import NOON_US, make_line, make_policy


def _said(reviewed: str | None) -> list[tuple[Severity, Action, str]]:
    line = make_line("stale-policy", Action.BLOCK, says=None)
    runner = Runner(make_policy(reviewed=reviewed, rules=[line]), next_flag=1, now_us=NOON_US)
    return [(flag.severity, flag.action, flag.says) for flag in runner.at_start(NOON_US)]


@pytest.mark.parametrize("reviewed", ["2026-11-24", "2026-10-25", "2026-11-25"])
def test_recent_review_is_not_mentioned(reviewed: str) -> None:
    """Thirty days are fine, and so is tomorrow's date east of Greenwich."""
    assert [] == _said(reviewed)


@pytest.mark.parametrize(
    ("reviewed", "says"),
    [
        ("2026-10-24", "the policy was last reviewed 31 days ago, on 2026-10-24; due every 30 days"),
        ("2027-11-24", "the policy's last review, 2027-11-24, lies in the future"),
        ("yesterday", "program.reviewed is no date"),
        (None, "the policy does not say when it was last compared with the program's page"),
    ],
)
def test_old_missing_or_impossible_review_is_said_at_start(reviewed: str | None, says: str) -> None:
    """It warns, and never more: the program did not ask for it."""
    assert [(Severity.CHECK, Action.WARN, says)] == _said(reviewed)
