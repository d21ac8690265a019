"""Ask, write, release, look, write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fairwitness.errors import PolicyError
from fairwitness.evidence import Reader
from fairwitness.model.event import Held, StoreState, Throttled
from fairwitness.model.exchange import Request
from fairwitness.model.verdict import Action
from fairwitness.witness import Asked

MakeSession = Callable[..., Any]


def stays() -> bool:
    """A client that does not leave."""
    return False


async def ask(session: Any, request: Request, is_gone: Callable[[], bool] = stays) -> Asked:
    """Preview and ask, as the proxy does."""
    verdict = session.witness.preview(request.destinations)
    asked: Asked = await session.witness.ask(request, verdict, is_gone=is_gone)
    return asked


def test_a_halt_while_the_request_is_written_down_keeps_it_here(make_session: MakeSession) -> None:
    """It was allowed when it was asked for, and is not when its entry is committed."""
    session = make_session()

    async def run() -> None:
        session.witness.open_gate()
        asyncio.get_running_loop().call_soon(session.witness.halt, "enough")
        asked = await ask(session, session.request(path="/halted"))
        assert not asked.is_released
        assert Action.HALT is asked.verdict.action

    asyncio.run(run())


def test_what_is_released_is_on_record_before(make_session: MakeSession) -> None:
    """Another process could read the request's entry when `ask` returns."""
    session = make_session()

    async def run() -> None:
        session.witness.open_gate()
        asked = await ask(session, session.request(path="/a"))
        with Reader.open(session.folder) as reader:
            rows = list(reader.exchanges())
        assert asked.is_released
        assert [("https://in.test/a", "allow", "open")] == [
            (row.url, row.decision, row.outcome) for row in rows
        ]

    asyncio.run(run())


def test_nothing_is_released_before_the_gate_opens(make_session: MakeSession) -> None:
    """A listed host is blocked as long as the start is not complete."""
    session = make_session()
    asked = asyncio.run(ask(session, session.request()))

    assert (False, Action.BLOCK) == (asked.is_released, asked.verdict.action)


def test_a_bug_in_who_asks_neither_blocks_nor_closes_the_gate(
    make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request goes as one of a tool, and each bug is an incident."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret of the traffic")

    session = make_session()
    monkeypatch.setattr(session.witness._runner.known.initiators, "judge", broken)

    async def run() -> list[Asked]:
        session.witness.open_gate()
        return [await ask(session, session.request(path=f"/{at}")) for at in range(4)]

    released = asyncio.run(run())
    incidents = [str(each) for each in session.told if "rule knowledge failed" in str(each)]

    assert all(each.is_released for each in released)
    assert session.witness.is_open
    assert 4 == len(incidents)
    assert not any("secret" in each for each in incidents)


def test_a_stranger_is_blocked_and_on_record(make_session: MakeSession) -> None:
    """With a number by which the researcher finds it again."""
    session = make_session()

    async def run() -> Asked:
        session.witness.open_gate()
        return await ask(session, session.request("out.test"))

    asked = asyncio.run(run())

    assert (False, 1) == (asked.is_released, asked.id)


def test_a_store_that_fails_closes_the_gate(make_session: MakeSession) -> None:
    """The request is blocked, the researcher is told, and the next one is blocked too."""
    session = make_session()

    async def run() -> list[bool]:
        session.witness.open_gate()
        before = await ask(session, session.request(path="/1"))
        for path in session.folder.glob("log.sqlite3*"):
            path.unlink()
        after = [await ask(session, session.request(path=f"/{number}")) for number in (2, 3)]
        return [before.is_released, *(each.is_released for each in after)]

    assert [True, False, False] == asyncio.run(run())
    assert session.witness.is_closed
    assert "failed" in {each.state for each in session.told if isinstance(each, StoreState)}


HOLDING = """version: 1
program: {name: unit, policy_url: "https://in.test/policy"}
scope: {include: [in.test]}
limits: {testing: {per_host: {rate: 1/min, burst: 1}}, on_exceed: throttle}
rules: {request-rate: {action: hold, says: "One request a minute."}}
"""


@pytest.mark.parametrize(("order", "is_released"), [("release", True), ("deny", False)])
def test_a_held_request_waits_for_the_researcher(
    make_session: MakeSession, order: str, is_released: bool
) -> None:
    """It goes after a release and not after a denial."""
    session = make_session(HOLDING)

    async def run() -> Asked:
        session.witness.open_gate()
        await ask(session, session.request(path="/1"))
        waits = asyncio.create_task(ask(session, session.request(path="/2")))
        while not session.witness.pending():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0)
        getattr(session.witness, order)(session.witness.pending()[0].hold)
        if is_released:
            # It was released, and still keeps to the limit: its turn is a minute away.
            while not any(isinstance(each, Throttled) for each in session.told):  # noqa: ASYNC110
                await asyncio.sleep(0)
            waits.cancel()
            return await asyncio.gather(waits, return_exceptions=True)
        return await waits

    answer = asyncio.run(run())

    states = [each.state for each in session.told if isinstance(each, Held)]
    assert ["waiting", "released" if is_released else "denied"] == states
    if not is_released:
        assert not answer.is_released


def test_nobody_answers_a_hold_when_unattended(make_session: MakeSession) -> None:
    """It is a block at once."""
    session = make_session(HOLDING, unattended=True)

    async def run() -> Asked:
        session.witness.open_gate()
        await ask(session, session.request(path="/1"))
        return await ask(session, session.request(path="/2"))

    asked = asyncio.run(run())

    assert (False, Action.BLOCK) == (asked.is_released, asked.verdict.action)
    assert not [each for each in session.told if isinstance(each, Held)]


def test_a_client_that_left_meanwhile_sends_nothing(make_session: MakeSession) -> None:
    """Its request is blocked, reason client-left."""
    session = make_session(HOLDING)

    async def run() -> Asked:
        session.witness.open_gate()
        await ask(session, session.request(path="/1"))
        return await ask(session, session.request(path="/2"), lambda: True)

    asked = asyncio.run(run())

    assert (False, "client-left") == (asked.is_released, asked.verdict.reason)


def test_resume_wants_a_reason_and_a_halt(make_session: MakeSession) -> None:
    """Wrong calls are errors that say how to mend them."""
    session = make_session()

    async def run() -> None:
        session.witness.open_gate()
        with pytest.raises(PolicyError, match="nothing is halted"):
            session.witness.resume("because")
        session.witness.halt("stop")
        with pytest.raises(PolicyError, match="reason"):
            session.witness.resume("  ")
        asked = await ask(session, session.request())
        assert Action.HALT == asked.verdict.action
        session.witness.resume("because")
        assert (await ask(session, session.request())).is_released

    asyncio.run(run())


def test_a_request_with_a_lying_name_is_blocked(make_session: MakeSession) -> None:
    """Every name that it gives must be allowed."""
    session = make_session()

    async def run() -> Asked:
        session.witness.open_gate()
        request = session.request()
        lies = replace(request.destinations[0], named_by="host", host="out.test")
        return await ask(session, replace(request, destinations=(*request.destinations, lies)))

    assert not asyncio.run(run()).is_released
