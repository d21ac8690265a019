"""What the researcher does to a running session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fairwitness.model.event import FlagAnswered
from fairwitness.model.flag import AnswerAs

STALE = """version: 1
program: {name: unit, policy_url: "https://in.test/policy", reviewed: 2020-01-01}
scope: {include: [in.test]}
"""


def test_an_answered_flag_is_no_longer_open(make_session: Callable[..., Any]) -> None:
    """The status counts it apart, and whoever watches is told of the answer."""
    session = make_session(STALE)

    async def run() -> list[tuple[int, int]]:
        session.witness.open_gate()
        before = session.witness.status()
        session.witness.answer("f1", AnswerAs.ACCIDENT, "read it today")
        after = session.witness.status()
        return [(each.flags, each.flags_open) for each in (before, after)]

    counts = asyncio.run(run())
    told = [each.answer for each in session.told if isinstance(each, FlagAnswered)]

    assert [(1, 1), (1, 0)] == counts
    assert [("f1", "read it today")] == [(each.flag, each.note) for each in told]


def test_status_says_how_far_the_log_has_come(make_session: Callable[..., Any]) -> None:
    """Its numbers are those of the log."""
    session = make_session()

    async def run() -> Any:
        session.witness.open_gate()
        return session.witness.status()

    status = asyncio.run(run())

    assert session.log.growth.entries == status.log.entries
    assert (0, True) == (status.log.waiting, status.log.bytes > 0)


def test_traffic_goes_on_while_a_long_policy_is_read(make_session: Callable[..., Any]) -> None:
    """Reading thousands of entries takes seconds, in which the loop must not stand still."""
    session = make_session(STALE)
    hosts = ", ".join(f"h{number}.in.test" for number in range(4000))
    longer = STALE.replace("[in.test]", f"[in.test, {hosts}]").encode()

    async def run() -> tuple[str, int]:
        session.witness.open_gate()
        rounds = 0
        reading = asyncio.create_task(session.witness.offer_policy(longer, is_wanted=lambda: True))
        while not reading.done():
            await asyncio.sleep(0)
            rounds += 1
        return (await reading).state, rounds

    state, rounds = asyncio.run(run())

    assert "waits-for-confirmation" == state
    assert rounds > 10
