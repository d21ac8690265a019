"""What the policy lists passes, unchanged, and is on record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version

import pytest
from wsproto.events import BytesMessage, TextMessage

from fairwitness.model.record import ExchangeRecord, ExchangeRow
from fairwitness.testing import Http2Client, Town, WebSocketClient, pattern_sha256

pytestmark = pytest.mark.gate

SPEAKS_HTTP2 = int(version("mitmproxy").split(".")[0]) >= 12  # 11.0.2 pins an h2 with advisories: HTTP/1 only


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_listed_host_is_reached_and_on_record(
    town: Town, row_of: Callable[[str], ExchangeRow], scheme: str
) -> None:
    """The origin answers, and the log has the exchange with its verdict, clause and both hashes."""
    url = town.inside.url(f"/plain-{scheme}?a=1", scheme=scheme)

    reply = town.curl(url, "--data", "some body")

    seen = town.inside.requests_for(f"/plain-{scheme}")
    row = row_of(url)
    record = town.proxy.record(row)
    assert 200 == reply.status
    assert [("POST", f"/plain-{scheme}?a=1".encode())] == [(each.method, each.target) for each in seen]
    assert ("allow", "include", 200, "complete") == (row.decision, row.scope_list, row.status, row.outcome)
    assert f"scope.include[{0 if scheme == 'http' else 1}]" == row.clause
    assert seen[0].body_sha256 == record.request_body_sha256
    assert b"some body" == record.request_body
    assert (reply.body, hashlib.sha256(reply.body).hexdigest()) == (
        record.response_body,
        record.response_body_sha256,
    )


def test_the_log_has_the_head_as_it_was_sent(town: Town, row_of: Callable[[str], ExchangeRow]) -> None:
    """Headers stand in the log as the origin got them: names, values, order, identification included."""
    url = town.inside.url("/head-as-sent", scheme="https")

    town.curl(url, "--http1.1", "-H", "X-Odd-CaSe:  two  spaces", "-H", "X-Twice: 1", "-H", "X-Twice: 2")

    seen = town.inside.requests_for("/head-as-sent")[0]
    record = town.proxy.record(row_of(url))
    assert seen.headers == record.request_headers
    assert (b"X-Bug-Bounty", b"tester") in seen.headers


def test_a_method_is_on_record_in_the_case_in_which_it_left(
    town: Town, row_of: Callable[[str], ExchangeRow]
) -> None:
    """Servers may tell them apart; the log is found by it in any case."""
    url = town.inside.url("/method-as-sent", scheme="http")
    with town.client() as client:
        client.request(url, host=town.inside.host_port, method="pUt", body=b"x")
    record = town.proxy.record(row_of(url))
    found = town.proxy.command("log", "--method", "put")

    assert ["pUt"] == [seen.method for seen in town.inside.requests_for("/method-as-sent")]
    assert record.request_line.startswith(b"pUt /method-as-sent ")
    assert "/method-as-sent" in found.stdout


def test_http2_is_kept_where_it_is_safe(town: Town, row_of: Callable[[str], ExchangeRow]) -> None:
    """With mitmproxy 12 HTTP/2 goes on as HTTP/2, all streams on one connection; with 11 it is HTTP/1."""
    offered = ("h2", "http/1.1")
    with town.tunnel(town.inside, alpn=offered) as raw:
        agreed = raw.selected_protocol
        if SPEAKS_HTTP2:
            client = Http2Client(raw)
            streams = [client.start(f"/h2-{n}", authority=town.inside.host_port) for n in range(5)]
            statuses = [client.reply(stream).status for stream in streams]
        else:
            statuses = [raw.request(f"/h2-{n}", host=town.inside.host_port).status for n in range(5)]

    seen = town.inside.requests_below("/h2-")
    rows = [row_of(town.inside.url(f"/h2-{n}")) for n in range(5)]
    assert ("h2" if SPEAKS_HTTP2 else "http/1.1") == agreed
    assert [200] * 5 == statuses
    assert {"HTTP/2.0" if SPEAKS_HTTP2 else "HTTP/1.1"} == {each.http_version for each in seen}
    assert 1 == len({each.connection for each in seen})
    assert ["allow"] * 5 == [row.decision for row in rows]


@pytest.mark.parametrize("secure", [True, False])
def test_websocket_echo_passes(town: Town, secure: bool) -> None:
    """ws and wss pass with text and binary messages, and the log has them in both directions."""
    path = f"/echo-{secure}"
    with town.client() as plain:
        if secure:
            plain.connect(town.inside.host_port)
            plain.start_tls("in.test", ca=town.proxy.ca)
        socket = WebSocketClient(plain)
        target = path if secure else town.inside.url(path, scheme="http")
        reply = socket.handshake(target, host=town.inside.host_port)
        socket.send(TextMessage(data="hällo"))
        text = socket.receive()
        socket.send(BytesMessage(data=bytes(range(256))))
        binary = socket.receive()

    url = town.inside.url(path, scheme="wss" if secure else "ws")
    # What the server sent is committed up to 50 ms after it went on.
    row = town.proxy.wait_for_row(
        lambda row: row.url == url and len(_echoes(town.proxy.record(row), "received")) >= 2
    )
    record = town.proxy.record(row)
    assert 101 == reply.status
    assert ("hällo".encode(), bytes(range(256))) == (text.content, binary.content)
    for direction in ("sent", "received"):
        assert [("text", "hällo".encode()), ("binary", bytes(range(256)))] == _echoes(record, direction)


def _echoes(record: ExchangeRecord, direction: str) -> list[tuple[str, bytes | None]]:
    """The first two messages of a direction."""
    return [(each.kind, each.content) for each in record.messages if each.direction == direction][:2]


def test_plain_websocket_inside_a_connect_passes(town: Town) -> None:
    """Browsers send CONNECT for ws:// too; the HTTP inside is judged and passed on."""
    with town.client() as client:
        opened = client.connect(town.inside.host_port)
        socket = WebSocketClient(client)
        reply = socket.handshake("/ws-in-connect", host=town.inside.host_port)
        socket.send(TextMessage(data="x"))
        echo = socket.receive()

    assert (200, 101, b"x") == (opened.status, reply.status, echo.content)
    assert 1 == len(town.inside.requests_for("/ws-in-connect"))


