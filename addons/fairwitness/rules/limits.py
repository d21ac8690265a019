"""What the three limit rules share: which meters a request counts on, and what the policy says of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from fairwitness.model.exchange import Metered, Request
from fairwitness.model.policy import Limits, Meter, MeterSet, Policy
from fairwitness.model.verdict import Action, Clause
from fairwitness.rules.endpoint import host_of, places_of
from fairwitness.rules.rule import Rule, line_of

MAX_WAIT_US = 60_000_000  # a client that waits longer has given up: it is told when to come back
MAX_WAITING = 1000  # requests that wait at once, all meters together
HOSTS = 1024  # hosts counted at once
ENDPOINTS = 2048  # endpoints counted at once


def four_fifths(limit: int) -> int:
    """From how many on a limit is near; never the first, or a limit of one would always be."""
    return max(2, -(-limit * 4 // 5))


@dataclass(frozen=True, slots=True)
class Gauge:
    """One meter of the policy."""

    metered: Metered
    kind: str
    """``host`` | ``endpoint`` | ``total``."""
    limits: Meter

    def group(self, request: Request) -> str:
        """What makes two offences the same: the meter, and for endpoints their host."""
        return f"{self.metered} {self.kind} {'*' if self.kind == 'total' else host_of(request)}"

    def subject(self, request: Request) -> str:
        """What is counted, for people."""
        kind = "page-made requests" if self.metered is Metered.BROWSING else "requests"
        return f"{kind} in total" if self.kind == "total" else f"{kind} to {places_of(request)[self.kind]}"


def limited(limits: Limits) -> Iterator[tuple[Metered, MeterSet]]:
    """Both kinds of traffic with their limits."""
    yield Metered.TESTING, limits.testing
    yield Metered.BROWSING, limits.browsing


class LimitRule(Rule):
    """A rule about how fast or how much: it acts without the program's sentence, request by request."""

    acts_without_says = True
    judges_afresh = True
    limit: ClassVar[str]
    """Which limit of a meter it watches: ``rate``, ``concurrent``, ``requests``."""

    def adopt(self, policy: Policy) -> None:
        """Follow a policy."""
        super().adopt(policy)
        self.limits = policy.limits
        self.acts = self.action(policy)
        self.gauges: dict[Metered, tuple[Gauge, ...]] = {Metered.FREE: ()}
        for metered, meters in limited(policy.limits):
            kinds = (("endpoint", meters.per_endpoint), ("host", meters.per_host), ("total", meters.total))
            self.gauges[metered] = tuple(
                Gauge(metered, kind, meter) for kind, meter in kinds if getattr(meter, self.limit) is not None
            )
        self._is_asked = self.clause(policy).says is not None

    @classmethod
    def action(cls, policy: Policy) -> Action:
        """The rule's own line where there is one, else ``limits.on_exceed``."""
        line = line_of(policy, cls.name)
        return policy.limits.on_exceed if line.clause.id.startswith("default:") else line.action

    @classmethod
    def clause(cls, policy: Policy) -> Clause:
        """The rule's own line where that has the program's sentence, else the limits'."""
        own = line_of(policy, cls.name).clause
        return own if own.says is not None else policy.limits.clause

    def is_courtesy(self, gauge: Gauge) -> bool:
        """Whether the program did not ask for this limit: keeping it is polite, passing it no offence."""
        return not self._is_asked or self.limit in gauge.limits.by_default
