"""What the policy does not list never sees a packet, however it is asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fairwitness.model.record import ExchangeRow
from fairwitness.testing import Counts, Disconnected, Town, is_blocked

pytestmark = pytest.mark.gate

UNTOUCHED = Counts(0, 0, 0)


@pytest.mark.bypass(1)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_stranger_is_answered_locally(
    town: Town, row_of: Callable[[str], ExchangeRow], scheme: str
) -> None:
    """403 with the header (inside TLS for https), a block in the log with the id that the header names."""
    url = town.outside.url(f"/stranger-{scheme}", scheme=scheme)

    reply = town.curl(url)

    row = row_of(url)
    assert is_blocked(reply)
    assert f"blocked; id={row.id}" == reply.header("x-fairwitness")
    assert ("block", "blocked", None) == (row.decision, row.outcome, row.status)
    assert UNTOUCHED == town.outside.counts


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE", "BREW"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_method_reaches_a_stranger(town: Town, scheme: str, method: str) -> None:
    """The method makes no difference."""
    arguments = ["--head"] if method == "HEAD" else ["-X", method]
    reply = town.curl(town.outside.url("/m", scheme=scheme), *arguments)

    assert is_blocked(reply)
    assert UNTOUCHED == town.outside.counts


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_upload_to_a_stranger_goes_nowhere(town: Town, scheme: str) -> None:
    """Three MB to a stranger are refused; neither head nor body leaves."""
    target = town.outside.url("/up", scheme=scheme) if scheme == "http" else "/up"
    head = f"POST {target} HTTP/1.1\r\nHost: {town.outside.host_port}\r\nContent-Length: 3000000\r\n\r\n"
    with town.client() as client:
        if scheme == "https":
            client.connect(town.outside.host_port)
            client.start_tls("out.test", ca=town.proxy.ca)
        client.send(head.encode())
        reply = client.reply()

    assert is_blocked(reply)
    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(1)
@pytest.mark.parametrize("secure", [True, False])
def test_no_websocket_reaches_a_stranger(town: Town, secure: bool) -> None:
    """ws and wss handshakes are refused with the block answer."""
    with town.websocket(town.outside, secure=secure) as (_, reply):
        pass

    assert is_blocked(reply)
    assert UNTOUCHED == town.outside.counts


def test_a_client_that_offers_http2_gets_the_block_too(town: Town) -> None:
    """Whatever protocol is agreed on with a blocked client, it gets 403 and the header."""
    reply = town.curl(town.outside.url("/h2"), "--http2")

    assert is_blocked(reply)
    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(7)
@pytest.mark.parametrize("port", [22, 25, 443])
def test_connect_alone_dials_nobody(town: Town, port: int) -> None:
    """A CONNECT that nothing follows leaves the stranger alone, whatever it is answered."""
    with town.client() as client:
        client.connect(f"out.test:{port}")
        client.connect(town.outside.host_port)

    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(7)
@pytest.mark.parametrize(
    "opening", [b"SSH-2.0-OpenSSH_9\r\n", b"\0\1\2\3", b"EHLO x\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
)
def test_no_raw_bytes_reach_a_stranger(town: Town, opening: bytes) -> None:
    """Bytes that are no TLS, inside a CONNECT to a stranger, are not relayed and get no echo."""
    with town.client() as client:
        answer = client.connect(town.outside.host_port)
        if answer.status == 200:
            client.send(opening)
            received = client.read_until_end()
        else:
            received = b""

    assert opening not in received
    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(42)
def test_plain_http_in_a_connect_to_a_stranger_is_blocked(town: Town) -> None:
    """HTTP without TLS inside a CONNECT is judged like any HTTP."""
    with town.client() as client:
        client.connect(town.outside.host_port)
        reply = client.request("/plain", host=town.outside.host_port)

    assert is_blocked(reply)
    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(43)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_another_port_of_a_listed_host_is_a_stranger(town: Town, scheme: str) -> None:
    """A port that no entry names is out of scope, on the same name."""
    reply = town.curl(town.side.url("/", scheme=scheme))

    assert is_blocked(reply)
    assert UNTOUCHED == town.side.counts


@pytest.mark.bypass(7, 43)
def test_raw_bytes_to_another_port_of_a_listed_host_go_nowhere(town: Town) -> None:
    """SSH to a port that no entry names is not dialled."""
    with town.client() as client:
        if client.connect(town.side.host_port).status == 200:
            client.send(b"SSH-2.0-x\r\n")
            client.read_until_end()

    assert UNTOUCHED == town.side.counts


@pytest.mark.bypass(7)
def test_raw_bytes_in_a_web_entry_are_not_relayed(town: Town) -> None:
    """An entry with a scheme opens no raw TCP: SSH bytes never reach the in-scope host."""
    with town.client() as client:
        if client.connect(town.inside.host_port).status == 200:
            client.send(b"SSH-2.0-x\r\n")
            received = client.read_until_end()
        else:
            received = b""

    assert b"SSH-2.0" not in received
    assert () == tuple(message for message in town.inside.messages if message.kind == "tcp")


def test_a_tool_gets_a_reason_and_what_to_write(town: Town) -> None:
    """The answer to a tool names the host and is short."""
    reply = town.curl(town.outside.url("/reason"))

    assert b"out.test" in reply.body
    assert b"policy.yaml" in reply.body
    assert b"<html" not in reply.body.lower()


def test_a_navigation_gets_a_page(town: Town) -> None:
    """A person's navigation gets HTML that names the host, and that no cache keeps."""
    navigation = _fetch("none", "navigate", "document", ("Sec-Fetch-User", "?1"))
    reply = town.curl(town.outside.url("/nav"), *navigation, "-H", "Accept: text/html")

    assert is_blocked(reply)
    assert "text/html" in (reply.header("content-type") or "")
    assert b"out.test" in reply.body
    assert "no-store" in (reply.header("cache-control") or "")


