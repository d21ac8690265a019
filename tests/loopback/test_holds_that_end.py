"""What a held request was for goes while it waits: its server dies, or its stream is given up."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from fairwitness.testing import Reply, Told, Town
from fairwitness.testing.client_http2 import Http2Client
from fairwitness.testing.faults import FaultDoor
from fairwitness.testing.sweep import check_town_end
from fairwitness.witness.holds import HOLD_US

pytestmark = pytest.mark.gate

RULES = {"destructive-request": {"action": "hold", "says": "Ask before you delete."}}
ENDS = (("released", 502, "failed"), ("denied", 403, "blocked"), ("timed-out", 403, "blocked"))
WAYS = ("plain", "http/1.1", "h2")


def test_a_server_that_dies_while_its_request_is_held_hangs_nobody(make_town: Callable[..., Town]) -> None:
    """Dialled already (TLS) or not: released is 502 and failed, denied or forgotten 403."""
    found = []
    with FaultDoor() as door, make_town(rules=RULES, program=door.program) as town:
        for way in WAYS:
            for order in ("release", "deny", "forget"):
                path, before = f"/items/{way[:2]}-{order}", len(town.proxy.told)
                door.shorten_holds(500_000 if order == "forget" else HOLD_US)
                with _asked(town, way, path) as reply:
                    told = town.proxy.wait_for(_waits, "a hold", after=before)
                    town.inside.die()
                    try:
                        if order != "forget":
                            town.proxy.command(order, told.text("hold"))
                        ends = town.proxy.wait_for(_has_ended, "the end of the hold", after=before)
                        status = reply().status
                    finally:
                        town.inside.come_back()
                row = town.proxy.wait_for_row(
                    lambda row, path=path: row.url.endswith(path) and row.outcome != "open"
                )
                found.append((way, ends.text("state"), status, row.outcome.partition(":")[0]))
                assert () == town.inside.requests_for(path)
        assert 200 == town.curl(town.inside.url("/after")).status
        assert [] == check_town_end(town)

    assert found == [(way, *each) for way in WAYS for each in ENDS]


def test_a_stream_that_is_reset_while_it_is_held_sends_nothing(make_town: Callable[..., Town]) -> None:
    """It is seen at once; the other streams of the connection live on, and a release comes too late."""
    with make_town(rules=RULES) as town, town.tunnel(town.inside, alpn=("h2",)) as raw:
        client, authority = Http2Client(raw), town.inside.host_port
        stream = client.start("/items/reset", authority=authority, method="DELETE")
        told = town.proxy.wait_for(_waits, "a hold")
        client.reset(stream)
        town.proxy.wait_for(lambda each: each.text("state") == "client-left", "that the client left")
        town.proxy.command("release", told.text("hold"))
        beside = client.request("/beside", authority=authority).status
        row = town.proxy.wait_for_row(lambda row: row.url.endswith("/reset") and row.outcome != "open")

    assert 200 == beside
    assert ("block", ()) == (row.decision, town.inside.requests_for("/items/reset"))


def test_a_client_that_goes_while_it_is_held_sends_nothing(make_town: Callable[..., Town]) -> None:
    """Told, on record as blocked, a release comes too late, and the next start works."""
    with make_town(rules=RULES) as town:
        with _asked(town, "http/1.1", "/items/gone"):
            told = town.proxy.wait_for(_waits, "a hold")
        ends = town.proxy.wait_for(_has_ended, "the end of the hold")
        late = town.proxy.command("release", told.text("hold"))
        row = town.proxy.wait_for_row(lambda row: row.url.endswith("/gone") and row.outcome != "open")
        assert [] == check_town_end(town)

    assert ("client-left", 2) == (ends.text("state"), late.returncode)
    assert ("block", ()) == (row.decision, town.inside.requests_for("/items/gone"))


@contextlib.contextmanager
def _asked(town: Town, way: str, path: str) -> Iterator[Callable[[], Reply]]:
    """A request that was sent; what is given waits for its answer."""
    host = town.inside.host_port
    if way == "h2":
        with town.tunnel(town.inside, alpn=("h2",)) as raw:
            client = Http2Client(raw)
            stream = client.start(path, authority=host, method="DELETE")
            yield lambda: client.reply(stream)
        return
    is_plain = way == "plain"
    target = town.inside.url(path, scheme="http") if is_plain else path
    with town.client() if is_plain else town.tunnel(town.inside) as raw:
        raw.send(f"DELETE {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        yield lambda: raw.reply(method="DELETE")


def _has_ended(told: Told) -> bool:
    return told.kind == "hold" and told.text("state") != "waiting"


def _waits(told: Told) -> bool:
    return told.kind == "hold" and told.text("state") == "waiting"
