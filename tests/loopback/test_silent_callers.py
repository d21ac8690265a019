"""Connections that open and say nothing whole are seen as they are, and closed where the policy wants it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairwitness.testing import Authority, Http2Client, Proxy, Town

SAYS = "No denial of service."


@pytest.fixture
def town(authority: Authority, tmp_path: Path) -> Iterator[Town]:
    """One that holds what is heavy."""
    with Town(
        authority, tmp_path / "town", rules={"heavy-request": {"action": "hold", "says": SAYS}}
    ) as town:
        yield town


@contextlib.contextmanager
def connected(proxy: Proxy, count: int, said: bytes) -> Iterator[list[socket.socket]]:
    """So many connections to the proxy, each of which has said something."""
    host, _, port = proxy.address.rpartition(":")
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(count):
            each = stack.enter_context(socket.create_connection((host, int(port))))
            each.sendall(said)
            sockets.append(each)
        yield sockets


def flags(town: Town) -> list[tuple[str, str]]:
    """Rule and severity of what was raised."""
    told = [each for each in town.proxy.told if each.kind == "flag"]
    return [(each.text("rule"), each.text("severity")) for each in told]


def _post(client: Http2Client, town: Town) -> int:
    pseudo = {":method": "POST", ":scheme": "https", ":path": "/slow"}
    return client.begin([*pseudo.items(), (":authority", town.inside.host_port)])


def test_unfinished_heads_are_flagged_and_closed(town: Town) -> None:
    """A hundred connections whose heads never end: nothing reaches the origin, and they are closed."""
    head = f"GET {town.inside.url('/slow', scheme='http')} HTTP/1.1\r\nHost: in.test\r\nX-a: ".encode()
    with connected(town.proxy, 110, head) as sockets:
        town.proxy.wait_for(lambda told: told.kind == "flag", "a flag")
        sockets[0].settimeout(60)
        rest = sockets[0].recv(1)
        town.proxy.wait_for(lambda told: told.text("severity") == "stop", "the last flag")

    assert b"" == rest
    assert {"heavy-request"} == {rule for rule, _ in flags(town)}
    assert 0 == town.inside.counts.requests


def test_what_is_unfinished_inside_tls_is_flagged_and_closed(town: Town) -> None:
    """Fifty-five heads over HTTP/1 and as many uploads over HTTP/2: only together enough to be closed.

    A whole request beside an upload does not hide it.
    """
    whole = []
    with contextlib.ExitStack() as stack:
        heads, uploads = (
            [stack.enter_context(town.tunnel(town.inside, alpn=(alpn,))) for _ in range(55)]
            for alpn in ("http/1.1", "h2")
        )
        for client in heads:
            client.send(f"GET /slow HTTP/1.1\r\nHost: {town.inside.host_port}\r\nX-a: ".encode())
        for client in uploads:
            slow = Http2Client(client)
            slow.upload(_post(slow, town), b"abc", is_whole=False)
            whole.append(slow.request("/whole", authority=town.inside.host_port).status)
        rests = [clients[0].read_until_end() for clients in (heads, uploads)]

    assert b"" == rests[0]
    assert {"heavy-request"} == {rule for rule, _ in flags(town)}
    assert "stop" in {severity for _, severity in flags(town)}
    assert {200} == set(whole)
    assert () == town.inside.requests_for("/slow")


def test_unfinished_bodies_are_flagged(town: Town) -> None:
    """Fifty uploads that trickle: nothing of them has left, and the researcher is warned."""
    head = (
        f"POST {town.inside.url('/slow', scheme='http')} HTTP/1.1\r\nHost: in.test\r\n"
        "Content-Length: 4096\r\n\r\nabc"
    ).encode()
    with connected(town.proxy, 50, head):
        town.proxy.wait_for(lambda told: told.kind == "flag", "a flag")

    assert [("heavy-request", "check")] == flags(town)
    assert 0 == town.inside.counts.requests


def test_a_browsers_idle_connections_are_not(town: Town) -> None:
    """Thirty preconnected ones and as many whose upload was given up, while another client is served."""
    with contextlib.ExitStack() as stack, connected(town.proxy, 30, b"") as sockets:
        for _ in range(30):
            idle = Http2Client(stack.enter_context(town.tunnel(town.inside, alpn=("h2",))))
            idle.reset(_post(idle, town))
        for i in range(8):
            town.curl(town.inside.url(f"/slow/1500/{i}"))
        sockets[0].settimeout(0.1)
        with pytest.raises(TimeoutError):
            sockets[0].recv(1)

    assert [] == flags(town)
