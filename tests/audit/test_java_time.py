"""Times as Java prints them."""

from __future__ import annotations

import pytest

from fairwitness.audit.java_time import java_time_us
from fairwitness.model.clock import parse_iso_us


@pytest.mark.parametrize(
    ("zone", "utc", "is_known"),
    [
        ("UTC", "10:11:12", True),
        ("GMT", "10:11:12", True),
        ("CET", "09:11:12", True),
        ("CEST", "08:11:12", True),
        ("EST", "15:11:12", True),
        ("PDT", "17:11:12", True),
        ("IST", "04:41:12", True),
        ("GMT+02:00", "08:11:12", True),
        ("GMT-03:30", "13:41:12", True),
        ("+0200", "08:11:12", True),
        ("CST", "10:11:12", False),
        ("\u202eTEC", "10:11:12", False),
        ("GMT+99:00", "10:11:12", False),
        ("GMT+", "10:11:12", False),
        ("+:", "10:11:12", False),
    ],
)
def test_zones_are_known_or_told(zone: str, utc: str, is_known: bool) -> None:
    """A name that is not known, or is two places' own, counts as UTC and is told."""
    written = f"Tue Nov 24 10:11:12 {zone} 2026"

    assert (parse_iso_us(f"2026-11-24T{utc}Z"), is_known) == java_time_us(written)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "2026-11-24T10:11:12Z",
        "Tue Nov 31 10:11:12 CET 2026",
        "Tue Foo 24 10:11:12 CET 2026",
        "Tue Nov 24 10:11 CET 2026",
        "Tue Nov 24 10:11:12 CET 99999999999999999999",
        "Tue Nov 24 10:11:12 CET 1",
        "Tue Nov ² 10:11:12 CET 2026",
        "Fri Dec 31 23:59:59 HST 9999",
    ],
)
def test_what_is_no_time_is_none(written: str) -> None:
    """Nothing is guessed, and nothing raises."""
    assert java_time_us(written) is None
