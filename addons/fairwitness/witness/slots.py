"""Requests that wait for time to pass or for another one to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fairwitness.model.clock import SessionClock

MOST_WAITING = 1_000  # beyond that 429: a client that fires more is a flood
LONGEST_WAIT_US = 60_000_000  # 60 s, as long as most clients wait for an answer
_LOOK_S = 0.25  # how often a waiting request looks whether its client has left


class Slots:
    """Lets requests wait their turn, in order.

    A class, because those that wait must hear of those that end.
    """

    def __init__(self, clock: SessionClock) -> None:
        self._clock = clock
        self._ended: list[asyncio.Future[None]] = []
        self.waiting = 0

    @property
    def has_room(self) -> bool:
        """Whether one more may wait."""
        return self.waiting < MOST_WAITING

    def wake(self) -> None:
        """A request has ended: those that wait for a slot look again, the oldest first."""
        ended, self._ended = self._ended, []
        for each in ended:
            if not each.done():
                each.set_result(None)

    async def wait_until(self, until_us: int, is_gone: Callable[[], bool]) -> bool:
        """Wait for a moment.  False as soon as the client has left."""
        self.waiting += 1
        try:
            while (rest_us := until_us - self._clock.now_us()) > 0:
                if is_gone():
                    return False
                await asyncio.sleep(min(rest_us / 1e6, _LOOK_S))
            return not is_gone()
        finally:
            self.waiting -= 1

    async def wait_for(
        self, has_slot: Callable[[], bool], *, until_us: int, is_gone: Callable[[], bool]
    ) -> bool:
        """Wait until *has_slot* says yes.  False when the client has left or the time is up."""
        self.waiting += 1
        try:
            while not has_slot():
                if is_gone() or self._clock.now_us() >= until_us:
                    return False
                ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._ended.append(ended)
                await asyncio.wait({ended}, timeout=_LOOK_S)
            return True
        finally:
            self.waiting -= 1
