"""Keeps the log for the conductor: what cannot be written closes the gate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from fairwitness.errors import EvidenceError
from fairwitness.evidence import Log
from fairwitness.model.clock import SessionClock
from fairwitness.model.event import Event, FlagRaised, StoreState
from fairwitness.model.exchange import NO_EXCHANGE
from fairwitness.model.flag import Flag
from fairwitness.model.verdict import Action, Clause, Verdict
from fairwitness.rules import Judgement
from fairwitness.witness.gate import Gate
from fairwitness.witness.standstill import notice_standstills

_ANSWERS_AT_LATEST_S = 0.05  # an answer waits for no commit of its own, but no longer than this
_STEP_US = 1_000_000  # a step of the machine's clock that is worth a note


class Keeper:
    """The log, the gate that depends on it, and the researcher's ear.

    A class, because a failure of the store must close the same gate wherever it is met.
    """

    def __init__(self, log: Log, *, clock: SessionClock, tell: Callable[[Event], None]) -> None:
        self.log = log
        self.gate = Gate()
        self.tell = tell
        self._clock = clock
        self._step_us = 0
        self._warned: set[str] = set()
        self._answers_commit: asyncio.TimerHandle | None = None

    def now_us(self) -> int:
        """The session's time."""
        return self._clock.now_us()

    def warn(self, state: str, reason: str) -> None:
        """Tell of the store's or the gate's state."""
        self.tell(StoreState(time_us=self.now_us(), state=state, reason=reason))

    def record(self, append: Callable[[], object]) -> bool:
        """Append what need not be committed before something else.  Whether it could be."""
        if self.has_failed():
            return False
        try:
            append()
        except EvidenceError as error:
            self.failed(error)
            return False
        self._commit_soon()
        return True

    def has_failed(self) -> bool:
        """Whether the log has failed: a bug in the middle of an entry ends it without a word of its own."""
        try:
            self.log.check()
        except EvidenceError as error:
            self.failed(error)
            return True
        return False

    def record_now(self, append: Callable[[], object]) -> None:
        """Append and commit.

        Raises:
            EvidenceError: It could not be written; the gate is closed.
        """
        try:
            append()
            self.log.commit_now()
        except EvidenceError as error:
            self.failed(error)
            raise

    def note(self, text: str, *, exchange: str = NO_EXCHANGE) -> None:
        """Append a note, if the log still takes any."""
        self.record(lambda: self.log.append_note(text, time_us=self.now_us(), exchange=exchange))

    def incident(self, text: str, *, exchange: str = NO_EXCHANGE) -> None:
        """Note what went wrong, and say so."""
        self.note(text, exchange=exchange)
        self.warn("warning", text)

    def record_judgement(self, judgement: Judgement, exchange: str) -> None:
        """Keep what the rules saw, and which of them failed."""
        for failure in judgement.failures:
            self.incident(
                f"rule {failure.rule} failed: {failure.error}", exchange=failure.exchange or exchange
            )
        self.record_flags(judgement.new_flags)

    def record_flags(self, flags: Sequence[Flag]) -> None:
        """Keep flags, and tell of them."""
        for flag in flags:
            self.record(partial(self.log.append_flag, flag))
            self.tell(FlagRaised(time_us=flag.time_us, flag=flag))

    def failed(self, error: EvidenceError) -> Verdict:
        """The store has failed: close the gate.  The verdict on whatever was under way."""
        if self.gate.close(f"the evidence store failed: {error}"):
            self.warn("failed", str(error))
        return Verdict(
            action=Action.BLOCK,
            clauses=(Clause("gate", None, "-"),),
            reason=self.gate.reason,
            mend="Stop fairwitness, mend the cause, start it again",
        )

    async def keep_watch(self, look: Callable[[], None]) -> None:
        """Make what was committed durable every second, note what time did to the session, and *look*."""
        noticing = asyncio.create_task(notice_standstills(self.now_us, self.incident))
        try:
            await self._keep_watch(look)
        finally:
            noticing.cancel()

    async def _keep_watch(self, look: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(1)
            if self.has_failed():
                return
            look()
            step_us = self._clock.step_us()
            if abs(step_us - self._step_us) > _STEP_US:
                self.incident(f"the machine's clock was stepped by {(step_us - self._step_us) / 1e6:+.3f} s")
                self._step_us = step_us
            try:
                await self.log.checkpoint()
            except EvidenceError as error:
                self.failed(error)
                return
            for warning in self.log.warnings:
                if warning not in self._warned:
                    self._warned.add(warning)
                    self.warn("warning", warning)

    def _commit_soon(self) -> None:
        if self._answers_commit is None:
            loop = asyncio.get_running_loop()
            self._answers_commit = loop.call_later(_ANSWERS_AT_LATEST_S, self._commit_answers)

    def _commit_answers(self) -> None:
        self._answers_commit = None
        if not self.has_failed():
            try:
                self.log.commit_now()
            except EvidenceError as error:
                self.failed(error)
