"""request-rate: how many requests per second or minute."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fairwitness.model.exchange import Metered, Request
from fairwitness.model.flag import Severity, Sighting
from fairwitness.model.policy import Policy
from fairwitness.model.verdict import Action
from fairwitness.rules.bounded import Recent
from fairwitness.rules.bucket import at_once
from fairwitness.rules.judgement import MeterReading
from fairwitness.rules.limits import (
    ENDPOINTS,
    HOSTS,
    MAX_WAIT_US,
    MAX_WAITING,
    Gauge,
    LimitRule,
    limited,
)
from fairwitness.rules.rate_meter import RateMeter
from fairwitness.rules.words import head_of, reach_of


@dataclass(slots=True)
class _Place:
    """A moment that is reserved for a request on all its meters."""

    moment: int
    meters: list[RateMeter]
    is_gone: bool = False
    """Whether it was released: then its place is used up."""


class RequestRate(LimitRule):
    """Delays what would be faster than the limits, by exactly as much as is needed.

    One bucket a host, an endpoint and in total, apart for testing and for what pages ask for.  They are
    nobody's own: two tools that run side by side share a host's limit, as its server sees them.
    """

    name = "request-rate"
    limit = "rate"
    summary = "more requests per second or minute than the limits allow, from 80 % on"

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._meters: dict[str, Recent[tuple[Metered, str], RateMeter]] = {
            "endpoint": Recent(ENDPOINTS),
            "host": Recent(HOSTS),
            "total": Recent(2),
        }
        self._reserved: Recent[str, _Place] = Recent(2 * MAX_WAITING)
        self._waiting: list[int] = []
        self._now_us = 0

    def on_request(self, request: Request) -> Iterable[Sighting]:
        """Find the request's place on all its meters and say what was seen on the way."""
        # A request that was received before one already judged is placed after it: time never goes back.
        now_us = self._now_us = max(self._now_us, request.received_us)
        if self._waiting:
            del self._waiting[: bisect_right(self._waiting, now_us)]
        gauges = self.gauges[request.metered]
        if not gauges:
            return ()
        places = self.known.reading(request).places
        counted = [(gauge, self._meter(gauge, places)) for gauge in gauges]
        full: set[str] = set()
        for gauge, meter in counted:
            meter.bucket.settle(now_us)
            meter.attempt(now_us)
            if meter.bucket.earliest(now_us) > now_us:
                full.add(gauge.kind)
        moment = self._place(request, [meter for _, meter in counted], full=bool(full))
        if not full:
            for _, meter in counted:
                if meter.is_near(now_us):
                    break
            else:
                return ()
        return [
            sighting
            for gauge, meter in counted
            for sighting in self._see(request, gauge, meter, is_full=gauge.kind in full, moment=moment)
        ]

    def has_slot(self, request: Request, now_us: int | None) -> bool:
        """Whether it may go now, by what has really gone before.

        Something else may have kept requests beyond their places: without this, all that waited for a slow
        server would be let go at once when it recovers.
        """
        place = self._reserved.get(request.exchange)
        if place is None or place.is_gone:
            return True
        moment = place.moment
        if now_us is not None:
            if now_us < moment:
                return False
            moment = now_us
            for meter in place.meters:
                if not meter.may_go(now_us):
                    return False
        for meter in place.meters:
            meter.went(moment)
        place.is_gone = True
        return True

    def on_gave_up(self, request: Request) -> None:
        """Free its place for others."""
        place = self._reserved.pop(request.exchange)
        if place is None:
            return
        for meter in place.meters:
            meter.bucket.give_back(place.moment)
        at = bisect_left(self._waiting, place.moment)
        if at < len(self._waiting) and self._waiting[at] == place.moment:
            del self._waiting[at]

    def readings(self, now_us: int) -> Iterator[MeterReading]:
        """Hosts and totals; endpoints are too many to show."""
        for metered, meters in limited(self.limits):
            for kind, limit in (("host", meters.per_host), ("total", meters.total)):
                if limit.rate is None:
                    continue
                for (of, key), meter in self._meters[kind].items():
                    if of is metered:
                        used, waiting = meter.bucket.level(now_us)
                        most = at_once(limit.rate, limit.burst)
                        yield MeterReading(
                            name=self.name,
                            host=key,
                            metered=metered,
                            used=used,
                            limit=most,
                            per=str(limit.rate),
                            waiting=waiting,
                        )

    def _meter(self, gauge: Gauge, places: dict[str, str]) -> RateMeter:
        key = (gauge.metered, places[gauge.kind])
        meter = self._meters[gauge.kind].get(key)
        if meter is None:
            meter = RateMeter(gauge.limits)
            self._meters[gauge.kind].put(key, meter)
        if meter.limits is not gauge.limits:
            meter.tune(gauge.limits, now_us=self._now_us)
        return meter

    def _place(self, request: Request, meters: list[RateMeter], *, full: bool) -> int | None:
        """The moment that was reserved for it; None where it is not to be released, or is only counted."""
        now_us = self._now_us
        if self.acts <= Action.WARN:
            for meter in meters:
                if meter.bucket.earliest(now_us) == now_us:  # what overflows a full bucket leaves no trace
                    meter.bucket.reserve(now_us)
            return now_us
        if full and (self.acts >= Action.BLOCK or len(self._waiting) >= MAX_WAITING):
            return None
        moment = _first_for_all(meters, now_us) if full else now_us
        if moment - now_us > MAX_WAIT_US:
            return None
        for meter in meters:
            meter.bucket.reserve(moment)
        if moment > now_us:
            insort(self._waiting, moment)
        self._reserved.put(request.exchange, _Place(moment, meters))
        return moment

    def _see(
        self, request: Request, gauge: Gauge, meter: RateMeter, *, is_full: bool, moment: int | None
    ) -> Iterator[Sighting]:
        now_us = self._now_us
        courtesy = self.is_courtesy(gauge)
        severity = meter.severity(now_us, is_full=is_full, blocks=self.acts >= Action.BLOCK)
        waits = moment is not None and moment > now_us
        if severity is Severity.INFO and not (is_full and self.acts >= Action.THROTTLE):
            return
        delay_us = moment - request.received_us if waits and is_full and moment is not None else 0
        retry_us = 0
        if moment is None and is_full and self.acts < Action.BLOCK:
            retry_us = max(1, meter.bucket.earliest(now_us) - now_us)
        subject = gauge.subject(request)
        says = meter.says(subject, severity, delay_us=delay_us, retry_us=retry_us, courtesy=courtesy)
        yield Sighting(
            rule=self.name,
            severity=Severity.INFO if courtesy else severity,
            says=says,
            advice="Slow the tool down to the limit, or give it fewer threads.",
            shown_by=head_of(request),
            reach=reach_of(request),
            delay_us=delay_us,
            retry_after_us=retry_us,
            group=gauge.group(request),
            calls_for=self.acts if is_full else Action.ALLOW if courtesy else Action.WARN,
        )


def _first_for_all(meters: Iterable[RateMeter], from_us: int) -> int:
    """The first moment that keeps all limits at once."""
    moment = from_us
    while True:
        later = max(meter.bucket.earliest(moment) for meter in meters)
        if later == moment:
            return moment
        moment = later
