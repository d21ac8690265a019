"""Lets hold and throttle take their time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from fairwitness.model.clock import SessionClock
from fairwitness.model.event import Held, Throttled
from fairwitness.model.exchange import Request
from fairwitness.model.verdict import Action, Verdict
from fairwitness.rules import Judgement, Runner
from fairwitness.witness.holds import Holds, Waiting
from fairwitness.witness.keeper import Keeper
from fairwitness.witness.slots import LONGEST_WAIT_US, Slots

_LOOK_S = 0.25  # how often a held request looks whether its client has left
IsGone = Callable[[], bool]


class Patience:
    """Who waits, for whom and how long.

    A class, because those that wait must hear of answers and of those that end.
    """

    def __init__(self, keeper: Keeper, runner: Runner, *, clock: SessionClock, unattended: bool) -> None:
        self._keeper = keeper
        self._runner = runner
        self._unattended = unattended
        self.holds = Holds()
        self.slots = Slots(clock)

    async def refusal(
        self, request: Request, verdict: Verdict, judgement: Judgement, is_gone: IsGone
    ) -> Verdict | None:
        """Wait as the verdict says.  Why the request must not leave after all; None: it may now."""
        if verdict.action is Action.HOLD:
            refusal = await self._hold(request, verdict, is_gone)
            if refusal is not None:
                return refusal
        if judgement.delay_us or judgement.waits_for_slot:
            refusal = await self._throttle(request, verdict, judgement, is_gone)
            if refusal is not None:
                return refusal
        return _left(verdict) if is_gone() else None

    async def _hold(self, request: Request, verdict: Verdict, is_gone: IsGone) -> Verdict | None:
        if self._unattended:
            return _blocked(verdict, "nobody is there to ask")
        if not self.holds.has_room_for(request.actor):
            return _blocked(verdict, "three requests of this actor wait already")
        waiting = self.holds.add(request, verdict, now_us=self._keeper.now_us())
        self._tell(waiting, "waiting")
        try:
            state = await self._decided(waiting, is_gone)
        finally:
            self.holds.remove(waiting)
        self._tell(waiting, state)
        if state == "released":
            self._keeper.note(f"{waiting.hold} was released by the researcher", exchange=request.exchange)
            return None
        if state == "client-left":
            return _left(verdict)
        return _blocked(
            verdict, "refused by the researcher" if state == "denied" else "nobody answered within 60 s"
        )

    async def _decided(self, waiting: Waiting, is_gone: IsGone) -> str:
        while not waiting.answer.done():
            if is_gone():
                return "client-left"
            if self._keeper.now_us() >= waiting.ends_us:
                return "timed-out"
            await asyncio.wait({waiting.answer}, timeout=_LOOK_S)
        return "released" if waiting.answer.result() else "denied"

    def _tell(self, waiting: Waiting, state: str) -> None:
        self._keeper.tell(held_event(waiting, state, now_us=self._keeper.now_us()))

    async def _throttle(
        self, request: Request, verdict: Verdict, judgement: Judgement, is_gone: IsGone
    ) -> Verdict | None:
        if not self.slots.has_room:
            return _come_back(verdict, "1,000 requests wait already to keep within the limits")
        now_us = self._keeper.now_us()
        until_us = request.received_us + judgement.delay_us
        if until_us > now_us:
            delay_us = judgement.delay_us
            told = replace(verdict, delay_us=delay_us)
            self._keeper.tell(Throttled(time_us=now_us, request=request, verdict=told, delay_us=delay_us))
            if not await self.slots.wait_until(until_us, is_gone):
                return _left(verdict)
        if not judgement.waits_for_slot:
            return None
        has_slot = await self.slots.wait_for(
            lambda: self._runner.has_slot(request, now_us=self._keeper.now_us()),
            until_us=self._keeper.now_us() + LONGEST_WAIT_US,
            is_gone=is_gone,
        )
        if has_slot:
            return None
        if is_gone():
            return _left(verdict)
        return _come_back(verdict, "none of the open requests ended within 60 s")


def held_event(waiting: Waiting, state: str, *, now_us: int) -> Held:
    """A waiting request, as those who watch see it."""
    return Held(
        time_us=now_us,
        hold=waiting.hold,
        request=waiting.request,
        verdict=waiting.verdict,
        ends_us=waiting.ends_us,
        state=state,
    )


def _left(verdict: Verdict) -> Verdict:
    return replace(verdict, action=Action.BLOCK, reason="client-left")


def _blocked(verdict: Verdict, why: str) -> Verdict:
    return replace(verdict, action=Action.BLOCK, reason=f"{verdict.reason}; {why}")


def _come_back(verdict: Verdict, why: str) -> Verdict:
    return replace(verdict, action=Action.BLOCK, reason=why, retry_after_us=LONGEST_WAIT_US)
