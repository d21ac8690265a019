"""concurrency: how many requests are open at once."""

from __future__ import annotations

from collections.abc import Iterator

from fairwitness.model.exchange import Metered, Request
from fairwitness.model.flag import Severity, Sighting
from fairwitness.model.policy import Policy
from fairwitness.model.verdict import Action
from fairwitness.rules.judgement import MeterReading
from fairwitness.rules.limits import (
    MAX_WAITING,
    Gauge,
    LimitRule,
    four_fifths,
    limited,
)
from fairwitness.rules.words import head_of, reach_of

_OPEN = 10_000  # more open requests than any machine has sockets for: the oldest is then taken as ended

_Key = tuple[Metered, str, str]


class Concurrency(LimitRule):
    """Lets a request wait while as many as are allowed are open.

    A request is open from its release to its answer's last byte or its failure.
    """

    name = "concurrency"
    limit = "concurrent"
    summary = "more requests open at once than the limits allow, from 80 % on"

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._open: dict[str, tuple[_Key, ...]] = {}
        self._counts: dict[_Key, int] = {}
        self._waiting: dict[str, None] = {}

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """Say how many are open, this one included."""
        for gauge, key in self._keys(request):
            most = gauge.limits.concurrent or 0
            count = self._counts.get(key, 0) + 1
            if count >= four_fifths(most) or count > most:
                yield self._see(request, gauge, count=count, most=most)

    def has_slot(self, request: Request, now_us: int | None) -> bool:  # noqa: ARG002 - the hook's
        """Whether no meter is full; then the request counts as open from now on."""
        if request.exchange in self._open:
            return True
        keys = self._keys(request)
        if self.acts >= Action.THROTTLE:
            for gauge, key in keys:
                if self._counts.get(key, 0) >= (gauge.limits.concurrent or 0):
                    return False
        self._take(request, keys)
        return True

    def on_started(self, request: Request, time_us: int) -> None:  # noqa: ARG002 - the hook's
        """It is open, whether it asked for a slot or not."""
        if request.exchange not in self._open:
            self._take(request, self._keys(request))

    def on_ended(self, request: Request, time_us: int) -> None:  # noqa: ARG002 - the hook\'s
        """It is open no longer."""
        self._free(request.exchange)

    def on_gave_up(self, request: Request) -> None:
        """It will never be."""
        self._free(request.exchange)

    def readings(self, now_us: int) -> Iterator[MeterReading]:  # noqa: ARG002 - the hook's
        """Hosts and totals; endpoints are too many to show."""
        for metered, meters in limited(self.limits):
            for kind, meter in (("host", meters.per_host), ("total", meters.total)):
                if meter.concurrent is None:
                    continue
                for (of, what, key), used in self._counts.items():
                    if of is metered and what == kind:
                        yield MeterReading(
                            name=self.name,
                            host=key,
                            metered=metered,
                            used=used,
                            limit=meter.concurrent,
                            per="open",
                        )

    def _keys(self, request: Request) -> list[tuple[Gauge, _Key]]:
        gauges = self.gauges[request.metered]
        if not gauges:
            return []
        places = self.known.reading(request).places
        return [(gauge, (gauge.metered, gauge.kind, places[gauge.kind])) for gauge in gauges]

    def _see(self, request: Request, gauge: Gauge, *, count: int, most: int) -> Sighting:
        is_over = count > most
        waits = is_over and self.acts is Action.THROTTLE
        courtesy = self.is_courtesy(gauge)
        severity = Severity.STOP if is_over else Severity.CHECK
        crowd = waits and len(self._waiting) >= MAX_WAITING
        if waits and not crowd:
            self._waiting[request.exchange] = None
        whose = f"fairwitness keeps to {most} out of courtesy" if courtesy else f"the limit is {most}"
        return Sighting(
            rule=self.name,
            severity=Severity.INFO if courtesy else severity,
            says=f"{count} {gauge.subject(request)} open at once; {whose}",
            advice="Give the tool fewer threads.",
            shown_by=head_of(request),
            reach=reach_of(request),
            waits_for_slot=waits and not crowd,
            retry_after_us=1_000_000 if crowd else 0,
            group=gauge.group(request),
            calls_for=self.acts if is_over else None,
        )

    def _take(self, request: Request, keys: list[tuple[Gauge, _Key]]) -> None:
        self._waiting.pop(request.exchange, None)
        if not keys:
            return
        self._open[request.exchange] = tuple([key for _, key in keys])
        for _, key in keys:
            self._counts[key] = self._counts.get(key, 0) + 1
        if len(self._open) > _OPEN:
            self._free(next(iter(self._open)))

    def _free(self, exchange: str) -> None:
        self._waiting.pop(exchange, None)
        for key in self._open.pop(exchange, ()):
            self._counts[key] -= 1
            if self._counts[key] <= 0:
                del self._counts[key]
