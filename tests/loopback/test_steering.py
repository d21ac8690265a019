"""The researcher's hand on the running proxy: halt, hold, throttle, and a policy that changes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable

import pytest
from wsproto.events import TextMessage

from fairwitness.testing import Disconnected, RawClient, Reply, Told, Town, is_blocked
from fairwitness.testing.soak.vitals import resident_bytes
from fairwitness.testing.sweep import check_town_end

pytestmark = pytest.mark.gate

MakeTown = Callable[..., Town]


def test_a_halt_stops_everything_until_resumed(make_town: MakeTown) -> None:
    """halt blocks requests, messages and tunnels that are open already; resume lets new ones pass."""
    with make_town() as town:
        login = town.client()
        login.connect(town.login.host_port)
        login.start_tls("login.test", ca=town.authority.pem)
        login.request("/before", host=town.login.host_port)
        with (
            login,
            town.websocket(town.inside, secure=True) as (socket, _),
            town.tunnel(town.inside) as kept,
        ):
            socket.send(TextMessage(data="before"))
            socket.receive()
            kept.request("/before", host=town.inside.host_port)
            halted = town.proxy.command("halt", "--reason", "a test")
            before = town.inside.counts.requests, len(town.inside.messages), town.login.counts.requests
            blocked = [town.curl(town.inside.url("/halted", scheme=s)) for s in ("http", "https")]
            blocked.append(_try(lambda: kept.request("/kept", host=town.inside.host_port)))
            _try(lambda: socket.send(TextMessage(data="halted")))
            _try(lambda: login.request("/halted", host=town.login.host_port))
            for each in (login, kept):
                each.close()
        after = town.inside.counts.requests, len(town.inside.messages), town.login.counts.requests
        resumed = town.proxy.command("resume", "--reason", "it is over")
        again = town.curl(town.inside.url("/again"))
        notes = json.loads(town.proxy.command("status", "--json").stdout)

    assert (0, 0) == (halted.returncode, resumed.returncode)
    assert [] == [reply.status for reply in blocked if 200 <= reply.status < 400]
    assert before == after
    assert 200 == again.status
    assert notes["running"]


def test_resuming_needs_a_reason(make_town: MakeTown) -> None:
    """The reason is recorded, so it is demanded."""
    with make_town() as town:
        town.proxy.command("halt")
        refused = town.proxy.command("resume")
        still = town.curl(town.inside.url("/"))

    assert 2 == refused.returncode
    assert is_blocked(still)


HOLDING = {
    "limits": {
        "testing": {"total": {"rate": "1000/s", "burst": 1000, "requests": "1/day"}},
        "says": "Ask before you go on.",
    },
    "rules": {"budget": {"action": "hold", "says": "Ask before you go on."}},
}


@pytest.mark.parametrize(("order", "status"), [("release", 200), ("deny", 403)])
def test_a_held_request_waits_for_the_researcher(make_town: MakeTown, order: str, status: int) -> None:
    """It reaches the origin after release and never after deny; the log has the answer."""
    with make_town(**HOLDING) as town:
        town.curl(town.inside.url("/free"))
        replies: list[Reply] = []
        asking = threading.Thread(target=lambda: replies.append(town.curl(town.inside.url("/held"))))
        asking.start()
        told = town.proxy.wait_for(_waits, "a hold")
        pending = town.proxy.command("pending", "--json")
        seen_while_held = town.inside.requests_for("/held")
        done = town.proxy.command(order, told.text("hold"))
        asking.join(30)
        row = town.proxy.wait_for_row(lambda row: row.url.endswith("/held") and row.outcome != "open")
        seen = town.inside.requests_for("/held")

    assert () == seen_while_held
    assert told.text("hold") in pending.stdout
    assert 0 == done.returncode
    assert [status] == [reply.status for reply in replies]
    assert (1 if order == "release" else 0) == len(seen)
    assert ("complete" if order == "release" else "blocked") == row.outcome


def test_a_client_that_leaves_a_hold_sends_nothing(make_town: MakeTown) -> None:
    """Released after its client left, a held request still does not go."""
    with make_town(**HOLDING) as town:
        town.curl(town.inside.url("/free"))
        with town.tunnel(town.inside) as client:
            client.send(f"GET /left HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
            told = town.proxy.wait_for(_waits, "a hold")
        town.proxy.wait_for(
            lambda each: each.kind == "hold" and each.text("state") == "client-left", "that the client left"
        )
        town.proxy.command("release", told.text("hold"))
        row = town.proxy.wait_for_row(lambda row: row.url.endswith("/left"))
        seen = town.inside.requests_for("/left")

    assert () == seen
    assert "block" == row.decision


LONG_MIB = 96


def _sends_long(client: RawClient, town: Town, sent: list[int]) -> None:
    head = f"POST /long HTTP/1.1\r\nHost: {town.inside.host_port}\r\nContent-Length: {LONG_MIB << 20}\r\n\r\n"
    with contextlib.suppress(OSError):
        client.send(head.encode())
        for _ in range(LONG_MIB):
            client.send(bytes(1 << 20))
            sent.append(1 << 20)


def test_a_long_upload_waits_in_its_client(make_town: MakeTown) -> None:
    """While it is held its bytes are not read, so that memory stays as it is; let go, it arrives whole."""
    with make_town(**HOLDING) as town:
        town.curl(town.inside.url("/free"))
        sent: list[int] = []
        with town.tunnel(town.inside) as client:
            sending = threading.Thread(target=_sends_long, args=(client, town, sent))
            sending.start()
            told = town.proxy.wait_for(_waits, "a hold")
            before, held_at = resident_bytes(town.proxy.pid), -1
            while held_at != len(sent):  # until no more is taken for a moment
                held_at = len(sent)
                sending.join(0.5)
            grown = resident_bytes(town.proxy.pid) - before
            town.proxy.command("release", told.text("hold"))
            reply = client.reply(method="POST")
            sending.join(30)
        (seen,) = town.inside.requests_for("/long")

    assert held_at < LONG_MIB // 2
    assert grown < LONG_MIB << 19
    assert 200 == reply.status
    assert LONG_MIB << 20 == seen.body_bytes


def test_a_client_that_leaves_a_long_upload_is_seen(make_town: MakeTown) -> None:
    """Although nothing more is read from it."""
    with make_town(**HOLDING) as town:
        town.curl(town.inside.url("/free"))
        with town.tunnel(town.inside) as client:
            head = f"POST /left HTTP/1.1\r\nHost: {town.inside.host_port}\r\nContent-Length: 99999999\r\n\r\n"
            client.send(head.encode() + bytes(2 << 20))
            town.proxy.wait_for(_waits, "a hold")
        town.proxy.wait_for(
            lambda each: each.kind == "hold" and each.text("state") == "client-left", "that the client left"
        )

    assert () == town.inside.requests_for("/left")


def test_a_throttle_keeps_the_rate_at_the_origin(make_town: MakeTown) -> None:
    """Thirty requests at once, 10/s with a burst of 5: the origin gets them over two and a half seconds."""
    wide = {"rate": "100000/s", "burst": 100000}
    paced = {"rate": "10/s", "burst": 5, "concurrent": 100}
    limits = {"testing": {"per_host": paced, "per_endpoint": wide, "total": wide}}
    with make_town(limits=limits) as town:
        threads = [
            threading.Thread(target=town.curl, args=(town.inside.url(f"/paced-{number}"),))
            for number in range(30)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        arrived = sorted(seen.arrived_s for seen in town.inside.requests_below("/paced-"))
        kinds = {told.kind for told in town.proxy.told}

    assert 30 == len(arrived)
    assert "throttle" in kinds
    for start in range(len(arrived)):
        for end in range(start + 8, len(arrived)):
            allowed = 5 + 10 * (arrived[end] - arrived[start] + 1)  # how late one may arrive
            assert end - start + 1 <= allowed + 1


def test_a_spent_budget_blocks(make_town: MakeTown) -> None:
    """The request over the day's budget is answered locally."""
    limits = {"testing": {"total": {"rate": "1000/s", "burst": 1000, "requests": "3/day"}}}
    with make_town(limits=limits) as town:
        replies = [town.curl(town.inside.url(f"/spent-{number}")) for number in range(5)]
        seen = town.inside.requests_below("/spent-")

    assert [200, 200, 200] == [reply.status for reply in replies[:3]]
    assert {403, 429} >= {reply.status for reply in replies[3:]}
    assert 3 == len(seen)


