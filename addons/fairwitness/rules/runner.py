"""Asks every rule, and makes one judgement of what they saw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from fairwitness.model.connection import Callers, Connection
from fairwitness.model.exchange import NO_EXCHANGE, Exchange, Request
from fairwitness.model.flag import Answer, Flag, PastFlag, Sighting
from fairwitness.model.message import Direction, Message
from fairwitness.model.policy import Policy
from fairwitness.model.verdict import Action, ScopeList
from fairwitness.rules import facets
from fairwitness.rules import subject as about
from fairwitness.rules.accounts import SignIn
from fairwitness.rules.approval import approval_for
from fairwitness.rules.asking import Asking, Hook
from fairwitness.rules.bounded import Recent
from fairwitness.rules.judgement import NOTHING_SEEN, Judgement, MeterReading
from fairwitness.rules.knowledge import Knowledge
from fairwitness.rules.ledger import Ledger
from fairwitness.rules.rule import Rule
from fairwitness.rules.ruling import Ruling, judgement_of, ruling_on
from fairwitness.rules.subject import Subject
from fairwitness.rules.terms import Terms, terms_of

_KNOWN = 20_000  # exchanges between request and response


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
        self._asking = Asking()
        self._in_scope: Recent[str, bool] = Recent(_KNOWN)
        self.adopt(policy)

    def adopt(self, policy: Policy) -> None:
        """Follow a changed policy; what was counted so far stays counted."""
        self._policy = policy
        rules: dict[type[Rule], Rule] = {}
        terms: dict[str, Terms] = {}
        for kind in self._kinds:
            adopted = self._asking.answer(kind.name, NO_EXCHANGE, None, self._adopted, kind)
            if adopted is not None:
                rules[kind], terms[kind.name] = adopted
        self._rules, self._terms = rules, terms
        self._asking.follow(rules)

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
        name, counts = self.known.name, self._asking.counts
        before = counts[name]
        self._asking.answer(name, NO_EXCHANGE, None, look)
        return counts[name] == before

    def blocked_again(self, request: Request, flags: Iterable[str]) -> None:
        """On replay: these flags have blocked the request, and so what came after it."""
        subject = about.of_request(request)
        for flag in flags:
            self._ledger.blocked_again(flag, subject)

    def end_replay(self) -> None:
        """All that is on record was seen."""
        self._ledger.end_replay()
        self._asking.fetch_failures()

    def at_start(self, now_us: int) -> tuple[Flag, ...]:
        """What the rules say before there is any traffic."""
        judgement = self._judge("at_start", lambda: about.of_start(now_us), (now_us,), in_scope=True)
        return judgement.new_flags

    def judge_dial(self, connection: Connection) -> Judgement:
        """Judge a dial before it is made."""
        return self._judge(
            "on_connection",
            lambda: about.of_dial(connection),
            (connection,),
            in_scope=connection.scope_list == ScopeList.INCLUDE,
            exchange=connection.connection,
        )

    def judge_callers(self, callers: Callers) -> Judgement:
        """Judge the connections of one client address; with hold or more the silent ones are to be closed."""
        return self._judge("on_callers", lambda: about.of_callers(callers), (callers,), in_scope=True)

    def who(self, request: Request, *, in_scope: bool) -> Request:
        """The request with who made it and whose account it carries; ask before it is judged.

        A bug there is one of a rule: the next judgement tells of it.  What is not known for that is taken
        strictly: a tool's request on the testing meter, of no account of the researcher's own.
        """
        ask = self._asking.of(self.known.name, request.exchange)
        return self.known.who(request, in_scope=in_scope, ask=ask)

    def judge_request(self, request: Request, *, in_scope: bool) -> Judgement:
        """Judge a request before anything of it leaves.

        One that is not to be released gives back what it has reserved; `gave_up` may be called as well.
        """
        self._in_scope.put(request.exchange, in_scope)
        judgement = self._judge(
            "on_request",
            lambda: about.of_request(request),
            (request,),
            in_scope=in_scope,
            exchange=request.exchange,
            facets=facets.of_request(request),
        )
        if judgement.action >= Action.BLOCK:
            self.gave_up(request)
            return judgement
        if not self._asking.hooks("has_slot", in_scope=in_scope):
            return judgement
        goes_now = judgement.action <= Action.WARN and not judgement.waits_for_slot
        if goes_now and self._has_slot(request, request.received_us, in_scope=in_scope):
            return judgement
        return replace(judgement, waits_for_slot=True)

    def learn(self, exchange: Exchange, *, in_scope: bool) -> SignIn | None:
        """Let what all rules know in common learn from an answer, before it is judged.

        A bug there is one of a rule: the next judgement tells of it.
        """
        ask = self._asking.of(self.known.name, exchange.request.exchange)
        return self.known.learn(exchange, in_scope=in_scope, ask=ask)

    def judge_response(self, exchange: Exchange) -> Judgement:
        """Judge a released request by its response or failure; nothing can be held back any more."""
        request = exchange.request
        return self._judge(
            "on_response",
            lambda: about.of_request(request, time_us=exchange.ended_us or request.received_us),
            (exchange,),
            in_scope=self._is_in_scope(request),
            exchange=request.exchange,
            facets=facets.of_exchange(exchange),
            is_over=True,
        )

    def judge_message(self, message: Message, request: Request) -> Judgement:
        """Judge a message; one that is sent can still be held back."""
        return self._judge(
            "on_message",
            lambda: about.of_request(request, time_us=message.time_us),
            (message, request),
            in_scope=self._is_in_scope(request),
            exchange=request.exchange,
            is_over=message.direction is Direction.RECEIVED,
        )

    def has_slot(self, request: Request, *, now_us: int | None = None) -> bool:
        """Whether the request may be released now as far as concurrency goes.

        Yes takes the slot, until `ended` or `gave_up`.  Ask right before the release, and again when
        another request has ended or a moment has passed.  With *now_us*, the real time of the release,
        a request that had to wait longer than its delay also keeps to the rates.
        """
        return self._has_slot(request, now_us, in_scope=self._is_in_scope(request))

    def _has_slot(self, request: Request, now_us: int | None, *, in_scope: bool) -> bool:
        for rule, hook in self._asking.hooks("has_slot", in_scope=in_scope):
            if self._is_lifted(rule, request.host, request.received_us):
                continue
            if not self._asking.answer(rule.name, request.exchange, True, hook, request, now_us):
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
        return tuple(self._asking.seen(rules, (now_us,), lambda _, reading: reading))

    def _adopted(self, kind: type[Rule]) -> tuple[Rule, Terms] | None:
        fresh = kind.for_policy(self._policy)
        if fresh is None:
            return None
        rule = self._rules.get(kind)
        if rule is not None:
            rule.adopt(self._policy)
        else:
            fresh.known = self.known
        return rule or fresh, terms_of(kind, self._policy)

    def _judge(
        self,
        hook: str,
        subject: Callable[[], Subject],
        seen: tuple[object, ...],
        *,
        in_scope: bool,
        exchange: str = NO_EXCHANGE,
        facets: int = facets.EVERY,
        is_over: bool = False,
    ) -> Judgement:
        """Ask the rules; *subject* is worked out only where there is something to say."""
        hooks: Sequence[tuple[Rule, Hook]] = self._asking.caring(hook, facets, in_scope=in_scope)
        if self._policy.approvals:  # a limit that was lifted in writing counts nothing and delays nothing
            host, time_us = subject().host, subject().time_us
            hooks = [
                (rule, look)
                for rule, look in hooks
                if not (rule.judges_afresh and self._is_lifted(rule, host, time_us))
            ]

        def take(rule: Rule, sighting: Sighting) -> Ruling:
            return ruling_on(
                rule, sighting, subject(), self._terms[rule.name], self._policy, self._ledger, is_over=is_over
            )

        rulings = self._asking.seen(hooks, seen, take, exchange=exchange)
        standing = None
        if self._ledger.has_blocks and not is_over and hook != "at_start":
            standing = self._ledger.standing_block(subject())
        if not rulings and standing is None and not self._asking.failures:
            return NOTHING_SEEN
        return judgement_of(rulings, standing, self._asking.fetch_failures())

    def _is_lifted(self, rule: Rule, host: str, time_us: int) -> bool:
        if not self._policy.approvals:
            return False
        return approval_for(self._policy, rule.name, host=host, time_us=time_us) is not None

    def _is_in_scope(self, request: Request) -> bool:
        return self._in_scope.get(request.exchange) is True

    def _tell(self, hook: str, request: Request, *more: object) -> None:
        for rule, tell in self._asking.hooks(hook, in_scope=self._is_in_scope(request)):
            self._asking.answer(rule.name, request.exchange, None, tell, request, *more)
