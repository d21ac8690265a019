"""Takes one exchange from the question to the answer: ask, write, release, look, write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fairwitness.errors import EvidenceError, PolicyError
from fairwitness.evidence import BodyWriter, Keep, Log
from fairwitness.model.clock import SessionClock
from fairwitness.model.event import (
    Blocked,
    Event,
    ExchangeEnded,
    FlagRaised,
    Held,
    PolicyChanged,
    StoreState,
    Throttled,
)
from fairwitness.model.exchange import (
    NO_EXCHANGE,
    Connection,
    Destination,
    Direction,
    Exchange,
    Message,
    Request,
    Response,
)
from fairwitness.model.flag import Answer, AnswerAs
from fairwitness.model.policy import Identify, Policy
from fairwitness.model.verdict import Action, Clause, ScopeList, Verdict
from fairwitness.policy import Change, PolicyInForce
from fairwitness.rules import Initiators, Judgement, Runner
from fairwitness.witness.gate import Gate, GateState
from fairwitness.witness.holds import Holds, Waiting
from fairwitness.witness.slots import LONGEST_WAIT_US, Slots
from fairwitness.witness.status import MeterStatus, Status

_ANSWERS_AT_LATEST_S = 0.05  # an answer waits for no commit of its own, but no longer than this
_STEP_US = 1_000_000  # a step of the machine's clock that is worth a note


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking for a request."""

    request: Request
    """With initiator, page and meter filled in."""
    verdict: Verdict
    id: int | None
    """Its number in the log; None for a block that was folded into an earlier one."""
    released_us: int


