"""Folding what repeats in the table of exchanges."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fairwitness.cli.folding import Folded, folded
from fairwitness.model.record import ExchangeRow

ROW = ExchangeRow(
    id=1,
    exchange="ab" * 16,
    time_us=0,
    method="GET",
    url="https://shop.test/a",
    status=None,
    decision="block",
    clause="rules.automated-scanner",
    reason="",
    initiator="tool",
    page=None,
    label=None,
    account=None,
    client="127.0.0.1:5",
    flags=(),
    request_bytes=0,
    response_bytes=None,
    duration_us=None,
    session=1,
    outcome="blocked",
    host="shop.test",
    scope_list="include",
)


def _blocked(first: int, count: int) -> list[ExchangeRow]:
    return [replace(ROW, id=first + i) for i in range(count)]


def test_a_scan_that_was_blocked_is_four_lines() -> None:
    """The first three, and how many more; what comes after is shown."""
    sent = replace(ROW, id=7_001, outcome="complete", decision="allow", status=200)
    shown = list(folded([*_blocked(1, 7_000), sent]))

    assert [1, 2, 3] == [each.id for each in shown[:3] if isinstance(each, ExchangeRow)]
    assert Folded(6_997, 4, 7_000) == shown[3]
    assert [sent] == shown[4:]
    assert "6,997 more like it: fairwitness log --id 4-7000" in Folded(6_997, 4, 7_000).words


@pytest.mark.parametrize("count", [0, 1, 3, 5, 6])
def test_a_few_are_all_shown(count: int) -> None:
    """A fold that saves next to nothing hides more than it helps."""
    assert _blocked(1, count) == list(folded(_blocked(1, count)))


def test_other_hosts_and_other_clauses_are_told_apart() -> None:
    """Only what is alike is folded, and never what was sent."""
    others = [replace(ROW, id=i, host=f"h{i}.test") for i in range(9)]
    sent = [replace(ROW, id=i, outcome="complete", decision="warn") for i in range(9)]

    assert others == list(folded(others))
    assert sent == list(folded(sent))
