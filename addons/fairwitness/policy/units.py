"""Rates, sizes and dates as people write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from fairwitness.model.policy import Rate

_RATE = re.compile(r"([0-9]{1,9})\s*/\s*([a-z]+)")
_SIZE = re.compile(r"([0-9]{1,12})\s*([A-Za-z]*)")
_DAYS = re.compile(r"([0-9]{1,4})\s*(days?|d)?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SECOND_US = 1_000_000
_PER_US = {
    "s": _SECOND_US,
    "sec": _SECOND_US,
    "second": _SECOND_US,
    "min": 60 * _SECOND_US,
    "minute": 60 * _SECOND_US,
    "h": 3600 * _SECOND_US,
    "hour": 3600 * _SECOND_US,
    "day": 86_400 * _SECOND_US,
    "d": 86_400 * _SECOND_US,
}
_BYTES = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
}
MAX_REQUEST_BODY = 1 << 30  # 1 GiB: such bodies are held in memory, so more cannot be meant


def parse_rate(text: str) -> Rate:
    """``5/s``, ``60/min``, ``300/h``, ``20000/day``.

    Raises:
        ValueError: It is no rate.
    """
    found = _RATE.fullmatch(text.strip())
    if not found or found[2] not in _PER_US or int(found[1]) == 0:
        raise ValueError("is no rate")
    return Rate(int(found[1]), _PER_US[found[2]])


def parse_size(text: str) -> int:
    """``1 MiB``, ``500 KB`` or a number of bytes.

    Raises:
        ValueError: It is no size.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found or found[2].lower() not in _BYTES:
        raise ValueError("is no size")
    size = int(found[1]) * _BYTES[found[2].lower()]
    if size > MAX_REQUEST_BODY:
        raise ValueError("is larger than 1 GiB")
    return size


def parse_days(text: str) -> int:
    """``30 days`` or a number of days.

    Raises:
        ValueError: It is no number of days, or none at all.
    """
    found = _DAYS.fullmatch(text.strip())
    if not found or int(found[1]) == 0:
        raise ValueError("is no number of days")
    return int(found[1])


def parse_day(text: str) -> date:
    """``2026-11-23``.

    Raises:
        ValueError: It is no such day.
    """
    if not _DAY.fullmatch(text):
        raise ValueError("is no date")
    return date.fromisoformat(text)


def day_start_us(day: date) -> int:
    """Midnight UTC at the day's start."""
    return (day - date(1970, 1, 1)).days * _PER_US["day"]


def day_end_us(day: date) -> int:
    """The first moment behind the day, midnight UTC."""
    return day_start_us(day) + _PER_US["day"]


def day_of_us(time_us: int) -> date:
    """The day, in UTC, of a moment."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)).date()
