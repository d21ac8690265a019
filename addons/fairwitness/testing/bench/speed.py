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

from fairwitness.model.exchange import Exchange, Request
from fairwitness.model.policy import Policy
from fairwitness.policy import read_policy, site_of
from fairwitness.rules import RULES, Knowledge, Rule, Runner
from fairwitness.rules.knowledge import Ask, straight
from fairwitness.testing.bench.cost import HOOKS, watched
from fairwitness.testing.bench.traffic import HOSTILE, ordinary

_Took = tuple[int, int]
"""Nanoseconds before the request is released, and after its answer has passed."""

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
    """``all rules`` first, its two halves, the kinds of exchanges, then each rule, the dearest first.

    What all rules know in common is in the first, and stands by itself as ``known in common``; ``asking
    alone`` is the floor: as many rules with the same hooks that do nothing.
    """
    idle = tuple(_idle(rule) for rule in RULES)
    with collector_quiet():
        whole = _least(partial(_each_took, policy, Knowledge, RULES))
        floor = _least(partial(_each_took, policy, _Unknowing, idle))
        common = _least(partial(_each_took, policy, Knowledge, ()))
        alone = {rule.name: _least(partial(_alone_took, policy, rule)) for rule in RULES}
    kinds: dict[str, list[_Took]] = {}
    for (kind, _), took in zip(ordinary(_EACH), whole, strict=True):
        kinds.setdefault(kind, []).append(took)
    return (
        _speed("all rules", [sum(each) for each in whole]),
        _speed("before a request is released", [before for before, _ in whole]),
        _speed("after its answer has passed", [after for _, after in whole]),
        *(_speed(f"all rules: {kind}", [sum(each) for each in took]) for kind, took in kinds.items()),
        _speed("asking alone", [sum(each) for each in floor]),
        _speed("known in common", [sum(each) for each in common]),
        *sorted(
            (_speed(name, [sum(each) for each in took]) for name, took in alone.items()),
            key=lambda speed: -speed.median_us,
        ),
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


def each_ns(policy: Policy, exchanges: Sequence[Exchange]) -> list[int]:
    """What each exchange takes, from its request to its answer, as live traffic asks the rules."""
    return [sum(took) for took in _each_took(policy, Knowledge, RULES, exchanges)]


@contextmanager
def collector_quiet() -> Iterator[None]:
    """What stands in memory stays: the collector need not look at it again while we measure."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def _each_took(
    policy: Policy, knowing: type[Knowledge], rules: Sequence[type[Rule]], exchanges: Sequence[Exchange]
) -> list[_Took]:
    runner = Runner(policy, next_flag=1, now_us=0, known=knowing(site_of=site_of), rules=rules)
    return [_judge(exchange, runner) for exchange in exchanges]


def _alone_took(policy: Policy, rule: type[Rule], exchanges: Sequence[Exchange]) -> list[_Took]:
    """What one rule takes of each, without what all know in common."""
    spent = {rule.name: 0}
    runner = Runner(
        policy, next_flag=1, now_us=0, known=Knowledge(site_of=site_of), rules=(watched(rule, spent),)
    )
    took = []
    for exchange in exchanges:
        began_ns = spent[rule.name]
        request = _ask(exchange, runner)
        asked_ns = spent[rule.name]
        _end(exchange, request, runner)
        took.append((asked_ns - began_ns, spent[rule.name] - asked_ns))
    return took


def _judge(exchange: Exchange, runner: Runner) -> _Took:
    began_ns = time.thread_time_ns()
    request = _ask(exchange, runner)
    asked_ns = time.thread_time_ns()
    _end(exchange, request, runner)
    return asked_ns - began_ns, time.thread_time_ns() - asked_ns


def _ask(exchange: Exchange, runner: Runner) -> Request:
    """What delays a request: all that the conductor asks the rules before it writes and releases it."""
    request = runner.who(exchange.request, in_scope=True)
    runner.judge_request(request, in_scope=True)
    runner.started(request)
    return request


def _end(exchange: Exchange, request: Request, runner: Runner) -> None:
    """What comes when all bytes of the answer's body have passed."""
    ended = Exchange(request=request, response=exchange.response, ended_us=exchange.ended_us)
    runner.ended(request, time_us=ended.ended_us)
    runner.learn(ended, in_scope=True)
    runner.judge_response(ended)


class _Unknowing(Knowledge):
    """Knows nothing: what is left is the cost of asking."""

    def who(self, request: Request, *, in_scope: bool, ask: Ask = straight) -> Request:  # noqa: ARG002
        return request

    def learn(self, exchange: Exchange, *, in_scope: bool, ask: Ask = straight) -> None:  # noqa: ARG002
        return None


def _idle(rule: type[Rule]) -> type[Rule]:
    """As many hooks, and nothing in them."""
    nothing: dict[str, object] = {
        hook: (lambda *_: True) if hook == "has_slot" else (lambda *_: ())
        for hook in HOOKS
        if getattr(rule, hook) is not getattr(Rule, hook)
    }
    same = {name: getattr(rule, name) for name in ("name", "summary", "where", "requests", "answers")}
    return type(f"Idle{rule.__name__}", (Rule,), same | nothing)


def _least(measure: Callable[[Sequence[Exchange]], list[_Took]]) -> list[_Took]:
    rounds = [measure([exchange for _, exchange in ordinary(_EACH)]) for _ in range(_ROUNDS)]
    return [
        (min(before for before, _ in each), min(after for _, after in each))
        for each in zip(*rounds, strict=True)
    ]


def _speed(name: str, took_ns: Iterable[int]) -> Speed:
    ordered = sorted(took_ns)
    return Speed(name, median(ordered) / 1000, ordered[len(ordered) * 99 // 100] / 1000)
