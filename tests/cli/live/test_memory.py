from __future__ import annotations

from dataclasses import replace

from fairwitness.cli.live.memory import Memory
from fairwitness.model.event import (
    Blocked,
    ExchangeEnded,
    FlagAnswered,
    FlagRaised,
    Held,
    PolicyChanged,
    Throttled,
)
from fairwitness.model.exchange import Client, Destination, Initiator, Request
from fairwitness.model.flag import Answer, AnswerAs, Flag
from fairwitness.model.verdict import Action, Clause, ScopeList, Verdict

NOW_US = 1_795_000_000_000_000
REQUEST = Request(
    exchange="ab" * 16,
    received_us=NOW_US,
    client=Client(connection="cd" * 16, address="127.0.0.1", port=40000, label="curl"),
    method="GET",
    scheme="https",
    host="shop.test",
    port=8443,
    target=b"/a?b=c",
    http_version="HTTP/1.1",
    headers=(),
    destinations=(Destination("url", "https", "shop.test", 8443, "/a"),),
    body=b"x" * 1000,
)
ALLOWED = Verdict(
    action=Action.ALLOW,
    clauses=(Clause("scope.include[0]", None, "policy.yaml:7"),),
    reason="in scope",
    scope_list=ScopeList.INCLUDE,
)
REFUSED = Verdict(action=Action.BLOCK, clauses=(), reason="evil.test is not listed", host="evil.test")


def _ended(exchange: str, verdict: Verdict = ALLOWED) -> ExchangeEnded:
    return ExchangeEnded(
        time_us=NOW_US,
        id=1,
        request=replace(REQUEST, exchange=exchange),
        verdict=verdict,
        status=200,
        response_bytes=10,
        duration_us=1000,
        failure=None,
    )


def test_what_is_remembered_is_bounded() -> None:
    """Of ten thousand exchanges the newest two hundred stay, and no body of any."""
    memory = Memory()
    for number in range(10_000):
        memory.take(_ended(f"{number:032x}"))
    memory.take(_ended("ff" * 16))

    assert 200 == len(memory.lines)
    assert "shop.test:8443/a?b=c" == memory.lines[-1].place
    assert b"xxx" not in repr(memory.lines).encode()


def test_equal_blocks_are_one_line_with_a_count() -> None:
    """Which moves to the newest place; another host's has its own."""
    memory = Memory()
    for host in ("evil.test", "other.test", "evil.test", "evil.test"):
        verdict = replace(REFUSED, host=host, reason=f"{host} is not listed")
        memory.take(Blocked(time_us=NOW_US, id=4, request=replace(REQUEST, host=host), verdict=verdict))

    assert [("other.test", 1), ("evil.test", 3)] == [
        (line.place.split(":")[0], line.count) for line in memory.lines
    ]
    assert "is not listed" == memory.lines[-1].reason


def test_the_reason_of_a_block_does_not_repeat_the_host() -> None:
    """With its port neither: the line begins with both."""
    memory = Memory()
    verdict = replace(REFUSED, host="evil.test", reason="evil.test:8443 is not listed")
    request = replace(REQUEST, host="evil.test", port=8443)
    memory.take(Blocked(time_us=NOW_US, id=4, request=request, verdict=verdict))

    assert ["is not listed"] == [line.reason for line in memory.lines]


def test_a_throttled_request_is_one_line() -> None:
    """While it waits, and when it has ended."""
    memory = Memory()
    memory.take(Throttled(time_us=NOW_US, request=REQUEST, verdict=ALLOWED, delay_us=5))
    waiting = memory.lines
    memory.take(_ended(REQUEST.exchange))

    assert ([None], [200]) == ([each.status for each in waiting], [each.status for each in memory.lines])


def test_hosts_that_pages_want_are_counted() -> None:
    """Only those on no list, only what a page asked for; never more than some thousand."""
    memory = Memory()
    page = replace(REQUEST, host="cdn.test", port=443, initiator=Initiator.PAGE, page="https://shop.test/")
    for request, verdict in (
        (page, REFUSED),
        (page, REFUSED),
        (replace(page, host="listed.test"), replace(REFUSED, scope_list=ScopeList.NOISE)),
        (replace(page, host="tool.test", initiator=Initiator.TOOL), REFUSED),
    ):
        memory.take(Blocked(time_us=NOW_US, id=4, request=request, verdict=verdict))
    first = dict(memory.wanted)
    for number in range(3000):
        request = replace(page, host=f"h{number}.test")
        memory.take(Blocked(time_us=NOW_US, id=4, request=request, verdict=REFUSED))

    assert {("cdn.test", "https://shop.test/"): 2} == first
    assert 2000 == len(memory.wanted)


def test_a_flag_is_counted_and_answered(flag_of: object) -> None:
    """Exchanges that continue it count; an answer from any terminal closes it."""
    assert callable(flag_of)
    flag: Flag = flag_of(1)
    memory = Memory()
    memory.take(FlagRaised(time_us=NOW_US, flag=flag))
    memory.take(_ended("01" * 16, replace(ALLOWED, flags=("f1",))))
    seen = memory.flags
    answer = Answer(flag="f1", answered_as=AnswerAs.ACCIDENT, note="", time_us=NOW_US)
    memory.take(FlagAnswered(time_us=NOW_US, answer=answer))

    assert [(2, True)] == [(each.count, each.is_open) for each in seen]
    assert [False] == [each.is_open for each in memory.flags]


def test_holds_and_policies_come_and_go() -> None:
    """What waits is remembered until it does no longer."""
    memory = Memory()
    hold = Held(
        time_us=NOW_US, hold="h1", request=REQUEST, verdict=REFUSED, ends_us=NOW_US + 1, state="waiting"
    )
    change = PolicyChanged(time_us=NOW_US, state="waits-for-confirmation", sha256="ab" * 32, summary="adds x")
    memory.take(hold)
    memory.take(change)
    waits = (memory.holds, memory.waiting_policy)
    memory.take(replace(hold, state="timed-out"))
    memory.take(replace(change, state="in-force"))

    assert ((hold,), change) == waits
    assert ((), None) == (memory.holds, memory.waiting_policy)
