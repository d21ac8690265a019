"""Tests of fairwitness.rules.bounded."""

from __future__ import annotations

from fairwitness.rules.bounded import Recent


def test_oldest_entry_goes_when_one_too_many_comes() -> None:
    """The entry that was used longest ago is dropped, not the one that was added first."""
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    recent.get("a")
    recent.put("c", 3)

    assert [("a", 1), ("c", 3)] == list(recent.items())


def test_entry_is_made_once() -> None:
    """`get_or_make` makes an entry only where there is none."""
    recent: Recent[str, list[int]] = Recent(2)
    first = recent.get_or_make("a", list)
    first.append(1)

    assert [1] == recent.get_or_make("a", list)


def test_many_names_leave_no_more_than_the_size() -> None:
    """Keys that somebody else chooses cannot fill the memory."""
    recent: Recent[int, int] = Recent(8)
    for key in range(100_000):
        recent.put(key, key)

    assert 8 == len(recent)
