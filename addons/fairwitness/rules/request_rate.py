"""request-rate: how many requests per second or minute."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator

from fairwitness.model.exchange import Metered, Request
from fairwitness.model.flag import Severity, Sighting
from fairwitness.model.policy import Meter, Policy
from fairwitness.model.verdict import Action
from fairwitness.rules.bounded import Recent
from fairwitness.rules.bucket import Attempts, Bucket, at_once, spacing_us
from fairwitness.rules.judgement import MeterReading
from fairwitness.rules.limits import (
    ENDPOINTS,
    HOSTS,
    MAX_WAIT_US,
    MAX_WAITING,
    Gauge,
    LimitRule,
    four_fifths,
    gauges_of,
    is_courtesy,
    limited,
)
from fairwitness.rules.words import head_of, reach_of, span


class RequestRate(LimitRule):
    """Delays what would be faster than the limits, by exactly as much as is needed.

    One bucket a host, an endpoint and in total, apart for testing and for what pages ask for.  They are
    nobody's own: two tools that run side by side share a host's limit, as its server sees them.
    """

    name = "request-rate"
    summary = "more requests per second or minute than the limits allow, from 80 % on"

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._meters: dict[str, Recent[tuple[Metered, str], _RateMeter]] = {
            "endpoint": Recent(ENDPOINTS),
            "host": Recent(HOSTS),
            "total": Recent(2),
        }
        self._reserved: Recent[str, tuple[int, tuple[_RateMeter, ...]]] = Recent(2 * MAX_WAITING)
        self._waiting: list[int] = []
        self._now_us = 0

    def on_request(self, request: Request) -> Iterable[Sighting]:
        """Find the request's place on all its meters and say what was seen on the way."""
        counted = [(g, self._meter(g)) for g in gauges_of(self.limits, request) if g.limits.rate is not None]
        if not counted:
            return ()
        # A request that was received before one already judged is placed after it: time never goes back.
        now_us = self._now_us = max(self._now_us, request.received_us)
        del self._waiting[: bisect_right(self._waiting, now_us)]
        full: set[str] = set()
        for gauge, meter in counted:
            meter.bucket.settle(now_us)
            meter.attempts.add(now_us)
            if meter.bucket.earliest(now_us) > now_us:
                full.add(gauge.kind)
        moment = self._place(request, [meter for _, meter in counted], full=bool(full))
        return [
            sighting
            for gauge, meter in counted
            for sighting in self._see(request, gauge, meter, is_full=gauge.kind in full, moment=moment)
        ]

    def on_gave_up(self, request: Request) -> None:
        """Free its place for others."""
        reserved = self._reserved.pop(request.exchange)
        if reserved is None:
            return
        moment, meters = reserved
        for meter in meters:
            meter.bucket.give_back(moment)
        place = bisect_left(self._waiting, moment)
        if place < len(self._waiting) and self._waiting[place] == moment:
            del self._waiting[place]

    def on_ended(self, request: Request, time_us: int) -> None:  # noqa: ARG002 - the hook\'s
        """Forget its place; it was used."""
        self._reserved.pop(request.exchange)

    def readings(self, now_us: int) -> Iterator[MeterReading]:
        """Hosts and totals; endpoints are too many to show."""
        for metered, meters in limited(self.limits):
            for kind, limit in (("host", meters.per_host), ("total", meters.total)):
                if limit.rate is None:
                    continue
                for (of, key), meter in self._meters[kind].items():
                    if of is metered:
                        used = meter.bucket.level(now_us)
                        most = at_once(limit.rate, limit.burst)
                        yield MeterReading(
                            name=self.name,
                            host=key,
                            metered=metered,
                            used=used,
                            limit=most,
                            per=str(limit.rate),
                        )

    def _meter(self, gauge: Gauge) -> _RateMeter:
        meters = self._meters[gauge.kind]
        meter = meters.get_or_make((gauge.metered, gauge.key), lambda: _RateMeter(gauge.limits))
        if meter.limits is not gauge.limits:
            meter.tune(gauge.limits)
        return meter

    def _place(self, request: Request, meters: list[_RateMeter], *, full: bool) -> int | None:
        """The moment that was reserved for it; None where it is not to be released, or is only counted."""
        now_us = self._now_us
        if self.acts <= Action.WARN:
            for meter in meters:
                if meter.bucket.earliest(now_us) == now_us:  # what overflows a full bucket leaves no trace
                    meter.bucket.reserve(now_us)
            return now_us
        if full and (self.acts >= Action.BLOCK or len(self._waiting) >= MAX_WAITING):
            return None
        moment = now_us
        while full:
            later = max(meter.bucket.earliest(moment) for meter in meters)
            if later == moment:
                break
            moment = later
        if moment - now_us > MAX_WAIT_US:
            return None
        for meter in meters:
            meter.bucket.reserve(moment)
        if moment > now_us:
            insort(self._waiting, moment)
        self._reserved.put(request.exchange, (moment, tuple(meters)))
        return moment

    def _see(
        self, request: Request, gauge: Gauge, meter: _RateMeter, *, is_full: bool, moment: int | None
    ) -> Iterator[Sighting]:
        now_us = self._now_us
        courtesy = is_courtesy(self.limits, gauge.limits, "rate")
        severity = self._severity(meter, is_full=is_full)
        waits = moment is not None and moment > now_us
        if severity is Severity.INFO and not (is_full and self.acts >= Action.THROTTLE):
            return
        delay_us = moment - request.received_us if waits and is_full and moment is not None else 0
        retry_us = 0
        if moment is None and is_full and self.acts < Action.BLOCK:
            retry_us = max(1, meter.bucket.earliest(now_us) - now_us)
        yield Sighting(
            rule=self.name,
            severity=Severity.INFO if courtesy else severity,
            says=meter.says(gauge, severity, delay_us=delay_us, retry_us=retry_us, courtesy=courtesy),
            advice="Slow the tool down to the limit, or give it fewer threads.",
            shown_by=head_of(request),
            reach=reach_of(request),
            delay_us=delay_us,
            retry_after_us=retry_us,
            group=gauge.group,
            calls_for=self.acts if is_full else None,
        )

    def _severity(self, meter: _RateMeter, *, is_full: bool) -> Severity:
        since_us = self._now_us - meter.window_us
        has_burst = meter.limits.burst is not None
        if (is_full and (has_burst or self.acts >= Action.BLOCK)) or meter.attempts.is_over(since_us):
            # A burst that is used up is the limit itself; with none, one second's worth is only a pace.
            return Severity.STOP if is_full or not has_burst else Severity.CHECK
        return Severity.CHECK if meter.attempts.is_near(since_us) else Severity.INFO


