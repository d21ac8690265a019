"""Takes one exchange from the question to the answer: ask, write, release, look, write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from fairwitness.detect import shape_of
from fairwitness.errors import EvidenceError
from fairwitness.evidence import BodyWriter
from fairwitness.model.event import Blocked, ExchangeEnded
from fairwitness.model.exchange import NO_EXCHANGE, Destination, Exchange, Request, Response
from fairwitness.model.message import Direction
from fairwitness.model.policy import Identify
from fairwitness.model.verdict import Action, ScopeList, Verdict
from fairwitness.witness.asked import Asked, keep_of
from fairwitness.witness.combine import combine
from fairwitness.witness.crowd import Crowd
from fairwitness.witness.gate import GateState
from fairwitness.witness.steering import Steering


class Witness(Steering):
    """The conductor of one session.

    A class, because it alone knows the gate, the policy in force, the counters and the log together.
    All methods run on the loop's thread.
    """

    # The gate

    @property
    def evidence(self) -> str:
        """The evidence folder."""
        return str(self._log.folder)

    @property
    def is_open(self) -> bool:
        """Whether anything may leave."""
        return self._gate.is_open

    @property
    def is_closed(self) -> bool:
        """Whether nothing will leave any more in this run."""
        return self._gate.state is GateState.CLOSED

    @property
    def gate_reason(self) -> str:
        """Why the gate is not open."""
        return self._gate.reason

    def now_us(self) -> int:
        """The session's time."""
        return self._keeper.now_us()

    def open_gate(self) -> None:
        """The start is complete: let out what is allowed.

        Raises:
            EvidenceError: The start could not be recorded.
        """
        for sentence in self._log.recovered:
            self._keeper.warn("recovered", sentence)
        self._keeper.record_flags(self._runner.at_start(self.now_us()))
        self._keeper.record_now(lambda: None)
        self._gate.open()
        self._keeper.warn("gate-open", "")

    def close_gate(self, reason: str) -> None:
        """Let nothing out any more, and say so loudly."""
        if self._gate.close(reason):
            self._patience.holds.deny_all()
            self._keeper.warn("gate-closed", reason)
            self._keeper.note(f"the gate was closed: {reason}")

    def fault(self, hook: str, error: str) -> None:
        """A hook has failed; what it worked on is blocked already.  Too many close the gate."""
        self._keeper.incident(f"bug in {hook}: {error}; its traffic was blocked")
        if self._gate.fault(hook, now_us=self.now_us()):
            self.close_gate(f"{hook} failed three times within a minute: {error}")

    def store_failed(self, error: EvidenceError) -> None:
        """The store has failed under a hook; what it worked on is blocked already."""
        self._keeper.failed(error)

    def incident(self, text: str, *, exchange: str = NO_EXCHANGE) -> None:
        """Something below us went wrong that the record must show."""
        self._keeper.incident(text, exchange=exchange)

    async def keep_watch(self) -> None:
        """Make what was committed durable every second, and note steps of the machine's clock."""
        await self._keeper.keep_watch(self._look_at_callers)

    def watch(self, crowd: Crowd) -> None:
        """From now on, look at the clients' connections once a second, and close what must stop."""
        self._crowd = crowd
        self._gate.when_shut = crowd.stop_refused

    def _look_at_callers(self) -> None:
        if self._crowd is None:
            return
        now_us = self.now_us()
        for callers in self._crowd.silent(now_us):
            judgement = self._runner.judge_callers(callers)
            self._keeper.record_judgement(judgement, NO_EXCHANGE)
            if judgement.action >= Action.HOLD:  # a connection cannot wait for the researcher
                self._crowd.close_silent(callers.address, now_us)

    # Asking

    def preview(self, destinations: Sequence[Destination]) -> Verdict:
        """What would be said of these destinations; writes nothing and counts nothing."""
        return self._gate.verdict() or self._policy.decide(destinations)

    def identify(self) -> Identify:
        """How requests in scope are to be marked."""
        return self._policy.policy.identify

    @property
    def request_body_bytes(self) -> int:
        """The largest body of unknown length."""
        return self._policy.policy.limits.request_body_bytes

    async def ask(self, request: Request, verdict: Verdict, *, is_gone: Callable[[], bool]) -> Asked:
        """Whether a request may leave.  A yes is in the log, committed, before this returns.

        Args:
            request: As it would be sent, identification included.
            verdict: What `preview` has just said of its destinations.
            is_gone: Whether the client has left meanwhile.
        """
        in_scope = verdict.scope_list is ScopeList.INCLUDE
        request = self._runner.who(request, in_scope=in_scope)
        if not verdict.is_released:
            return self._refused(request, verdict)
        judgement = self._runner.judge_request(request, in_scope=in_scope)
        self._keeper.record_judgement(judgement, request.exchange)
        verdict = combine(verdict, judgement)
        if verdict.action >= Action.BLOCK:
            if verdict.action is Action.HALT:
                self.halt(verdict.reason)
            return self._refused(request, verdict)
        waits = verdict.action >= Action.THROTTLE or judgement.waits_for_slot
        if waits:
            refusal = await self._patience.refusal(request, verdict, judgement, is_gone)
            again = self.preview(request.destinations)  # gate, halt and policy may have changed meanwhile
            if refusal is None and not again.is_released:
                refusal = again
            if refusal is not None:
                self._runner.gave_up(request)
                self._patience.slots.wake()
                return self._refused(request, refusal)
        return await self._release(request, verdict)

    async def _release(self, request: Request, verdict: Verdict) -> Asked:
        """Write, commit, release: in this order, and nothing between."""
        released_us = self.now_us()
        self._runner.started(request, time_us=released_us)
        try:
            number = self._log.append_request(
                request, verdict=verdict, released_us=released_us, keep=keep_of(verdict)
            )
            await self._log.commit()
        except EvidenceError as error:
            self._runner.ended(request, time_us=released_us)
            return Asked(request, self._keeper.failed(error), None, released_us)
        except asyncio.CancelledError:
            self._runner.ended(request, time_us=self.now_us())
            raise
        refusal = self.preview(request.destinations)
        if not refusal.is_released:  # halted, closed or taken off the policy while the commit was under way
            self._end(request, None, f"not sent: {refusal.reason}", verdict)
            return Asked(request, refusal, number, released_us)
        self._released += 1
        self._open += 1
        return Asked(request, verdict, number, released_us, is_released=True)

    def _refused(self, request: Request, verdict: Verdict) -> Asked:
        now_us = self.now_us()
        number: int | None = None
        if self._gate.is_open:
            verdict = self._redirects.advise(request, verdict)

        def append() -> None:
            nonlocal number
            number = self._log.append_blocked(request, verdict=verdict, time_us=now_us)

        self._keeper.record(append)
        self._blocked += 1
        self._keeper.tell(Blocked(time_us=now_us, id=number, request=request, verdict=verdict))
        return Asked(request, verdict, number, now_us)

    def refuse(self, request: Request, verdict: Verdict) -> Asked:
        """Record a request that was refused before it could be asked for."""
        in_scope = verdict.scope_list is ScopeList.INCLUDE
        return self._refused(self._runner.who(request, in_scope=in_scope), verdict)

    # Looking

    def open_body(self, asked: Asked, direction: Direction) -> BodyWriter:
        """Where a body goes that is too long to be kept in memory.

        Raises:
            EvidenceError: The store has failed; the gate is closed already.
        """
        try:
            return self._log.open_body(asked.request.exchange, direction, keep=keep_of(asked.verdict))
        except EvidenceError as error:
            self._keeper.failed(error)
            raise

    def write_body(self, body: BodyWriter, chunk: bytes) -> None:
        """Keep a chunk, in the loop turn in which it passes.

        Raises:
            EvidenceError: The store has failed; the gate is closed already.
        """
        try:
            body.write(chunk)
        except EvidenceError as error:
            self._keeper.failed(error)
            raise

    def uploaded(self, asked: Asked, body: BodyWriter, *, failure: str | None) -> None:
        """A long upload has ended."""
        self._keeper.record(
            lambda: self._log.append_body(
                asked.request.exchange, body, time_us=self.now_us(), failure=failure
            )
        )

    def answered(
        self, asked: Asked, response: Response, *, body: BodyWriter | None, coded_sha256: str | None
    ) -> None:
        """The response is complete."""
        self._end(asked.request, response, None, asked.verdict, body, coded_sha256, asked.id)

    def failed(
        self, asked: Asked, response: Response | None, why: str | None, *, body: BodyWriter | None = None
    ) -> None:
        """There is no whole response, or none at all (*why* None: none was to be seen, as in a tunnel)."""
        self._end(asked.request, response, why, asked.verdict, body, None, asked.id)

    def _end(
        self,
        request: Request,
        response: Response | None,
        failure: str | None,
        verdict: Verdict,
        body: BodyWriter | None = None,
        coded_sha256: str | None = None,
        number: int | None = None,
    ) -> None:
        now_us = self.now_us()
        exchange = Exchange(request=request, response=response, failure=failure, ended_us=now_us)
        if number is not None:
            self._open -= 1
        self._runner.ended(request, time_us=now_us)
        self._patience.slots.wake()
        in_scope = verdict.scope_list is ScopeList.INCLUDE
        sign_in = self._runner.learn(exchange, in_scope=in_scope)
        if in_scope and number is not None:
            self._redirects.learn(exchange, number)
        if sign_in is not None:
            self._ask_about(sign_in)
        judgement = self._runner.judge_response(exchange)
        self._keeper.record_judgement(judgement, request.exchange)
        self._keeper.record(
            lambda: self._log.append_response(
                exchange,
                body=body,
                keep=keep_of(verdict),
                coded_sha256=coded_sha256,
                flags=judgement.flags,
                shape=shape_of(response.body) if judgement.shape_only and response is not None else None,
            )
        )
        if number is not None:
            self._keeper.tell(
                ExchangeEnded(
                    time_us=now_us,
                    id=number,
                    request=request,
                    verdict=verdict,
                    status=response.status if response else None,
                    response_bytes=response.body_bytes if response else None,
                    duration_us=now_us - request.received_us,
                    failure=failure,
                )
            )
