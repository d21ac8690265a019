"""The origin itself: what it counts is what came."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Callable

import pytest
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from fairwitness.testing import (
    Authority,
    Counts,
    Disconnected,
    Http2Client,
    Origin,
    RawClient,
    WebSocketClient,
    curl,
    pattern_chunks,
    pattern_sha256,
)
from fairwitness.testing.hello import handshake_message, read_hello

MakeOrigin = Callable[..., Origin]


def _address(origin: Origin) -> str:
    return f"{origin.address}:{origin.port}"


def _direct(origin: Origin, authority: Authority, path: str, *more: str, scheme: str = "https") -> object:
    arguments = ["--cacert", str(authority.pem), "--resolve", origin.resolve, *more]
    return curl(None, origin.url(path, scheme=scheme), *arguments)


def test_a_bare_connection_counts_as_an_accept_and_nothing_else(make_origin: MakeOrigin) -> None:
    """A TCP connect without a byte is seen."""
    origin = make_origin("in.test")

    socket.create_connection((origin.address, origin.port)).close()
    origin.wait_for(lambda it: it.counts.accepts == 1, "an accept")

    assert Counts(1, 0, 0) == origin.counts


def test_a_hello_that_never_becomes_a_handshake_is_seen_with_its_name(
    make_origin: MakeOrigin, authority: Authority
) -> None:
    """The ClientHello is noted from the raw bytes, even when the client leaves right after it."""
    origin = make_origin("in.test")

    with RawClient(_address(origin)) as client, pytest.raises(OSError):  # noqa: PT011 - SSLError of any kind
        client.start_tls("stranger.test", ca=authority.pem, alpn=("h2", "http/1.1"), expects="other.test")
    origin.wait_for(lambda it: it.counts.hellos == 1, "a hello")

    assert ("stranger.test", ("h2", "http/1.1")) == (origin.hellos[0].sni, origin.hellos[0].alpn)


def test_a_hello_is_read_however_it_is_split(make_origin: MakeOrigin, authority: Authority) -> None:
    """Records and TCP segments may cut a ClientHello anywhere."""
    hello = _captured_hello("split.test")
    message = hello[5:]
    records = b"".join(
        b"\x16\x03\x01" + len(piece).to_bytes(2) + piece
        for piece in (message[:7], message[7:60], message[60:])
    )

    for cut in range(len(records)):
        assert handshake_message(records[:cut]) is None
    whole = handshake_message(records)

    assert whole == message
    assert "split.test" == read_hello(whole, connection=1).sni


def test_a_cut_hello_is_an_error_not_a_guess() -> None:
    """No prefix of a ClientHello with a corrected length is taken for one."""
    message = _captured_hello("cut.test")[5:]

    for cut in range(4, len(message)):
        shorter = message[:1] + (cut - 4).to_bytes(3) + message[4:cut]
        if cut == _hello_without_extensions(message):
            continue
        with pytest.raises(ValueError, match="ClientHello"):
            read_hello(shorter, connection=1)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_one_port_answers_plain_and_tls(make_origin: MakeOrigin, authority: Authority, scheme: str) -> None:
    """A request is counted with method, target, headers as spelled, and body hash."""
    origin = make_origin("in.test")

    reply = _direct(origin, authority, "/a?b=c", "-d", "body", "-H", "X-CaSe: 1", "--http1.1", scheme=scheme)

    seen = origin.requests[0]
    assert 200 == reply.status
    assert ("POST", b"/a?b=c", "HTTP/1.1") == (seen.method, seen.target, seen.http_version)
    assert (b"X-CaSe", b"1") in seen.headers
    assert (4, hashlib.sha256(b"body").hexdigest()) == (seen.body_bytes, seen.body_sha256)
    assert Counts(1, 1 if scheme == "https" else 0, 1) == origin.counts


def test_http2_streams_share_one_connection(make_origin: MakeOrigin, authority: Authority) -> None:
    """Streams are answered side by side; a slow one holds nobody up."""
    origin = make_origin("in.test")

    with RawClient(_address(origin)) as raw:
        agreed = raw.start_tls("in.test", ca=authority.pem, alpn=("h2",), expects="in.test")
        client = Http2Client(raw)
        slow = client.start("/wait/one", authority=origin.host_port)
        quick = client.request("/", authority=origin.host_port, method="POST", body=b"x" * 20_000)
        big = client.request("/bytes/300000", authority=origin.host_port)
        origin.release("one")
        late = client.reply(slow)

    assert "h2" == agreed
    assert [200, 200, 200] == [quick.status, big.status, late.status]
    assert pattern_sha256(300_000) == hashlib.sha256(big.body).hexdigest()
    assert 20_000 == json.loads(quick.body)["body_bytes"]
    assert Counts(1, 1, 3) == origin.counts
    assert {"HTTP/2.0"} == {seen.http_version for seen in origin.requests}


@pytest.mark.parametrize("path", ["bytes", "chunked"])
def test_big_downloads_have_the_promised_bytes(
    make_origin: MakeOrigin, authority: Authority, path: str
) -> None:
    """The pattern's hash is what a client computes over the body."""
    origin = make_origin("in.test")

    reply = _direct(origin, authority, f"/{path}/3000001")

    assert pattern_sha256(3_000_001) == hashlib.sha256(reply.body).hexdigest()