class _RateMeter:
    """One bucket, and the attempts over the stretch of time that its limit is about."""

    __slots__ = ("attempts", "bucket", "limit", "limits", "window_us")

    def __init__(self, limits: Meter) -> None:
        self.bucket = Bucket(limits)
        self.tune(limits)

    def tune(self, limits: Meter) -> None:
        """Follow another limit; the attempts are counted anew, the bucket's content stays."""
        assert limits.rate is not None
        self.limits = limits
        self.bucket.tune(limits)
        self.limit = limits.rate.count if limits.burst is None else at_once(limits.rate, limits.burst)
        # With a burst: the time in which it refills, so that a steady four fifths of the rate is near too.
        self.window_us = limits.rate.per_us if limits.burst is None else self.limit * spacing_us(limits.rate)
        self.attempts = Attempts(self.limit)

    def says(self, gauge: Gauge, severity: Severity, *, delay_us: int, retry_us: int, courtesy: bool) -> str:
        """One sentence with numbers."""
        rate, burst = self.limits.rate, self.limits.burst
        limit = f"{rate}" if burst is None else f"{rate} and {burst} at once"
        what = f"{gauge.subject} close upon each other"
        if severity is Severity.STOP and burst is not None:
            what = f"{burst} {gauge.subject} at once and more, faster than {rate}"
        elif severity is Severity.STOP:
            what = f"more than {self.limit} {gauge.subject} in {span(self.window_us)}"
        elif severity is Severity.CHECK:
            what = f"{four_fifths(self.limit)} {gauge.subject} or more in {span(self.window_us)}"
        whose = f"fairwitness keeps to {limit} out of courtesy" if courtesy else f"the limit is {limit}"
        if delay_us:
            return f"{what}; {whose}, so this one waits {span(delay_us)}"
        if retry_us:
            return f"{what}; {whose}, and this one would have to wait {span(retry_us)}"
        return f"{what}; {whose}"
