"""Times as Java prints them, which is how Burp saves them: ``Tue Nov 24 10:11:12 CET 2026``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fairwitness.model.recording import LATEST_US

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Hours east of Greenwich.  Abbreviations that stand for one place only, or for one that is by far the
# likeliest (IST: India).  Source: the IANA time zone database.
_ZONES = {
    "UTC": 0.0, "GMT": 0.0, "WET": 0.0, "WEST": 1.0, "BST": 1.0, "CET": 1.0, "CEST": 2.0, "MET": 1.0,
    "MEST": 2.0, "EET": 2.0, "EEST": 3.0, "SAST": 2.0, "MSK": 3.0, "TRT": 3.0, "IST": 5.5, "PKT": 5.0,
    "SGT": 8.0, "HKT": 8.0, "AWST": 8.0, "JST": 9.0, "KST": 9.0, "ACST": 9.5, "ACDT": 10.5, "AEST": 10.0,
    "AEDT": 11.0, "NZST": 12.0, "NZDT": 13.0, "BRT": -3.0, "ART": -3.0, "EST": -5.0, "EDT": -4.0, "CDT": -5.0,
    "MST": -7.0, "MDT": -6.0, "PST": -8.0, "PDT": -7.0, "AKST": -9.0, "AKDT": -8.0, "HST": -10.0,
}  # fmt: skip


def java_time_us(written: str) -> tuple[int, bool] | None:
    """Microseconds, and whether the zone is known; None where it is no such time.

    A zone that is not known counts as UTC.  CST is none that is known: it is America's and China's.
    """
    words = written.split()
    if len(words) != 6:
        return None
    _, month, day, clock, zone, year = words
    try:
        hour, minute, second = (int(each) for each in clock.split(":"))
        local = datetime(int(year), _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    hours = _offset(zone)
    time_us = (local - _EPOCH) // timedelta(microseconds=1) - round((hours or 0.0) * _HOUR_US)
    return (time_us, hours is not None) if 0 <= time_us < LATEST_US else None


def _offset(zone: str) -> float | None:
    """Hours east of Greenwich; ``GMT+02:00`` is how Java writes a zone without a name."""
    if zone in _ZONES:
        return _ZONES[zone]
    hours, colon, minutes = zone.removeprefix("GMT").removeprefix("UTC").partition(":")
    sign = hours[:1]
    digits = hours[1:] + (minutes if colon else "")
    if sign not in {"+", "-"} or not (digits.isascii() and digits.isdigit()) or len(digits) not in {2, 3, 4}:
        return None
    whole, part = (int(hours[1:]), int(minutes)) if colon else (int(digits[:2]), int(digits[2:] or 0))
    offset = whole + part / 60
    return (offset if sign == "+" else -offset) if offset <= 14 else None


_HOUR_US = 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
