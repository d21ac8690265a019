"""The time: wall time at the session's start plus what has passed since, so clock steps break nothing."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache

# Linux's monotonic clock stands while the machine sleeps: a window or an approval would end later by that.
_PASSING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SessionClock:
    """Microseconds UTC that never step.

    A class, because it remembers where both clocks stood when the session began.
    """

    def __init__(self) -> None:
        self._wall_us = time.time_ns() // 1000
        self._began_ns = time.clock_gettime_ns(_PASSING)

    def now_us(self) -> int:
        """Now, in microseconds since 1970-01-01T00:00:00Z."""
        return self._wall_us + (time.clock_gettime_ns(_PASSING) - self._began_ns) // 1000

    def step_us(self) -> int:
        """How far the machine's wall clock has been stepped since the session began."""
        return time.time_ns() // 1000 - self.now_us()


def iso_us(time_us: int) -> str:
    """``2026-11-23T22:39:16.062050Z`` for microseconds since 1970."""
    seconds, micros = divmod(time_us, 1_000_000)
    return f"{_iso_seconds(seconds)}.{micros:06d}Z"


@lru_cache(maxsize=64)
def _iso_seconds(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def parse_iso_us(text: str) -> int:
    """The inverse of `iso_us`; also reads dates and times with an offset.

    Raises:
        ValueError: *text* is no ISO 8601 date or time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // _ONE_US


_ONE_US = datetime(1970, 1, 1, 0, 0, 0, 1) - datetime(1970, 1, 1)  # noqa: DTZ001 - a difference, no moment
