"""Requests that wait for the researcher."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from fairwitness.errors import PolicyError
from fairwitness.model.exchange import Request
from fairwitness.model.verdict import Verdict

HOLD_US = 60_000_000  # 60 s, then no
MOST_AN_ACTOR = 3  # a fourth is refused at once: nobody answers a queue


@dataclass(slots=True)
class Waiting:
    """One request that waits."""

    hold: str
    request: Request
    verdict: Verdict
    ends_us: int
    answer: asyncio.Future[bool] = field(repr=False)


class Holds:
    """Who waits, by name.  A class, because names are given once and never again."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}
        self._given = 0

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """All that wait, the oldest first."""
        return tuple(self._waiting.values())

    def has_room_for(self, actor: str) -> bool:
        """Whether the actor has not too many waiting already."""
        return sum(each.request.actor == actor for each in self._waiting.values()) < MOST_AN_ACTOR

    def add(self, request: Request, verdict: Verdict, *, now_us: int) -> Waiting:
        """Let a request wait."""
        self._given += 1
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiting = Waiting(f"h{self._given}", request, verdict, now_us + HOLD_US, answer)
        self._waiting[waiting.hold] = waiting
        return waiting

    def remove(self, waiting: Waiting) -> None:
        """It no longer waits."""
        self._waiting.pop(waiting.hold, None)

    def answer(self, hold: str, *, release: bool) -> None:
        """Let it go, or refuse it.

        Raises:
            PolicyError: Nothing of that name waits.
        """
        waiting = self._waiting.get(hold)
        if waiting is None or waiting.answer.done():
            raise PolicyError(
                "no request of that name waits",
                where=hold,
                mend="See 'fairwitness pending' for those that do",
            )
        waiting.answer.set_result(release)

    def deny_all(self) -> None:
        """Refuse all that wait, as a halt does."""
        for waiting in self._waiting.values():
            if not waiting.answer.done():
                waiting.answer.set_result(False)