def test_big_uploads_are_hashed_not_kept(make_origin: MakeOrigin, authority: Authority) -> None:
    """Size and hash of a body of unknown length are right; only its beginning is kept."""
    origin = make_origin("in.test")

    with RawClient(_address(origin)) as client:
        client.send(b"POST /up HTTP/1.1\r\nHost: in.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        for chunk in pattern_chunks(1_000_000):
            client.send(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        client.send(b"0\r\n\r\n")
        client.reply()

    seen = origin.requests[0]
    assert (1_000_000, pattern_sha256(1_000_000)) == (seen.body_bytes, seen.body_sha256)
    assert 1 << 16 == len(seen.body)


def test_a_broken_response_breaks(make_origin: MakeOrigin) -> None:
    """Half of the promised bytes come, then the connection is gone."""
    origin = make_origin("in.test")

    with RawClient(_address(origin)) as client, pytest.raises(Disconnected):
        client.request("/broken/200000", host="in.test")

    assert 1 == origin.counts.requests


def test_websocket_frames_are_echoed_and_counted(make_origin: MakeOrigin, authority: Authority) -> None:
    """Messages, pings both ways and the close are all on the tally."""
    origin = make_origin("in.test")

    with RawClient(_address(origin)) as raw:
        raw.start_tls("in.test", ca=authority.pem)
        client = WebSocketClient(raw)
        reply = client.handshake("/ws", host=origin.host_port)
        client.send(TextMessage(data="hello"))
        client.send(BytesMessage(data=b"\0\xff"))
        client.send(Ping(payload=b"p1"))
        client.send(TextMessage(data="ping: p2"))
        received = [client.receive() for _ in range(4)]
        client.send(CloseConnection(code=1000))
        origin.wait_for(lambda it: any(m.kind == "close" for m in it.messages), "a close")

    assert 101 == reply.status
    assert [("text", b"hello"), ("binary", b"\0\xff"), ("pong", b"p1"), ("ping", b"p2")] == [
        (message.kind, message.content) for message in received
    ]
    assert [
        ("text", b"hello"),
        ("binary", b"\0\xff"),
        ("ping", b"p1"),
        ("text", b"ping: p2"),
        ("pong", b"p2"),
        ("close", b"1000"),
    ] == [(message.kind, message.content) for message in origin.messages]


def test_events_come_when_emitted(make_origin: MakeOrigin) -> None:
    """Server-sent events arrive one by one while the response stays open."""
    origin = make_origin("in.test")

    with RawClient(_address(origin)) as client:
        client.send(b"GET /events HTTP/1.1\r\nHost: in.test\r\n\r\n")
        first = client.read()
        while b": listening" not in first:
            first += client.read()
        origin.emit("one")
        event = client.read()

    assert b"data: one" in event


def test_raw_origins_greet_and_echo(make_origin: MakeOrigin) -> None:
    """A raw origin speaks first and returns what it gets."""
    origin = make_origin("ssh.test", raw=True, greeting=b"SSH-2.0-lab\r\n")

    with RawClient(_address(origin)) as client:
        greeting = client.read()
        client.send(b"SSH-2.0-client\r\n")
        echo = client.read()

    assert (b"SSH-2.0-lab\r\n", b"SSH-2.0-client\r\n") == (greeting, echo)
    assert [("tcp", b"SSH-2.0-client\r\n")] == [(it.kind, it.content) for it in origin.messages]


def test_redirects_lead_where_they_say(make_origin: MakeOrigin, authority: Authority) -> None:
    """``/redirect?to=`` answers 302 with that Location."""
    origin = make_origin("in.test")

    reply = _direct(origin, authority, "/redirect?to=https%3A%2F%2Fout.test%2F")

    assert (302, "https://out.test/") == (reply.status, reply.header("location"))


def test_nonsense_is_counted_as_an_accept_only(make_origin: MakeOrigin) -> None:
    """Bytes that are no HTTP leave an accept behind, and the next client is served."""
    origin = make_origin("in.test")

    with RawClient(_address(origin)) as client:
        client.send(b"\0\1\2 nonsense\r\n\r\n")
        end = client.read_until_end()
    with RawClient(_address(origin)) as client:
        reply = client.request("/", host="in.test")

    assert (b"", 200) == (end, reply.status)
    assert Counts(2, 0, 1) == origin.counts


def _captured_hello(name: str) -> bytes:
    import ssl

    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def _hello_without_extensions(message: bytes) -> int:
    """Where a hello may end and still be one: before the length of its extensions."""
    at = 4 + 34
    at += 1 + message[at]
    at += 2 + int.from_bytes(message[at : at + 2])
    return at + 1 + message[at]
