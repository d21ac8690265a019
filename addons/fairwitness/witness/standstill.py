"""Notices that the process stood still: stopped by a signal, asleep with the machine, or without its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LONG_US = 5_000_000  # a busy machine keeps a process waiting for a second or two
_BEAT_US = 1_000_000


async def notice_standstills(now_us: Callable[[], int], tell: Callable[[str], None]) -> None:
    """Tell afterwards of each time in which the loop did nothing for `LONG_US` or more.

    Args:
        now_us: A clock that goes on while the process is stopped; one that goes on while the machine sleeps
            too shows that as well.
        tell: Takes the sentence.
    """
    while True:
        due_us = now_us() + _BEAT_US
        await asyncio.sleep(_BEAT_US / 1e6)
        late_us = now_us() - due_us
        if late_us >= LONG_US:
            tell(
                f"fairwitness stood still for {late_us / 1e6:.1f} s, stopped by a signal, asleep with the "
                "machine, or kept waiting by a busy one; nothing passed meanwhile"
            )