@pytest.mark.parametrize(
    ("site", "mode", "dest"),
    [
        ("cross-site", "no-cors", "image"),
        ("cross-site", "cors", "empty"),
        ("same-site", "no-cors", "script"),
        ("cross-site", "navigate", "iframe"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_page_learns_nothing_from_a_block(town: Town, scheme: str, site: str, mode: str, dest: str) -> None:
    """A sub-request of a page gets an empty 403 without the header: it must not recognise the tool."""
    reply = town.curl(town.outside.url("/sub", scheme=scheme), *_fetch(site, mode, dest))

    assert (403, b"", None) == (reply.status, reply.body, reply.header("x-fairwitness"))
    assert "no-store" in (reply.header("cache-control") or "")
    assert b"fairwitness" not in b" ".join(name + value for name, value in reply.headers).lower()
    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(1)
def test_a_stranger_that_does_not_exist_is_not_looked_up(
    town: Town, row_of: Callable[[str], ExchangeRow]
) -> None:
    """A name without an address gets the block, not a resolver's error: nobody was asked."""
    url = "https://no-such-name.invalid/"
    reply = town.curl(url)

    assert is_blocked(reply)
    assert "block" == row_of(url).decision


def test_the_same_block_over_and_over_is_one_row_with_one_answer_each(town: Town) -> None:
    """Identical blocks are folded in the log; each client still gets its 403."""
    url = town.outside.url("/again-and-again")
    replies = [town.curl(url) for _ in range(5)]

    rows = [row for row in town.proxy.rows() if row.url == url]
    assert [403] * 5 == [reply.status for reply in replies]
    assert 1 == len(rows)
    assert {f"blocked; id={rows[0].id}"} == {reply.header("x-fairwitness") for reply in replies}


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_noise_is_refused_quietly(town: Town, scheme: str) -> None:
    """A host on `noise` gets 403 and no packet."""
    reply = town.curl(town.chatter.url("/beacon", scheme=scheme))

    assert 403 == reply.status
    assert UNTOUCHED == town.chatter.counts


@pytest.mark.bypass(32)
def test_http09_and_garbage_are_refused(town: Town) -> None:
    """Bytes that are no request get an error or the end; no stranger is dialled, no request leaves."""
    before = town.inside.counts.requests
    for garbage in (
        f"GET {town.outside.url('/', scheme='http')}\r\n\r\n".encode(),
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        f"GET {town.outside.url('/', scheme='http')} HTTP/3.7\r\nHost: in.test\r\n\r\n".encode(),
        b"GET ftp://in.test/ HTTP/1.1\r\nHost: in.test\r\n\r\n",
    ):
        with town.client() as client:
            client.send(garbage)
            try:
                assert 400 <= client.reply().status < 600
            except Disconnected:
                pass

    assert before == town.inside.counts.requests
    assert UNTOUCHED == town.outside.counts


def test_no_socks_is_spoken_unless_asked_for(town: Town) -> None:
    """--mode socks5 is off by default."""
    with town.client() as client:
        client.send(b"\x05\x01\x00\r\n\r\n")
        client.half_close()

        assert b"\x05\x00" not in client.read_until_end()


def _fetch(site: str, mode: str, dest: str, *more: tuple[str, str]) -> list[str]:
    headers = [("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", dest), *more]
    return [argument for name, value in headers for argument in ("-H", f"{name}: {value}")]
