from __future__ import annotations

import pytest

from fairwitness.cli.filters import read_moment, read_range
from fairwitness.model.clock import parse_iso_us

NOW_US = parse_iso_us("2026-11-23T12:00:00Z")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23", "2026-11-23T00:00:00Z"),
        ("2026-11-23T10:30", "2026-11-23T10:30:00Z"),
        ("2026-11-23T10:30+02:00", "2026-11-23T08:30:00Z"),
        ("90s", "2026-11-23T11:58:30Z"),
        ("15m", "2026-11-23T11:45:00Z"),
        ("15min", "2026-11-23T11:45:00Z"),
        ("2h", "2026-11-23T10:00:00Z"),
        ("3d", "2026-11-20T12:00:00Z"),
    ],
)
def test_times_are_dates_or_how_long_ago(text: str, moment: str) -> None:
    """A time is ISO 8601, UTC unless it says otherwise, or a number and a unit back from now."""
    assert parse_iso_us(moment) == read_moment(text, now_us=NOW_US)


@pytest.mark.parametrize("text", ["yesterday", "", "5", "-2h", "2 h", "9999999h", "٣d", "2026-13-01"])
def test_other_times_are_refused(text: str) -> None:
    """What is no time is refused, whatever digits it has."""
    with pytest.raises(ValueError):  # noqa: PT011 - fromisoformat has no words of its own
        read_moment(text, now_us=NOW_US)


@pytest.mark.parametrize(("text", "ends"), [("12-40", (12, 40)), ("7", (7, 7)), ("3-3", (3, 3))])
def test_ranges_have_two_ends(text: str, ends: tuple[int, int]) -> None:
    """A range is two ids, or one."""
    assert ends == read_range(text)


@pytest.mark.parametrize("text", ["40-12", "-5", "a-b", "1-2-3", "", "1" * 30])
def test_other_ranges_are_refused(text: str) -> None:
    """A range that runs backwards, or is none, is refused."""
    with pytest.raises(ValueError):  # noqa: PT011 - the text itself is the message
        read_range(text)
