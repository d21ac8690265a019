"""What judging costs: microseconds an exchange, for each rule alone and for all together.

In this process and without a proxy, so that nothing else is in the number.  What rules
share, such as the reading of a request, is paid by the first that asks for it.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fairwitness.model.exchange import Exchange
from fairwitness.model.policy import Policy
from fairwitness.model.recording import Asked, Ended, Moment
from fairwitness.policy import Scope, site_of
from fairwitness.rules import RULES, Knowledge, Rule, Runner
from fairwitness.rules.testing import NOON_US, make_exchange, make_request
from fairwitness.testing.bench.truth import Recordings, moments

GOAL_US = 100
_ROUNDS = 2  # the least of them counts: what a busy machine adds is not the rules'
_ORDINARY = 2_000
HOOKS = ("on_request", "on_response", "on_message", "on_started", "on_ended", "on_gave_up", "has_slot")
_GAP_US = 400_000  # under every limit: the ordinary case is that no rule speaks
_HEAD = (
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36"),
    (b"accept", b"application/json, text/plain, */*"),
    (b"accept-language", b"en-US,en;q=0.9"),
    (b"sec-fetch-site", b"same-origin"),
    (b"sec-fetch-mode", b"cors"),
    (b"sec-fetch-dest", b"empty"),
    (b"referer", b"https://shop.acme.test/"),
    (b"cookie", b"sid=0f8fad5bd9cb469fa165708671218c43; theme=dark"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one rule, or of all."""

    name: str
    recorded_us: float | None
    """An exchange of the recordings; None without recordings."""
    ordinary_us: float
    """An exchange of 1 KB JSON in each direction."""


def costs(recordings: Recordings | None, policy: Policy, *, ordinary: int = _ORDINARY) -> tuple[Cost, ...]:
    """``all rules`` first, then what they know in common, then each rule, the dearest first.

    Args:
        recordings: What was recorded, where it is at hand.
        policy: What is judged by, where nothing was recorded.
        ordinary: Exchanges of the ordinary session; few make the numbers rough.
    """
    recorded = [list(moments(each.path)) for each in recordings.truths] if recordings else []
    gc.collect()
    gc.freeze()  # what was read stays: the collector need not look at it again while we measure
    given = recordings.policy if recordings else policy
    sides = [_side_us(given, sessions) for sessions in (recorded, [list(_ordinary(ordinary))])]
    gc.unfreeze()
    of_recorded, of_ordinary = sides
    each = [Cost(name, of_recorded.get(name), of_ordinary[name]) for name in of_ordinary]
    return (*each[:2], *sorted(each[2:], key=lambda cost: -(cost.recorded_us or cost.ordinary_us)))


def _side_us(policy: Policy, sessions: Sequence[Sequence[Moment]]) -> dict[str, float]:
    """Microseconds an exchange by name; nothing without sessions."""
    count = sum(isinstance(moment, Asked) for session in sessions for moment in session)
    if not count:
        return {}
    spent = dict.fromkeys((rule.name for rule in RULES), 0)
    timed = tuple(watched(rule, spent) for rule in RULES)
    whole = min(_once_ns(policy, sessions, RULES) for _ in range(_ROUNDS))
    base = min(_once_ns(policy, sessions, ()) for _ in range(_ROUNDS))
    _once_ns(policy, sessions, timed)
    taken = {"all rules": whole - base, "known in common": base, **spent}
    return {name: max(0, ns) / 1000 / count for name, ns in taken.items()}


def watched(rule: type[Rule], spent: dict[str, int]) -> type[Rule]:
    """The rule, with a watch at each of its hooks."""

    def timing(hook: Callable[..., Any]) -> Callable[..., Any]:
        def told(*given: object) -> object:
            began_ns = time.thread_time_ns()
            answer = hook(*given)
            steps = list(answer) if isinstance(answer, Iterable) else answer
            spent[rule.name] += time.thread_time_ns() - began_ns
            return steps

        return told

    theirs = {hook: getattr(rule, hook) for hook in HOOKS if getattr(rule, hook) is not getattr(Rule, hook)}
    return type(rule.__name__, (rule,), {name: timing(hook) for name, hook in theirs.items()})


def _once_ns(policy: Policy, sessions: Iterable[Sequence[Moment]], rules: Sequence[type[Rule]]) -> int:
    """The processor's time, not the clock's: others may use the machine too."""
    took_ns = 0
    scope = Scope(policy)
    for session in sessions:
        runner = Runner(policy, next_flag=1, now_us=0, known=Knowledge(site_of=site_of), rules=rules)
        asked = {
            each.position: scope.decide(each.request.destinations).is_released
            for each in session
            if isinstance(each, Asked)
        }
        began_ns = time.thread_time_ns()
        _judge(session, asked, runner)
        took_ns += time.thread_time_ns() - began_ns
    return took_ns


def _judge(session: Iterable[Moment], asked: dict[int, bool], runner: Runner) -> None:
    """Ask the rules what live traffic asks them."""
    requests = {}
    for moment in session:
        if not asked.get(moment.position):
            continue
        if isinstance(moment, Asked):
            request = runner.who(moment.request, in_scope=True)
            requests[moment.position] = request
            runner.judge_request(request, in_scope=True)
            runner.started(request)
        elif isinstance(moment, Ended):
            request = requests.pop(moment.position)
            was = moment.exchange
            exchange = Exchange(
                request=request, response=was.response, failure=was.failure, ended_us=was.ended_us
            )
            runner.ended(request, time_us=exchange.ended_us)
            runner.learn(exchange, in_scope=True)
            runner.judge_response(exchange)


def _ordinary(count: int) -> Iterator[Moment]:
    """What an application asks all day: lists and events in JSON, 1 KB each way."""
    items = json.dumps({"items": [{"sku": f"A-{i}", "title": "red mug", "price": 4.5} for i in range(20)]})
    sent = json.dumps({"events": [{"kind": "view", "page": "/products", "ms": 120} for _ in range(20)]})
    for i in range(1, count + 1):
        is_list = i % 2
        request = make_request(
            f"https://shop.acme.test/api/items?page={i % 10}&sort=price"
            if is_list
            else "https://shop.acme.test/api/events",
            at_us=NOON_US + i * _GAP_US,
            method="GET" if is_list else "POST",
            headers=_HEAD if is_list else (*_HEAD, (b"content-type", b"application/json")),
            body=b"" if is_list else sent.encode(),
        )
        answer = make_exchange(
            request, headers=((b"content-type", b"application/json"),), body=items.encode()
        )
        yield Asked(i, request, False)
        yield Ended(i, answer, True)
