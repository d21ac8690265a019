"""The session's time."""

from __future__ import annotations

import sys
import time

import pytest

from fairwitness.model.clock import SessionClock


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the monotonic clock counts sleep")
def test_time_asleep_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that slept for an hour is an hour later, and its clock was not stepped."""
    hour_us = 3_600_000_000
    slept_ns = 0
    read, wall = time.clock_gettime_ns, time.time_ns

    def after_sleep(number: int) -> int:
        return read(number) + (slept_ns if number == time.CLOCK_BOOTTIME else 0)

    monkeypatch.setattr(time, "clock_gettime_ns", after_sleep)
    monkeypatch.setattr(time, "time_ns", lambda: wall() + slept_ns)
    clock = SessionClock()
    before_us = clock.now_us()
    slept_ns = hour_us * 1000

    assert clock.now_us() - before_us >= hour_us
    assert abs(clock.step_us()) < hour_us // 2
