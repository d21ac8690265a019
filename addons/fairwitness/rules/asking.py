"""Asks the rules: the only place where a rule's code runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import PurePath
from typing import Any, Protocol, TypeVar

from fairwitness.model.exchange import NO_EXCHANGE
from fairwitness.rules.facets import EVERY
from fairwitness.rules.judgement import RuleFailure
from fairwitness.rules.knowledge import Ask
from fairwitness.rules.rule import Rule

_FAILURES = 100  # kept until the next judgement carries them to the log

_HOOKS = (
    "at_start",
    "on_connection",
    "on_callers",
    "on_request",
    "on_response",
    "on_message",
    "on_started",
    "on_ended",
    "on_gave_up",
    "has_slot",
)

_REGARDLESS = frozenset(
    {"at_start", "on_callers", "on_ended", "on_gave_up"}
)  # of scope: who began to count must hear the end

Hook = Callable[..., Any]
_T = TypeVar("_T")


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_N = TypeVar("_N", bound=_Named)


class Asking:
    """Which rules are asked when, and what came of it.

    A class, because bugs in rules are kept until a judgement tells of them.
    """

    def __init__(self) -> None:
        self.failures: list[RuleFailure] = []
        """Bugs that no judgement has told of yet."""
        self.counts: Counter[str] = Counter()
        """How many bugs each name has had."""
        self._hooks: dict[tuple[str, bool], tuple[tuple[Rule, Hook], ...]] = {}
        self._caring: dict[tuple[str, bool, int], tuple[tuple[Rule, Hook], ...]] = {}

    def follow(self, rules: Mapping[type[Rule], Rule]) -> None:
        """From now on these rules are asked, in this order."""
        self._hooks = {
            (hook, in_scope): _overriding(rules, hook, in_scope=in_scope)
            for hook in _HOOKS
            for in_scope in (True, False)
        }
        self._caring = {}

    def hooks(self, hook: str, *, in_scope: bool) -> tuple[tuple[Rule, Hook], ...]:
        """The rules that have this hook, for requests that are in scope or not."""
        return self._hooks[hook, in_scope]

    def caring(self, hook: str, facets: int, *, in_scope: bool) -> tuple[tuple[Rule, Hook], ...]:
        """Those of them that care for exchanges of these facets."""
        key = (hook, in_scope, facets)
        found = self._caring.get(key)
        if found is None:
            found = self._caring[key] = tuple(
                (rule, look) for rule, look in self._hooks[hook, in_scope] if _wanted(rule, hook) & facets
            )
        return found

    def seen(
        self,
        hooks: Iterable[tuple[_N, Hook]],
        given: tuple[object, ...],
        take: Callable[[_N, Any], _T],
        *,
        exchange: str = NO_EXCHANGE,
    ) -> list[_T]:
        """What is taken of all that the hooks yield, of each up to where it fails."""
        taken: list[_T] = []
        for rule, hook in hooks:
            try:
                for each in hook(*given):
                    taken.append(take(rule, each))  # noqa: PERF401 - what was seen before a failure counts
            except Exception as error:  # noqa: BLE001 - a bug in one rule stops neither the others nor the traffic
                self._failed(rule.name, exchange, error)
        return taken

    def answer(
        self,
        name: str,
        exchange: str,
        otherwise: _T,
        question: Callable[..., _T],
        /,
        *given: object,
        **more: object,
    ) -> _T:
        """What one question is answered; *otherwise* where it fails."""
        try:
            return question(*given, **more)
        except Exception as error:  # noqa: BLE001 - see `seen`
            self._failed(name, exchange, error)
            return otherwise

    def of(self, name: str, exchange: str) -> Ask:
        """`answer`, for all questions that one asks about an exchange."""
        return partial(self.answer, name, exchange)

    def fetch_failures(self) -> tuple[RuleFailure, ...]:
        """The bugs that nobody was told of yet."""
        failures, self.failures = tuple(self.failures), []
        return failures

    def _failed(self, name: str, exchange: str, error: Exception) -> None:
        self.counts[name] += 1
        if len(self.failures) < _FAILURES:
            self.failures.append(RuleFailure(name, exchange, _place_of(error)))


def _overriding(
    rules: Mapping[type[Rule], Rule], hook: str, *, in_scope: bool
) -> tuple[tuple[Rule, Hook], ...]:
    return tuple(
        (rule, getattr(rule, hook))
        for kind, rule in rules.items()
        if getattr(kind, hook) is not getattr(Rule, hook)
        and (kind.where.covers(in_scope=in_scope) or hook in _REGARDLESS)
    )


def _wanted(rule: Rule, hook: str) -> int:
    return {"on_request": rule.requests, "on_response": rule.answers}.get(hook, EVERY)


def _place_of(error: Exception) -> str:
    """Kind and place; never the message, which may quote the traffic."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    return f"{type(error).__name__} in {PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