def test_a_wider_policy_waits_for_its_confirmation(make_town: MakeTown) -> None:
    """A host added by hand is blocked until the change is confirmed."""
    with make_town() as town:
        text = town.policy_text(more_include=[f"https://{town.side.host_port}"])
        town.proxy.policy_file.write_text(text)
        told = town.proxy.wait_for(lambda each: each.kind == "policy", "the change")
        before = town.curl(town.side.url("/"))
        untouched = town.side.counts
        confirmed = town.proxy.command("confirm", hashlib.sha256(text.encode()).hexdigest()[:12])
        after = town.curl(town.side.url("/"))

    assert "waits-for-confirmation" == told.text("state")
    assert is_blocked(before)
    assert (0, 0, 0) == untouched
    assert 0 == confirmed.returncode
    assert 200 == after.status


def test_a_narrower_policy_is_in_force_at_once(make_town: MakeTown) -> None:
    """A host taken out is blocked without anybody confirming it, on open connections too."""
    with make_town() as town, town.tunnel(town.inside) as kept:
        first = kept.request("/first", host=town.inside.host_port)
        narrower = town.policy_text().replace(f"  - https://{town.inside.host_port}\n", "")
        town.proxy.policy_file.write_text(narrower)
        told = town.proxy.wait_for(lambda each: each.kind == "policy", "the change")
        before = town.inside.counts.requests
        second = _try(lambda: kept.request("/second", host=town.inside.host_port))
        after = town.inside.counts.requests

    assert (200, "in-force") == (first.status, told.text("state"))
    assert not 200 <= second.status < 400
    assert before == after


def test_a_broken_policy_changes_nothing(make_town: MakeTown) -> None:
    """A file that cannot be read leaves the policy in force, and says so."""
    with make_town() as town:
        town.proxy.policy_file.write_text("scope: [")
        told = town.proxy.wait_for(lambda each: each.kind == "policy", "the change")
        inside = town.curl(town.inside.url("/"))
        outside = town.curl(town.outside.url("/"))
        counts = town.outside.counts
        assert [] == check_town_end(town)

    assert "broken" == told.text("state")
    assert 200 == inside.status
    assert is_blocked(outside)
    assert (0, 0, 0) == counts


def _waits(told: Told) -> bool:
    return told.kind == "hold" and told.text("state") == "waiting"


def _try(ask: Callable[[], Reply | None]) -> Reply:
    try:
        return ask() or Reply(status=0)
    except (Disconnected, OSError):
        return Reply(status=0)
