"""Asks every rule, and makes one judgement of what they saw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any, TypeVar

from fairwitness.model.exchange import NO_EXCHANGE, Callers, Connection, Direction, Exchange, Message, Request
from fairwitness.model.flag import Answer, Flag, PastFlag, Sighting
from fairwitness.model.policy import Policy
from fairwitness.model.verdict import Action, ScopeList
from fairwitness.rules import subject as about
from fairwitness.rules.accounts import SignIn
from fairwitness.rules.approval import approval_for
from fairwitness.rules.bounded import Recent
from fairwitness.rules.judgement import NOTHING_SEEN, Judgement, MeterReading, RuleFailure
from fairwitness.rules.knowledge import Knowledge
from fairwitness.rules.ledger import Ledger
from fairwitness.rules.rule import Rule
from fairwitness.rules.ruling import Ruling, judgement_of
from fairwitness.rules.subject import Subject
from fairwitness.rules.terms import Terms, action_for, terms_of

_KNOWN = 20_000  # exchanges between request and response

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

_PLAIN = frozenset({"on_started", "on_ended", "on_gave_up", "has_slot"})  # these answer, they do not yield

_Hook = Callable[..., Any]
_R = TypeVar("_R", Rule, type[Rule], Knowledge)
_T = TypeVar("_T")


class Runner:
    """Runs the rules that the policy gives something to watch.

    A class, because rules count from exchange to exchange.  All times are those of the exchanges: the
    same traffic gives the same judgements, live or from a recording.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        next_flag: int,
        now_us: int,  # noqa: ARG002 - the conductor's signature; rules know the exchanges' times only
        known: Knowledge | None = None,
        rules: Sequence[type[Rule]] | None = None,
    ) -> None:
        if rules is None:
            from fairwitness.rules import RULES  # not at the top: the registry imports this file

            rules = RULES
        self._kinds = tuple(rules)
        self.known = known or Knowledge()
        """What all rules know in common."""
        self._rules: dict[type[Rule], Rule] = {}
        self._ledger = Ledger(next_flag)
        self._failures: list[RuleFailure] = []
        self._in_scope: Recent[str, bool] = Recent(_KNOWN)
        self.adopt(policy)

    def adopt(self, policy: Policy) -> None:
        """Follow a changed policy; what was counted so far stays counted."""
        self._policy = policy
        rules: dict[type[Rule], Rule] = {}
        terms: dict[str, Terms] = {}
        for kind in self._kinds:
            for rule, its_terms in self._run([(kind, self._adopted)], _of_none, (kind,), _as_it_is):
                rules[kind] = rule
                terms[kind.name] = its_terms
        self._rules, self._terms = rules, terms
        self._hooks = {
            (hook, in_scope): self._overriding(hook, in_scope=in_scope)
            for hook in _HOOKS
            for in_scope in (True, False)
        }

    @property
    def flags(self) -> tuple[Flag, ...]:
        """The session's flags, the oldest first."""
        return self._ledger.flags

    def begin_replay(self, past: Iterable[PastFlag]) -> None:
        """From now on the rules see again what they saw before a restart; no flag is new.

        Args:
            past: The flags whose offences may go on; of one offence the oldest first.
        """
        self._ledger.begin_replay(past)

    def see_again(self, look: Callable[[], None]) -> bool:
        """Take one exchange of the replay; false where a bug came between, which ends no start."""
        return bool(self._run([(self.known, _as_steps(look))], _of_none, (), _as_it_is))

    def blocked_again(self, request: Request, flags: Iterable[str]) -> None:
        """On replay: these flags have blocked the request, and so what came after it."""
        subject = about.of_request(request)
        for flag in flags:
            self._ledger.blocked_again(flag, subject)

    def end_replay(self) -> None:
        """All that is on record was seen."""
        self._ledger.end_replay()
        self._failures = []

    def at_start(self, now_us: int) -> tuple[Flag, ...]:
        """What the rules say before there is any traffic."""
        judgement = self._judge("at_start", lambda: about.of_start(now_us), (now_us,), in_scope=True)
        return judgement.new_flags

    def judge_dial(self, connection: Connection) -> Judgement:
        """Judge a dial before it is made."""
        in_scope = connection.scope_list == ScopeList.INCLUDE
        return self._judge(
            "on_connection", lambda: about.of_dial(connection), (connection,), in_scope=in_scope
        )

    def judge_callers(self, callers: Callers) -> Judgement:
        """Judge the connections of one client address; with hold or more the silent ones are to be closed."""
        return self._judge("on_callers", lambda: about.of_callers(callers), (callers,), in_scope=True)

    def judge_request(self, request: Request, *, in_scope: bool) -> Judgement:
        """Judge a request before anything of it leaves.

        One that is not to be released gives back what it has reserved; `gave_up` may be called as well.
        """
        self._in_scope.put(request.exchange, in_scope)
        judgement = self._judge(
            "on_request", lambda: about.of_request(request), (request,), in_scope=in_scope
        )
        if judgement.action >= Action.BLOCK:
            self.gave_up(request)
            return judgement
        if not self._hooks["has_slot", in_scope]:
            return judgement
        goes_now = judgement.action <= Action.WARN and not judgement.waits_for_slot
        if goes_now and self.has_slot(request, now_us=request.received_us):
            return judgement
        return replace(judgement, waits_for_slot=True)

    def learn(self, exchange: Exchange, *, in_scope: bool) -> SignIn | None:
        """Let what all rules know in common learn from an answer, before it is judged.

        A bug there is one of a rule: the next judgement tells of it.
        """
        lessons = [(self.known, _as_steps(lesson)) for lesson in self.known.lessons(in_scope=in_scope)]
        found = self._run(lessons, lambda: exchange.request.exchange, (exchange,), _as_it_is)
        return found[-1] if found else None

    def judge_response(self, exchange: Exchange) -> Judgement:
        """Judge a released request by its response or failure; nothing can be held back any more."""
        request = exchange.request
        in_scope = self._in_scope.get(request.exchange) is True
        if not self._hooks["on_response", in_scope] and not self._failures:
            return NOTHING_SEEN
        time_us = exchange.ended_us or request.received_us
        return self._judge(
            "on_response",
            lambda: about.of_request(request, time_us=time_us),
            (exchange,),
            in_scope=in_scope,
            is_over=True,
        )

    def judge_message(self, message: Message, request: Request) -> Judgement:
        """Judge a message; one that is sent can still be held back."""
        is_over = message.direction is Direction.RECEIVED
        in_scope = self._in_scope.get(request.exchange) is True
        return self._judge(
            "on_message",
            lambda: about.of_request(request, time_us=message.time_us),
            (message, request),
            in_scope=in_scope,
            is_over=is_over,
        )

    def has_slot(self, request: Request, *, now_us: int | None = None) -> bool:
        """Whether the request may be released now as far as concurrency goes.

        Yes takes the slot, until `ended` or `gave_up`.  Ask right before the release, and again when
        another request has ended or a moment has passed.  With *now_us*, the real time of the release,
        a request that had to wait longer than its delay also keeps to the rates.
        """
        in_scope = self._in_scope.get(request.exchange) is True
        for asked in self._hooks["has_slot", in_scope]:
            if self._is_lifted(asked[0], request.host, request.received_us):
                continue
            if not all(self._run([asked], lambda: request.exchange, (request, now_us), _as_it_is)):
                return False
        return True

    def started(self, request: Request, *, time_us: int | None = None) -> None:
        """It was released, by the rules or by the researcher; at once where no time is given."""
        self._ledger.released(request.exchange)
        self._tell("on_started", request, request.received_us if time_us is None else time_us)

    def ended(self, request: Request, *, time_us: int) -> None:
        """Its answer's last byte came, or it failed."""
        self._tell("on_ended", request, time_us)

    def gave_up(self, request: Request) -> None:
        """It was never released: blocked, denied, or its client left."""
        self._tell("on_gave_up", request)

    def answer(self, answer: Answer) -> None:
        """Take the researcher's answer to a flag; its blocks end at once."""
        self._ledger.answer(answer)

    def meters(self, now_us: int) -> tuple[MeterReading, ...]:
        """How far the meters are used."""
        rules = [(rule, rule.readings) for rule in self._rules.values()]
        return tuple(self._run(rules, _of_none, (now_us,), _as_it_is))

    def _adopted(self, kind: type[Rule]) -> Iterator[tuple[Rule, Terms]]:
        fresh = kind.for_policy(self._policy)
        if fresh is None:
            return
        rule = self._rules.get(kind)
        if rule is not None:
            rule.adopt(self._policy)
        else:
            fresh.known = self.known
        yield rule or fresh, terms_of(kind, self._policy)

    def _overriding(self, hook: str, *, in_scope: bool) -> tuple[tuple[Rule, _Hook], ...]:
        told = (
            (rule, getattr(rule, hook))
            for kind, rule in self._rules.items()
            if getattr(kind, hook) is not getattr(Rule, hook)
            and (kind.where.covers(in_scope=in_scope) or hook in _REGARDLESS)
        )
        return tuple((rule, _as_steps(call) if hook in _PLAIN else call) for rule, call in told)

    def _judge(
        self,
        hook: str,
        subject: Callable[[], Subject],
        seen: tuple[object, ...],
        *,
        in_scope: bool,
        is_over: bool = False,
    ) -> Judgement:
        """Ask the rules; *subject* is worked out only where there is something to say."""
        hooks: Sequence[tuple[Rule, _Hook]] = self._hooks[hook, in_scope]
        if self._policy.approvals:  # a limit that was lifted in writing counts nothing and delays nothing
            host, time_us = subject().host, subject().time_us
            hooks = [
                (rule, look)
                for rule, look in hooks
                if not (rule.judges_afresh and self._is_lifted(rule, host, time_us))
            ]
        rulings = self._run(
            hooks,
            lambda: subject().exchange,
            seen,
            lambda rule, sighting: self._rule_on(rule, sighting, subject(), is_over=is_over),
        )
        standing = None if is_over or hook == "at_start" else self._ledger.standing_block(subject())
        if not rulings and standing is None and not self._failures:
            return NOTHING_SEEN
        failures, self._failures = tuple(self._failures), []
        return judgement_of(rulings, standing, failures)

    def _run(
        self,
        hooks: Iterable[tuple[_R, _Hook]],
        exchange: Callable[[], str],
        given: tuple[object, ...],
        take: Callable[[_R, Any], _T],
    ) -> list[_T]:
        """What is taken of each hook's steps, up to where it fails: only here a rule's code runs."""
        taken: list[_T] = []
        for rule, hook in hooks:
            try:
                for step in hook(*given):
                    taken.append(take(rule, step))  # noqa: PERF401 - what was seen before a failure counts
            except Exception as error:  # noqa: BLE001 - a bug in one rule stops neither the others nor the traffic
                if len(self._failures) < _FAILURES:
                    self._failures.append(RuleFailure(rule.name, exchange(), _place_of(error)))
        return taken

    def _rule_on(self, rule: Rule, sighting: Sighting, subject: Subject, *, is_over: bool) -> Ruling:
        terms = self._terms[rule.name]
        action = action_for(sighting, terms, posture=self._policy.posture)
        clause = terms.clause
        says = sighting.says
        if subject.is_page_made:
            says = f"made by the page {subject.page or '(unknown)'}: {says}"
        approval = approval_for(self._policy, rule.name, host=subject.host, time_us=subject.time_us)
        if approval is not None:
            action, clause = Action.ALLOW, approval.clause
            says = f"{says}; allowed in writing, as the researcher states"
        if is_over and action in {Action.THROTTLE, Action.HOLD}:
            action = Action.WARN  # it has happened: there is nothing left to delay or to hold
        dismissed = None if rule.judges_afresh else self._ledger.dismissed(rule.name, sighting, subject)
        if dismissed is not None:
            return Ruling(dismissed, False, Action.ALLOW, clause, sighting, says)
        let = self._ledger.let(rule.name, sighting, subject) if action is Action.HOLD else None
        if let is not None:
            return Ruling(let, False, Action.ALLOW, clause, sighting, says)
        stands = action is Action.BLOCK and not (rule.judges_afresh or sighting.retry_after_us)
        flag, is_new = self._ledger.record(
            rule.name, sighting, subject, action=action, clause=clause, says=says, stands=stands
        )
        if stands:
            self._ledger.block(flag, subject)
        if action is Action.HOLD:
            self._ledger.hold(flag, sighting, subject)
        return Ruling(flag, is_new, action, clause, sighting, says)

    def _is_lifted(self, rule: Rule, host: str, time_us: int) -> bool:
        if not self._policy.approvals:
            return False
        return approval_for(self._policy, rule.name, host=host, time_us=time_us) is not None

    def _tell(self, hook: str, request: Request, *more: object) -> None:
        in_scope = self._in_scope.get(request.exchange) is True
        self._run(self._hooks[hook, in_scope], lambda: request.exchange, (request, *more), _as_it_is)


def _of_none() -> str:
    return NO_EXCHANGE


def _as_it_is(_: object, step: _T) -> _T:
    return step


def _as_steps(hook: _Hook) -> _Hook:
    """A hook that answers once, as one that yields."""
    return lambda *given: (hook(*given),)


def _place_of(error: Exception) -> str:
    """Kind and place; never the message, which may quote the traffic."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    return f"{type(error).__name__} in {PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
