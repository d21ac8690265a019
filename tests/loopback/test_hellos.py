"""TLS hellos: in small pieces, read at a cost that grows with their length only; and to the proxy itself."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

import pytest
from mitmproxy.options import Options
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import ServerTLSLayer
from mitmproxy.test.tflow import tclient_conn

from fairwitness.model.record import ExchangeRow
from fairwitness.proxy.hellos import PatientTls
from fairwitness.testing import Reply, Town, curl, is_blocked
from fairwitness.testing.hello import client_hello

TURNS = 5


def records(message: bytes) -> list[bytes]:
    """The same message in records of one byte each."""
    return [b"\x16\x03\x01\x00\x01" + message[at : at + 1] for at in range(len(message))]


def cost_s(pieces: Sequence[bytes]) -> float:
    """The least time that a hello of these pieces, none of which ends it, took to read."""
    took = []
    for _ in range(TURNS):
        context = Context(tclient_conn(), Options())
        ServerTLSLayer(context)
        tls = PatientTls(context)
        began_s = time.process_time()
        for piece in pieces:
            with contextlib.suppress(StopIteration):
                next(tls.receive_handshake_data(piece))
                raise AssertionError("the hello was over")
        took.append(time.process_time() - began_s)
    return min(took)


def test_a_hello_of_four_times_the_records_costs_four_times_as_much() -> None:
    """Parsed again with each record it would be sixteen times."""
    message = b"\x01\x00\xff\xff" + bytes(3_000)

    assert cost_s(records(message)) < 8 * cost_s(records(message[:750]))


def test_a_hello_in_records_of_one_byte_is_answered(town: Town) -> None:
    """Sent record by record it is understood: the server's hello comes."""
    message = client_hello("in.test")[5:]
    with town.client() as client:
        client.connect(town.inside.host_port)
        for record in records(message):
            client.send(record)
        answer = client.read()

    assert b"\x16\x03\x03" == answer[:3]
    assert b"\x02" == answer[5:6]


def test_what_begins_like_a_hello_and_is_none_is_closed(town: Town) -> None:
    """An empty record, a record of another kind within the message."""
    for broken in (b"\x16\x03\x01\x00\x00", records(b"\x01\x00")[0] + b"\x17\x03\x03\x00\x01a"):
        with town.client() as client:
            client.connect(town.inside.host_port)
            client.send(broken)
            assert b"" == client.read_until_end()


def through_tls(town: Town, url: str, *arguments: str) -> Reply:
    """What curl gets when it speaks TLS to the proxy itself, trusting the proxy's CA only."""
    ca = str(town.proxy.ca)
    return curl(f"https://{town.proxy.address}", url, "--proxy-cacert", ca, "--cacert", ca, *arguments)


@pytest.mark.gate
@pytest.mark.bypass(65)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_who_speaks_tls_to_the_proxy_meets_the_same_gate(
    town: Town, row_of: Callable[[str], ExchangeRow], scheme: str
) -> None:
    """What is listed passes and is on record, a stranger is blocked and is on record."""
    path = f"/behind-tls-{scheme}"
    listed, strange = (origin.url(path, scheme=scheme) for origin in (town.inside, town.outside))
    passed, refused = through_tls(town, listed), through_tls(town, strange)

    assert (200, True) == (passed.status, is_blocked(refused))
    assert ("allow", "block") == (row_of(listed).decision, row_of(strange).decision)
    assert 1 == len(town.inside.requests_for(path))


@pytest.mark.gate
@pytest.mark.parametrize("offered", [("h2", "http/1.1"), ("h2",), ()])
def test_tls_to_the_proxy_agrees_on_no_http2(town: Town, offered: tuple[str, ...]) -> None:
    """A CONNECT as a stream of HTTP/2 would never be answered, so the client is not led to one."""
    with town.client() as client:
        agreed = client.start_tls(None, ca=town.proxy.ca, alpn=offered)
        reply = client.connect(town.inside.host_port)

    assert ("http/1.1" if "http/1.1" in offered else None) == agreed
    assert 200 == reply.status


@pytest.mark.gate
@pytest.mark.bypass(65)
@pytest.mark.parametrize("is_inside", [False, True])
def test_the_name_of_the_proxy_is_no_destination(town: Town, is_inside: bool) -> None:
    """Who speaks TLS to localhost, or to a name of its own, is judged by what is asked for."""
    replies = []
    for origin in (town.inside, town.outside):
        with town.client() as client:
            client.start_tls("proxy.example", ca=town.proxy.ca, expects="proxy.example")
            if is_inside:
                client.connect(origin.host_port)
            target = "/by-name" if is_inside else origin.url("/by-name")
            replies.append(client.request(target, host=origin.host_port))

    assert 200 == replies[0].status
    assert is_blocked(replies[1])


@pytest.mark.gate
@pytest.mark.bypass(77)
def test_a_resumed_session_is_judged_anew(town: Town) -> None:
    """A ticket for a listed name opens neither another host nor another name, and no request comes early."""
    hellos = town.inside.counts.hellos
    with town.tunnel(town.inside) as first:
        first.request("/resumed", host=town.inside.host_port)
        replies = []
        for origin, name in ((town.inside, "in.test"), (town.outside, "in.test"), (town.inside, "out.test")):
            with town.client() as client:
                client.connect(origin.host_port)
                client.start_tls(name, ca=town.proxy.ca, resumes=first)
                assert client.is_resumed
                replies.append(client.request("/resumed", host=town.inside.host_port))

    assert [False, True, True] == [is_blocked(reply) for reply in replies]
    assert 2 == len(town.inside.requests_for("/resumed"))
    assert 2 == town.inside.counts.hellos - hellos


@pytest.mark.gate
def test_a_server_name_that_cannot_be_checked_is_answered(
    town: Town, row_of: Callable[[str], ExchangeRow]
) -> None:
    """A trailing dot, which OpenSSL refuses or no certificate has: a failed dial like any, and on record."""
    path = "/dotted"
    with town.tunnel(town.inside, sni="in.test.") as client:
        reply = client.request(path, host=town.inside.host_port)

    assert 502 == reply.status
    assert "failed" == row_of(town.inside.url(path)).outcome[:6]
    assert () == town.inside.requests_for(path)


@pytest.mark.gate
@pytest.mark.bypass(68)
def test_a_hello_inside_tls_inside_a_connect_ends_the_connection(town: Town) -> None:
    """Whatever it names, the client waits for nothing, no server hears of it, and it is on record."""
    requests = town.inside.counts.requests
    rests = []
    for name in ("in.test", "out.test"):
        with town.tunnel(town.inside) as client:
            client.send(client_hello(name))
            rests.append(client.read_until_end())
    row = town.proxy.wait_for_row(lambda row: row.method == "CONNECT" and row.decision == "block")

    assert [b"", b""] == rests
    assert town.inside.host_port == row.url
    assert requests == town.inside.counts.requests