def test_a_callback_host_of_ones_own_is_reached(town: Town, row_of: Callable[[str], ExchangeRow]) -> None:
    """A host on `mine` is allowed and logged under that list."""
    url = town.mine.url("/hook")

    reply = town.curl(url)

    assert 200 == reply.status
    assert ("allow", "mine") == (row_of(url).decision, row_of(url).scope_list)


@pytest.mark.parametrize("spelling", ["IN.test", "in.test.", "iN.TeSt."])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_other_spellings_of_a_listed_name_reach_it(town: Town, scheme: str, spelling: str) -> None:
    """Case and a trailing dot are the same host, as in a browser."""
    path = f"/spelled-{scheme}-{spelling}"
    reply = town.curl(town.inside.url(path, scheme=scheme, host=spelling))

    assert 200 == reply.status
    assert 1 == len(town.inside.requests_for(path))


def test_kept_alive_connections_are_reused_upstream(town: Town) -> None:
    """Ten requests in one tunnel come to the origin on one connection."""
    with town.tunnel(town.inside) as client:
        statuses = [client.request(f"/keep-{n}", host=town.inside.host_port).status for n in range(10)]

    seen = town.inside.requests_below("/keep-")
    assert [200] * 10 == statuses
    assert [f"/keep-{n}" for n in range(10)] == [each.path for each in seen]
    assert 1 == len({each.connection for each in seen})


def test_a_coded_body_is_on_record_decoded(town: Town, row_of: Callable[[str], ExchangeRow]) -> None:
    """The client gets gzip as sent; the log has the content, its hash, and the hash of the coded bytes."""
    url = town.inside.url("/gzip")

    reply = town.curl(url)

    record = town.proxy.record(row_of(url))
    assert "gzip" == reply.header("content-encoding")
    assert b"coded " * 1000 == record.response_body
    assert hashlib.sha256(b"coded " * 1000).hexdigest() == record.response_body_sha256
    assert ("coded-sha256", hashlib.sha256(reply.body).hexdigest()) in record.meta


def test_server_events_arrive_while_the_response_is_open(town: Town) -> None:
    """An event stream is passed on event by event, not gathered until its end."""
    with town.tunnel(town.inside) as client:
        client.send(f"GET /events HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
        received = b""
        while b": listening" not in received:
            received += client.read()
        town.inside.emit("first")
        while b"data: first" not in received:
            received += client.read()
        town.inside.emit("second")
        while b"data: second" not in received:
            received += client.read()

    assert received.startswith(b"HTTP/1.1 200")


def test_an_answer_that_breaks_is_on_record_as_failed(town: Town) -> None:
    """A response cut off by the origin is cut off for the client, and the log says so."""
    url = town.inside.url("/broken/100000")

    reply = town.curl(url, "--http1.1")

    row = town.proxy.wait_for_row(lambda row: row.url == url and row.outcome.startswith("failed"))
    assert len(reply.body) < 100_000
    assert "allow" == row.decision


def test_a_redirect_to_the_outside_is_passed_and_not_followed(town: Town) -> None:
    """The redirect itself is the client's; the request to its target is blocked, and the answer says so."""
    target = town.outside.url("/landing")
    reply = town.curl(town.inside.url(f"/redirect?to={target}"))
    followed = town.curl(town.inside.url(f"/redirect?to={target}"), "--location")

    assert (302, target) == (reply.status, reply.header("location"))
    assert b"403" in followed.body.split(b"\r\n", 1)[0]
    assert b"redirected here: the redirect itself is your proof" in followed.body


def test_big_answers_have_the_right_bytes(town: Town, row_of: Callable[[str], ExchangeRow]) -> None:
    """Five MB of unknown length arrive whole and are on record by size and hash."""
    url = town.inside.url("/chunked/5000001")
    reply = town.curl(url)

    record = town.proxy.record(row_of(url))
    assert pattern_sha256(5_000_001) == hashlib.sha256(reply.body).hexdigest()
    assert (5_000_001, pattern_sha256(5_000_001)) == (
        record.response_body_bytes,
        record.response_body_sha256,
    )


def test_what_the_client_sent_is_what_the_origin_got(town: Town) -> None:
    """Target, method and unknown headers go through untouched."""
    target = "/%41%2e%2E/a//b;c?x=%00&y=~"
    with town.tunnel(town.inside) as client:
        reply = client.request(target, host=town.inside.host_port, method="PROPFIND", headers=[("X-Y", "z")])

    told = json.loads(reply.body)
    assert ("PROPFIND", target) == (told["method"], told["target"])
    assert ["X-Y", "z"] in told["headers"]