class Witness:
    """The conductor of one session.

    A class, because it alone knows the gate, the policy in force, the counters and the log together.
    All methods run on the loop's thread.

    Args:
        policy: The policy in force.
        runner: The rules of engagement.
        log: The evidence log, opened for writing.
        clock: The session's time.
        tell: Takes every event, at once and without raising.
        unattended: Whether nobody is there to answer a hold, which makes it a block.
    """

    def __init__(
        self,
        policy: PolicyInForce,
        runner: Runner,
        log: Log,
        *,
        clock: SessionClock,
        tell: Callable[[Event], None],
        unattended: bool,
    ) -> None:
        self._policy = policy
        self._runner = runner
        self._log = log
        self._clock = clock
        self._tell = tell
        self._unattended = unattended
        self._gate = Gate()
        self._holds = Holds()
        self._slots = Slots(clock)
        self._initiators = Initiators()
        self._started_us = clock.now_us()
        self._step_us = 0
        self._released = self._blocked = self._open = 0
        self._answers_commit: asyncio.TimerHandle | None = None

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
        return self._clock.now_us()

    def open_gate(self) -> None:
        """The start is complete: let out what is allowed."""
        for sentence in self._log.recovered:
            self._warn("recovered", sentence)
        for flag in self._runner.at_start(self.now_us()):
            self._log.append_flag(flag)
            self._tell(FlagRaised(time_us=self.now_us(), flag=flag))
        self._log.commit_now()
        self._gate.open()
        self._warn("gate-open", "")

    def close_gate(self, reason: str) -> None:
        """Let nothing out any more, and say so loudly."""
        if self._gate.close(reason):
            self._holds.deny_all()
            self._warn("gate-closed", reason)
            self._note_if_possible(f"the gate was closed: {reason}")

    def fault(self, hook: str, error: str) -> None:
        """A hook has failed; what it worked on is blocked already.  Too many close the gate."""
        self._warn("warning", f"bug in {hook}: {error}; its traffic was blocked")
        self._note_if_possible(f"bug in {hook}: {error}; its traffic was blocked")
        if self._gate.fault(hook, now_us=self.now_us()):
            self.close_gate(f"{hook} failed three times within a minute: {error}")

    def incident(self, text: str, *, exchange: str = NO_EXCHANGE) -> None:
        """Something below us went wrong that the record must show."""
        self._note_if_possible(text, exchange=exchange)
        self._warn("warning", text)

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

    async def ask(self, request: Request, *, is_gone: Callable[[], bool]) -> Asked:
        """Whether a request may leave.  A yes is in the log, committed, before this returns.

        Args:
            request: As it would be sent, identification included.
            is_gone: Whether the client has left meanwhile.
        """
        verdict = self.preview(request.destinations)
        in_scope = verdict.scope_list is ScopeList.INCLUDE
        request = self._initiators.judge(request, in_scope=in_scope)
        if not verdict.is_released:
            return self._refused(request, verdict)
        judgement = self._runner.judge_request(request, in_scope=in_scope)
        self._record_judgement(judgement, request.exchange)
        verdict = _combine(verdict, judgement)
        if verdict.action >= Action.BLOCK:
            if verdict.action is Action.HALT:
                self.halt(verdict.reason)
            return self._refused(request, verdict)
        refusal = await self._wait(request, verdict, judgement, is_gone)
        if refusal is not None:
            self._runner.gave_up(request)
            self._slots.wake()
            return self._refused(request, refusal)
        return await self._release(request, verdict)

    async def _wait(
        self, request: Request, verdict: Verdict, judgement: Judgement, is_gone: Callable[[], bool]
    ) -> Verdict | None:
        """Let hold and throttle take their time.  A refusal, or None: it may be released now."""
        if verdict.action is Action.HOLD:
            refusal = await self._hold(request, verdict, is_gone)
            if refusal is not None:
                return refusal
        if judgement.delay_us or judgement.waits_for_slot:
            refusal = await self._throttle(request, verdict, judgement, is_gone)
            if refusal is not None:
                return refusal
        if is_gone():
            return _left(verdict)
        if verdict.action >= Action.THROTTLE or judgement.waits_for_slot:
            again = self.preview(request.destinations)  # gate, halt and policy may have changed meanwhile
            if not again.is_released:
                return again
        return None

    async def _hold(self, request: Request, verdict: Verdict, is_gone: Callable[[], bool]) -> Verdict | None:
        if self._unattended:
            return replace(verdict, action=Action.BLOCK, reason=f"{verdict.reason}; nobody is there to ask")
        if not self._holds.has_room_for(request.actor):
            return replace(
                verdict, action=Action.BLOCK, reason=f"{verdict.reason}; three requests of this actor wait"
            )
        waiting = self._holds.add(request, verdict, now_us=self.now_us())
        self._tell_held(waiting, "waiting")
        try:
            state = await self._decided(waiting, is_gone)
        finally:
            self._holds.remove(waiting)
        self._tell_held(waiting, state)
        if state == "released":
            self._note_if_possible(f"{waiting.hold} released by the researcher", exchange=request.exchange)
            return None
        if state == "client-left":
            return _left(verdict)
        said = "refused by the researcher" if state == "denied" else "nobody answered within 60 s"
        return replace(verdict, action=Action.BLOCK, reason=f"{verdict.reason}; {said}")

    async def _decided(self, waiting: Waiting, is_gone: Callable[[], bool]) -> str:
        while not waiting.answer.done():
            if is_gone():
                return "client-left"
            if self.now_us() >= waiting.ends_us:
                return "timed-out"
            await asyncio.wait({waiting.answer}, timeout=0.25)
        return "released" if waiting.answer.result() else "denied"

    def _tell_held(self, waiting: Waiting, state: str) -> None:
        self._tell(
            Held(
                time_us=self.now_us(),
                hold=waiting.hold,
                request=waiting.request,
                verdict=waiting.verdict,
                ends_us=waiting.ends_us,
                state=state,
            )
        )

    async def _throttle(
        self, request: Request, verdict: Verdict, judgement: Judgement, is_gone: Callable[[], bool]
    ) -> Verdict | None:
        if not self._slots.has_room:
            return replace(
                verdict,
                action=Action.BLOCK,
                reason="1,000 requests wait already to keep within the limits",
                retry_after_us=LONGEST_WAIT_US,
            )
        now_us = self.now_us()
        until_us = request.received_us + judgement.delay_us
        if until_us > now_us:
            delayed = replace(verdict, delay_us=judgement.delay_us)
            self._tell(
                Throttled(time_us=now_us, request=request, verdict=delayed, delay_us=judgement.delay_us)
            )
            if not await self._slots.wait_until(until_us, is_gone):
                return _left(verdict)
        if judgement.waits_for_slot and not await self._slots.wait_for(
            lambda: self._runner.has_slot(request), until_us=now_us + LONGEST_WAIT_US, is_gone=is_gone
        ):
            if is_gone():
                return _left(verdict)
            return replace(
                verdict,
                action=Action.BLOCK,
                reason=f"{verdict.reason}; none of the open requests ended within 60 s",
                retry_after_us=LONGEST_WAIT_US,
            )
        return None

    async def _release(self, request: Request, verdict: Verdict) -> Asked:
        """Write, commit, release: in this order, and nothing between."""
        released_us = self.now_us()
        self._runner.started(request)
        try:
            number = self._log.append_request(
                request, verdict=verdict, released_us=released_us, keep=_keep(verdict)
            )
            await self._log.commit()
        except EvidenceError as error:
            self._runner.ended(request, time_us=released_us)
            return Asked(request, self._store_failed(error), None, released_us)
        except asyncio.CancelledError:
            self._runner.ended(request, time_us=self.now_us())
            raise
        refusal = self._gate.verdict()
        if refusal is not None:  # halted or closed while the commit was under way
            self._end(request, None, f"not sent: {refusal.reason}", verdict)
            return Asked(request, refusal, number, released_us)
        self._released += 1
        self._open += 1
        return Asked(request, verdict, number, released_us)

    def _refused(self, request: Request, verdict: Verdict) -> Asked:
        now_us = self.now_us()
        number = None
        self._blocked += 1
        if self._log.failure is None:
            try:
                number = self._log.append_blocked(request, verdict=verdict, time_us=now_us)
                self._commit_soon()
            except EvidenceError as error:
                self._store_failed(error)
        self._tell(Blocked(time_us=now_us, id=number, request=request, verdict=verdict))
        return Asked(request, verdict, number, now_us)

    def refuse(self, request: Request, verdict: Verdict) -> Asked:
        """Record a request that was refused before it could be asked for."""
        in_scope = verdict.scope_list is ScopeList.INCLUDE
        return self._refused(self._initiators.judge(request, in_scope=in_scope), verdict)

    # Looking

    def open_body(self, asked: Asked, direction: Direction) -> BodyWriter:
        """Where a body goes that is too long to be kept in memory.

        Raises:
            EvidenceError: The store has failed; the gate is closed already.
        """
        try:
            return self._log.open_body(asked.request.exchange, direction, keep=_keep(asked.verdict))
        except EvidenceError as error:
            self._store_failed(error)
            raise

    def write_body(self, body: BodyWriter, chunk: bytes) -> None:
        """Keep a chunk, in the loop turn in which it passes.

        Raises:
            EvidenceError: The store has failed; the gate is closed already.
        """
        try:
            body.write(chunk)
        except EvidenceError as error:
            self._store_failed(error)
            raise

    def uploaded(self, asked: Asked, body: BodyWriter, *, failure: str | None) -> None:
        """A long upload has ended."""
        body.finish()
        self._record(
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
        self._slots.wake()
        self._initiators.learn(exchange, in_scope=verdict.scope_list is ScopeList.INCLUDE)
        self._record_judgement(self._runner.judge_response(exchange), request.exchange)
        if body is not None:
            body.finish()
        self._record(
            lambda: self._log.append_response(
                exchange, body=body, keep=_keep(verdict), coded_sha256=coded_sha256
            )
        )
        if number is not None:
            self._tell(
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

    async def message(self, asked: Asked, message: Message) -> bool:
        """Record a message.  Whether it may go on; one that is sent is committed before."""
        judgement = self._runner.judge_message(message, asked.request)
        self._record_judgement(judgement, asked.request.exchange)
        is_sent = message.direction is Direction.SENT
        if is_sent and (judgement.action >= Action.HOLD or not self._gate.is_open):
            self._note_if_possible(
                f"message {message.number} was blocked: {judgement.reason or self._gate.reason}",
                exchange=asked.request.exchange,
            )
            return False
        try:
            self._log.append_message(message, keep=_keep(asked.verdict))
            if is_sent:
                await self._log.commit()
            else:
                self._commit_soon()
        except EvidenceError as error:
            self._store_failed(error)
            return False
        return self._gate.is_open

    # Dialling

    async def dial(self, connection: Connection, destinations: Sequence[Destination]) -> Verdict:
        """Whether to connect.  A yes is in the log, committed, before a name is looked up."""
        verdict = self.preview(destinations)
        if verdict.is_released:
            connection = replace(
                connection, scope_list=verdict.scope_list.value if verdict.scope_list else ""
            )
            judgement = self._runner.judge_dial(connection)
            self._record_judgement(judgement, connection.connection)
            verdict = _combine(verdict, judgement)
        if verdict.action >= Action.HOLD:
            return replace(verdict, action=max(verdict.action, Action.BLOCK))
        try:
            self._log.append_connection(connection, verdict=verdict)
            await self._log.commit()
        except EvidenceError as error:
            return self._store_failed(error)
        return self._gate.verdict() or verdict

    def dial_ended(self, connection: Connection) -> None:
        """A connection closed or failed."""
        self._record(lambda: self._log.append_connection_end(connection))

    def refuse_addresses(
        self, host: str, port: int, scope_list: ScopeList | None, addresses: Sequence[str]
    ) -> str | None:
        """Why a name that resolves to these addresses must not be dialled; None: it may."""
        return self._policy.refuse_addresses(host, port, scope_list, addresses)

    def override(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses that --resolve gives; none: ask DNS."""
        return self._policy.override(host, port)

    # Steering

    def status(self) -> Status:
        """How it is doing."""
        now_us = self.now_us()
        waiting = self._policy.waiting
        return Status(
            gate=self._gate.state.value,
            reason=self._gate.reason,
            program=self._policy.policy.program.name,
            policy_sha256=self._policy.policy.sha256,
            policy_waiting_sha256=waiting.sha256 if waiting else None,
            session=self._log.session,
            started_us=self._started_us,
            now_us=now_us,
            released=self._released,
            blocked=self._blocked,
            flags=len(self._runner.flags),
            held=len(self._holds.waiting),
            throttled=self._slots.waiting,
            open_requests=self._open,
            meters=tuple(
                MeterStatus(each.name, each.host, each.metered, each.used, each.limit, each.per)
                for each in self._runner.meters(now_us)
            ),
        )

    def halt(self, reason: str) -> None:
        """Block everything until `resume`."""
        self._gate.halt(reason or "no reason given")
        self._holds.deny_all()
        self._note_if_possible(f"halted: {self._gate.reason}")
        self._warn("halted", self._gate.reason)

    def resume(self, reason: str) -> None:
        """End a halt.

        Raises:
            PolicyError: Nothing is halted, or no reason is given.
        """
        if not reason.strip():
            raise PolicyError("a reason is needed", where="resume", mend="Say it with --reason TEXT")
        if not self._gate.resume():
            raise PolicyError("nothing is halted", where="resume", mend="See 'fairwitness status'")
        self._note_if_possible(f"resumed: {reason}")
        self._warn("resumed", reason)

    def pending(self) -> tuple[Held, ...]:
        """What waits for the researcher."""
        now_us = self.now_us()
        return tuple(
            Held(
                time_us=now_us,
                hold=each.hold,
                request=each.request,
                verdict=each.verdict,
                ends_us=each.ends_us,
                state="waiting",
            )
            for each in self._holds.waiting
        )

    def release(self, hold: str) -> None:
        """Let a held request go.

        Raises:
            PolicyError: Nothing of that name waits.
        """
        self._holds.answer(hold, release=True)

    def deny(self, hold: str) -> None:
        """Refuse a held request.

        Raises:
            PolicyError: Nothing of that name waits.
        """
        self._holds.answer(hold, release=False)

    def confirm(self, sha256_prefix: str) -> Policy:
        """Put the waiting policy in force.

        Raises:
            PolicyError: Nothing waits, or another one.
            EvidenceError: It could not be recorded; the gate is closed.
        """
        policy = self._policy.confirm(sha256_prefix)
        self._adopt("confirmed", policy, "in-force", "confirmed by the researcher")
        return policy

    def offer_policy(self, text: bytes) -> Change:
        """Take a changed policy file.

        Raises:
            PolicyError: It is broken; the policy in force stays.
            EvidenceError: It could not be recorded; the gate is closed.
        """
        try:
            change = self._policy.offer(text, path=self._policy.policy.path)
        except PolicyError as error:
            self._note_if_possible(f"a broken policy file was refused: {error}")
            raise
        if change.state != "same":
            self._adopt("changed", change.policy, change.state, change.summary)
        return change

    def _adopt(self, why: str, policy: Policy, state: str, summary: str) -> None:
        self._runner.adopt(self._policy.policy)
        try:
            self._log.append_policy(policy, time_us=self.now_us(), why=f"{why}: {state}: {summary}")
            self._log.commit_now()
        except EvidenceError as error:
            self._store_failed(error)
            raise
        self._tell(PolicyChanged(time_us=self.now_us(), state=state, sha256=policy.sha256, summary=summary))

    def answer(self, flag: str, answered_as: AnswerAs, note: str) -> None:
        """Record the researcher's answer to a flag, and let it take effect.

        Raises:
            EvidenceError: It could not be recorded; the gate is closed.
        """
        answer = Answer(flag=flag, answered_as=answered_as, note=note, time_us=self.now_us())
        try:
            self._log.append_answer(answer)
            self._log.commit_now()
        except EvidenceError as error:
            self._store_failed(error)
            raise
        self._runner.answer(answer)

    def note(self, text: str) -> None:
        """Record a note."""
        self._note_if_possible(text)

    # Keeping the log

    async def keep_watch(self) -> None:
        """Make what was committed durable every second, and note steps of the machine's clock."""
        while True:
            await asyncio.sleep(1)
            step_us = self._clock.step_us()
            if abs(step_us - self._step_us) > _STEP_US:
                self.incident(f"the machine's clock was stepped by {(step_us - self._step_us) / 1e6:+.3f} s")
                self._step_us = step_us
            if self._log.failure is not None:
                return
            try:
                await self._log.checkpoint_full()
            except EvidenceError as error:
                self._store_failed(error)
                return

    def _record_judgement(self, judgement: Judgement, exchange: str) -> None:
        for failure in judgement.failures:
            self.incident(
                f"rule {failure.rule} failed: {failure.error}", exchange=failure.exchange or exchange
            )
        for flag in judgement.new_flags:
            self._record(lambda flag=flag: self._log.append_flag(flag))  # type: ignore[misc]
            self._tell(FlagRaised(time_us=flag.time_us, flag=flag))

    def _record(self, append: Callable[[], object]) -> None:
        """Append what need not be committed before something else; a failure closes the gate."""
        if self._log.failure is not None:
            return
        try:
            append()
            self._commit_soon()
        except EvidenceError as error:
            self._store_failed(error)

    def _note_if_possible(self, text: str, *, exchange: str = NO_EXCHANGE) -> None:
        self._record(lambda: self._log.append_note(text, time_us=self.now_us(), exchange=exchange))

    def _commit_soon(self) -> None:
        if self._answers_commit is None:
            loop = asyncio.get_running_loop()
            self._answers_commit = loop.call_later(_ANSWERS_AT_LATEST_S, self._commit_answers)

    def _commit_answers(self) -> None:
        self._answers_commit = None
        if self._log.failure is None:
            try:
                self._log.commit_now()
            except EvidenceError as error:
                self._store_failed(error)

    def _store_failed(self, error: EvidenceError) -> Verdict:
        if self._gate.close(f"the evidence store failed: {error}"):
            self._holds.deny_all()
            self._warn("failed", str(error))
        return Verdict(
            action=Action.BLOCK,
            clauses=(Clause("gate", None, "-"),),
            reason=self._gate.reason,
            mend="Stop fairwitness, mend the cause, start it again",
        )

    def _warn(self, state: str, reason: str) -> None:
        self._tell(StoreState(time_us=self.now_us(), state=state, reason=reason))


def _keep(verdict: Verdict) -> Keep:
    return Keep.HEAD if verdict.scope_list is ScopeList.LOAD else Keep.WHOLE


def _left(verdict: Verdict) -> Verdict:
    return replace(verdict, action=Action.BLOCK, reason="client-left")


def _combine(verdict: Verdict, judgement: Judgement) -> Verdict:
    """The verdict on the destination and what the rules say of the request; the stricter one speaks."""
    if judgement.action <= verdict.action and not judgement.flags:
        return verdict
    if judgement.action <= verdict.action:
        return replace(verdict, flags=judgement.flags)
    return replace(
        verdict,
        action=judgement.action,
        clauses=judgement.clauses + verdict.clauses,
        reason=judgement.reason,
        flags=judgement.flags,
        delay_us=judgement.delay_us,
        retry_after_us=judgement.retry_after_us,
        mend=None,
    )
