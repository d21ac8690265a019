"""One rate that is watched: what may go now, and how close the attempts have come to the limit."""

from __future__ import annotations

from fairwitness.model.flag import Severity
from fairwitness.model.policy import Meter
from fairwitness.rules.bucket import Attempts, Bucket, at_once, spacing_us
from fairwitness.rules.limits import four_fifths
from fairwitness.rules.words import span


class RateMeter:
    """A bucket that delays, and beside it the attempts as they would have gone out without any delay.

    Three counts, since they differ as soon as something waits: the plan (`bucket`) gives the delays, the
    releases check it, and the attempts give the severity: what a delay prevented was tried all the same.
    """

    __slots__ = (
        "_at_once",
        "_attempts",
        "_gap",
        "_gone",
        "_is_overrun",
        "_tried",
        "bucket",
        "limit",
        "limits",
        "window_us",
    )

    def __init__(self, limits: Meter) -> None:
        self.bucket = Bucket(limits)
        self._tried = 0
        self._gone = 0
        self._is_overrun = False
        self.tune(limits, now_us=0)

    def tune(self, limits: Meter, *, now_us: int) -> None:
        """Follow another limit; the attempts are counted anew, the bucket's content stays."""
        assert limits.rate is not None
        self.limits = limits
        self.bucket.tune(limits, now_us=now_us)
        self._tried = now_us
        self._gap = spacing_us(limits.rate)
        self._at_once = at_once(limits.rate, limits.burst)
        self.limit = limits.rate.count if limits.burst is None else self._at_once
        # With a burst: the time in which it refills, so that a steady four fifths of the rate is near too.
        self.window_us = limits.rate.per_us if limits.burst is None else self.limit * self._gap
        self._attempts = Attempts(self.limit)

    def attempt(self, now_us: int) -> None:
        """Count one request as tried."""
        self._attempts.add(now_us)
        self._is_overrun = now_us < self._tried - self._gap * (self.limit - 1)
        if not self._is_overrun:
            self._tried = max(self._tried, now_us) + self._gap

    def may_go(self, now_us: int) -> bool:
        """Whether one more release now keeps to the limit, whatever was planned."""
        return now_us >= self._gone - self._gap * (self._at_once - 1)

    def went(self, moment_us: int) -> None:
        """Count one release."""
        self._gone = max(self._gone, moment_us) + self._gap

    def is_near(self, now_us: int) -> bool:
        """Whether there may be anything to say of the attempts up to now."""
        return self._is_overrun or self._attempts.is_near(now_us - self.window_us)

    def severity(self, now_us: int, *, is_full: bool, blocks: bool) -> Severity:
        """How much of the limit the attempts up to now have used; *blocks*: a full bucket is no mere pace."""
        if self.limits.burst is not None:
            is_over = is_full or self._is_overrun
        else:
            is_over = (is_full and blocks) or self._attempts.is_over(now_us - self.window_us)
        if is_over:
            return Severity.STOP
        is_near = self._attempts.is_near(now_us - self.window_us)
        return Severity.CHECK if is_near else Severity.INFO

    def says(self, subject: str, severity: Severity, *, delay_us: int, retry_us: int, courtesy: bool) -> str:
        """One sentence with numbers."""
        rate, burst = self.limits.rate, self.limits.burst
        limit = f"{rate}" if burst is None else f"{rate} and {burst} at once"
        what = f"{subject} close upon each other"
        if severity is Severity.STOP and burst is not None:
            what = f"{burst} {subject} at once and more, faster than {rate}"
        elif severity is Severity.STOP:
            what = f"more than {self.limit} {subject} in {span(self.window_us)}"
        elif severity is Severity.CHECK:
            what = f"{four_fifths(self.limit)} {subject} or more in {span(self.window_us)}"
        whose = f"fairwitness keeps to {limit} out of courtesy" if courtesy else f"the limit is {limit}"
        if delay_us:
            return f"{what}; {whose}, so this one waits {span(delay_us)}"
        if retry_us:
            return f"{what}; {whose}, and this one would have to wait {span(retry_us)}"
        return f"{what}; {whose}"
