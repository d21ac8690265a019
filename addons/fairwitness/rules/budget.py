"""budget: how many requests a day, or another long while."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fairwitness.model.exchange import Metered, Request
from fairwitness.model.flag import Severity, Sighting
from fairwitness.model.policy import Policy, Rate
from fairwitness.model.verdict import Action
from fairwitness.rules.bounded import Recent
from fairwitness.rules.judgement import MeterReading
from fairwitness.rules.limits import (
    ENDPOINTS,
    HOSTS,
    MAX_WAITING,
    Gauge,
    LimitRule,
    four_fifths,
    limited,
)
from fairwitness.rules.words import head_of, reach_of, span


@dataclass(slots=True)
class _Spent:
    window: int = 0
    count: int = 0


class Budget(LimitRule):
    """Blocks what is over the day's budget; no delay would mend that.

    Days are UTC days, hours full hours: the budget is whole again when the next one begins.
    """

    name = "budget"
    limit = "requests"
    summary = "more requests than the budget of the day, from 80 % on"

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._spent: dict[str, Recent[tuple[Metered, str], _Spent]] = {
            "endpoint": Recent(ENDPOINTS),
            "host": Recent(HOSTS),
            "total": Recent(2),
        }
        self._counted: Recent[str, tuple[tuple[_Spent, int], ...]] = Recent(2 * MAX_WAITING)

    @classmethod
    def action(cls, policy: Policy) -> Action:
        """Block, except where the policy wants no more than a warning."""
        action = super().action(policy)
        return Action.BLOCK if action is Action.THROTTLE else action

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """Count the request on its budgets."""
        counted: list[tuple[_Spent, int]] = []
        places = self.known.reading(request).places
        for gauge in self.gauges[request.metered]:
            budget = gauge.limits.requests
            assert budget is not None
            spent = self._spent[gauge.kind].get_or_make((gauge.metered, places[gauge.kind]), _Spent)
            window = max(spent.window, request.received_us // budget.per_us)
            if window != spent.window:
                spent.window, spent.count = window, 0
            spent.count += 1
            counted.append((spent, window))
            if spent.count >= four_fifths(budget.count) or spent.count > budget.count:
                yield self._see(request, gauge, budget, count=spent.count)
        if counted:
            self._counted.put(request.exchange, tuple(counted))

    def on_gave_up(self, request: Request) -> None:
        """Nothing left, so nothing was spent."""
        for spent, window in self._counted.pop(request.exchange) or ():
            if spent.window == window:
                spent.count -= 1

    def readings(self, now_us: int) -> Iterator[MeterReading]:
        """Hosts and totals; endpoints are too many to show."""
        for metered, meters in limited(self.limits):
            for kind, meter in (("host", meters.per_host), ("total", meters.total)):
                if meter.requests is None:
                    continue
                for (of, key), spent in self._spent[kind].items():
                    if of is metered:
                        is_now = spent.window == now_us // meter.requests.per_us
                        yield MeterReading(
                            name=self.name,
                            host=key,
                            metered=metered,
                            used=spent.count if is_now else 0,
                            limit=meter.requests.count,
                            per=span(meter.requests.per_us),
                        )

    def _see(self, request: Request, gauge: Gauge, budget: Rate, *, count: int) -> Sighting:
        is_over = count > budget.count
        courtesy = self.is_courtesy(gauge)
        severity = Severity.STOP if is_over else Severity.CHECK
        whose = "fairwitness keeps to" if courtesy else "the budget is"
        return Sighting(
            rule=self.name,
            severity=Severity.INFO if courtesy else severity,
            says=f"{count} {gauge.subject(request)} in this {span(budget.per_us)}; {whose} {budget}",
            advice="Stop here and go on when the next one begins, or ask the program for more.",
            shown_by=head_of(request),
            reach=reach_of(request),
            group=gauge.group(request),
            calls_for=self.acts if is_over else None,
        )
