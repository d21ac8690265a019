"""What the three limit rules share: which meters a request counts on, and what the policy says of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fairwitness.model.exchange import Metered, Request
from fairwitness.model.policy import Limits, Meter, MeterSet, Policy
from fairwitness.model.verdict import Action, Clause
from fairwitness.rules.endpoint import endpoint_of
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
    """One meter that a request counts on."""

    metered: Metered
    kind: str
    """``host`` | ``endpoint`` | ``total``."""
    key: str
    host: str
    limits: Meter

    @property
    def group(self) -> str:
        """What makes two offences the same: the meter, and for endpoints their host."""
        return f"{self.metered} {self.kind} {self.host}"

    @property
    def subject(self) -> str:
        """What is counted, for people."""
        kind = "page-made requests" if self.metered is Metered.BROWSING else "requests"
        return f"{kind} in total" if self.kind == "total" else f"{kind} to {self.key}"


def gauges_of(limits: Limits, request: Request) -> Iterator[Gauge]:
    """The meters that a request counts on: its endpoint's, its host's and the total's."""
    if request.metered is Metered.FREE:
        return
    metered = request.metered
    meters = limits.browsing if metered is Metered.BROWSING else limits.testing
    host = request.host.lower()
    if meters.per_endpoint != _UNLIMITED:
        yield Gauge(metered, "endpoint", endpoint_of(request), host, meters.per_endpoint)
    if meters.per_host != _UNLIMITED:
        yield Gauge(metered, "host", host, host, meters.per_host)
    if meters.total != _UNLIMITED:
        yield Gauge(metered, "total", "*", "*", meters.total)


def limited(limits: Limits) -> Iterator[tuple[Metered, MeterSet]]:
    """Both kinds of traffic with their limits."""
    yield Metered.TESTING, limits.testing
    yield Metered.BROWSING, limits.browsing


def is_courtesy(limits: Limits, meter: Meter, limit: str) -> bool:
    """Whether the program did not ask for this limit: keeping it is politeness, passing it no offence."""
    return limits.is_courtesy or limit in meter.by_default


class LimitRule(Rule):
    """A rule about how fast or how much: it acts without the program's sentence, request by request."""

    acts_without_says = True
    judges_afresh = True

    def adopt(self, policy: Policy) -> None:
        """Follow a policy."""
        super().adopt(policy)
        self.limits = policy.limits
        self.acts = self.action(policy)

    @classmethod
    def action(cls, policy: Policy) -> Action:
        """``limits.on_exceed``, or the rule's own line where that is written and stricter."""
        line = line_of(policy, cls.name)
        if line.clause.id.startswith("default:"):
            return policy.limits.on_exceed
        return max(policy.limits.on_exceed, line.action)

    @classmethod
    def clause(cls, policy: Policy) -> Clause:
        """The limits' line, or the rule's own where only that has the program's sentence."""
        own = line_of(policy, cls.name).clause
        return own if policy.limits.is_courtesy and own.says else policy.limits.clause


_UNLIMITED = Meter()
