"""How long the rules keep an exchange: all together, each alone, and where the other side wants it slow.

In this process and without a proxy.  Every number is of the processor's time: others may use the machine too.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median

from fairwitness.model.exchange import Exchange
from fairwitness.model.policy import Policy
from fairwitness.policy import read_policy, site_of
from fairwitness.rules import RULES, Knowledge, Rule, Runner
from fairwitness.testing.bench.cost import watched
from fairwitness.testing.bench.traffic import HOSTILE, ordinary

_ROUNDS = 3  # the least of them counts for each exchange: what a busy machine adds is not the rules'
_EACH = 150  # exchanges of each ordinary kind
_HOSTILE = 5
_POLICY = b"""
version: 1
program: {name: shop, policy_url: "http://shop.acme.test/policy", reviewed: 2026-11-23}
scope: {include: ["shop.acme.test:*"], load: [cdn.thirdparty.test]}
identify: {headers: {X-Bug-Bounty: tester}}
limits:
  testing:
    per_host: {rate: 5/s, burst: 30, concurrent: 8}
    per_endpoint: {rate: 5/s}
    total: {requests: 100000/day}
  browsing: {per_host: {rate: 50/s, burst: 300}}
"""


@dataclass(frozen=True, slots=True)
class Speed:
    """Microseconds that one kind of exchange takes, or one rule with all of them."""

    name: str
    median_us: float
    p99_us: float


@dataclass(frozen=True, slots=True)
class Slowed:
    """What a hostile exchange takes."""

    name: str
    half_us: float
    """One of half the size."""
    whole_us: float

    @property
    def growth(self) -> float:
        """2 where the cost is linear, less where it is bounded."""
        return self.whole_us / self.half_us


def the_policy() -> Policy:
    """A usual one: every rule has something to watch."""
    return read_policy(_POLICY, path="bench")


def speeds(policy: Policy) -> tuple[Speed, ...]:
    """``all rules`` first, then the kinds of exchanges, then each rule by itself, the dearest first.

    What all rules know in common is in the first, and stands by itself as ``known in common``.
    """
    with collector_quiet():
        whole = _least(partial(each_ns, policy))
        common = _least(partial(each_ns, policy, rules=()))
        alone = {rule.name: _least(partial(_alone_ns, policy, rule)) for rule in RULES}
    kinds: dict[str, list[int]] = {}
    for (kind, _), took_ns in zip(ordinary(_EACH), whole, strict=True):
        kinds.setdefault(kind, []).append(took_ns)
    return (
        _speed("all rules", whole),
        *(_speed(kind, each) for kind, each in kinds.items()),
        _speed("known in common", common),
        *sorted((_speed(name, each) for name, each in alone.items()), key=lambda speed: -speed.median_us),
    )


def slowed(policy: Policy) -> tuple[Slowed, ...]:
    """What each hostile exchange costs, of half and of its full size."""
    with collector_quiet():
        return tuple(
            Slowed(name, hostile_us(policy, make, full // 2), hostile_us(policy, make, full))
            for name, (full, make) in HOSTILE.items()
        )


def hostile_us(policy: Policy, make: Callable[[int], Exchange], size: int) -> float:
    """The median of a few such exchanges; nobody has seen any of their values before."""
    return median(each_ns(policy, [make(size) for _ in range(_HOSTILE)])) / 1000


def each_ns(
    policy: Policy, exchanges: Sequence[Exchange], *, rules: Sequence[type[Rule]] = RULES
) -> list[int]:
    """What each exchange takes, from its request to its answer, as live traffic asks the rules."""
    known = Knowledge(site_of=site_of)
    runner = Runner(policy, next_flag=1, now_us=0, known=known, rules=rules)
    return [_judge_ns(exchange, known, runner) for exchange in exchanges]


@contextmanager
def collector_quiet() -> Iterator[None]:
    """What stands in memory stays: the collector need not look at it again while we measure."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def _alone_ns(policy: Policy, rule: type[Rule], exchanges: Sequence[Exchange]) -> list[int]:
    """What one rule takes of each, without what all know in common."""
    spent = {rule.name: 0}
    known = Knowledge(site_of=site_of)
    runner = Runner(policy, next_flag=1, now_us=0, known=known, rules=(watched(rule, spent),))
    took = []
    for exchange in exchanges:
        before_ns = spent[rule.name]
        _judge_ns(exchange, known, runner)
        took.append(spent[rule.name] - before_ns)
    return took


def _judge_ns(exchange: Exchange, known: Knowledge, runner: Runner) -> int:
    began_ns = time.thread_time_ns()
    request = known.who(exchange.request, in_scope=True)
    runner.judge_request(request, in_scope=True)
    runner.started(request)
    ended = Exchange(request=request, response=exchange.response, ended_us=exchange.ended_us)
    runner.ended(request, time_us=ended.ended_us)
    known.learn(ended, in_scope=True)
    runner.judge_response(ended)
    return time.thread_time_ns() - began_ns


def _least(measure: Callable[[Sequence[Exchange]], list[int]]) -> list[int]:
    rounds = [measure([exchange for _, exchange in ordinary(_EACH)]) for _ in range(_ROUNDS)]
    return [min(each) for each in zip(*rounds, strict=True)]


def _speed(name: str, took_ns: Iterable[int]) -> Speed:
    ordered = sorted(took_ns)
    return Speed(name, median(ordered) / 1000, ordered[len(ordered) * 99 // 100] / 1000)
