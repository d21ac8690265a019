"""docs/what-you-cannot-test.md is true: what arrives as it was sent, in another shape, or not at all."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairwitness.testing import Proxy, policy_text
from fairwitness.testing.scripted import Peer, Scripted

PAGE = Path(__file__).parents[2] / "docs" / "what-you-cannot-test.md"
END = b" HTTP/1.1\r\nHost: HOST\r\n"
CHUNKED = b"POST http://HOST/x" + END + b"Transfer-Encoding: chunked\r\n"
LENGTH = b"POST http://HOST/x" + END + b"Content-Length: 1\r\n"


def get(target: bytes, *lines: bytes) -> bytes:
    """A request for a target of the server, with more header lines."""
    return b"GET http://HOST" + target + END + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


AS_SENT = {
    "dot segments": [(get(b"/a/../b/./c"), b"GET /a/../b/./c HTTP")],
    "percent-encoding, broken or not": [
        (get(b"/%2e%2e/%2F/%c0%af?x=%00&y=%zz"), b"GET /%2e%2e/%2F/%c0%af?x=%00&y=%zz HTTP")
    ],
    "double slashes": [(get(b"//x//y"), b"GET //x//y HTTP")],
    "backslashes, quotes and pipes": [(get(b'/a\\b|c"<>'), b'GET /a\\b|c"<> HTTP')],
    "a fragment": [(get(b"/a#frag"), b"GET /a#frag HTTP")],
    "a method in lower case, or of your own": [
        (get(b"/x").replace(b"GET", method), method + b" /x HTTP") for method in (b"get", b"G-E_T")
    ],
    "HTTP/1.0 and other versions": [
        (get(b"/x").replace(b"HTTP/1.1", version), b"GET /x " + version + b"\r\n")
        for version in (b"HTTP/1.0", b"HTTP/1.9")
    ],
    "headers twice, their order and their case": [
        (get(b"/x", b"X-A: 1", b"X-B: 2", b"x-a: 3"), b"X-A: 1\r\nX-B: 2\r\nx-a: 3\r\n")
    ],
    "bytes above 127 in a header": [(get(b"/x", b"X-A: \xe9"), b"X-A: \xe9\r\n")],
    "two equal Host headers": [(get(b"/x", b"Host: HOST"), b"Host: HOST\r\nHost: HOST\r\n")],
    "a body with GET": [(get(b"/x", b"Content-Length: 1") + b"a", b"\r\n\r\na")],
    "hop-by-hop headers of your own": [
        (get(b"/x", b"Connection: X-A, close", b"X-A: 1"), b"Connection: X-A, close\r\nX-A: 1\r\n")
    ],
}
CHANGED = {
    "no path (`GET http://host`)": [(get(b""), b"GET / HTTP")],
    "spaces after the colon, or none": [
        (get(b"/x", b"X-A:1", b"X-B:   2  "), b"X-A: 1\r\nX-B: 2\r\n"),
    ],
    "a line that ends with LF alone": [(b"GET http://HOST/x HTTP/1.1\nHost: HOST\n\n", b"HTTP/1.1\r\nHost")],
    "chunk extensions": [(CHUNKED + b"\r\n1;a=b\r\nx\r\n0\r\n\r\n", b"\r\n1\r\nx\r\n0\r\n\r\n")],
    "`Expect: 100-continue`": [(LENGTH + b"Expect: 100-continue\r\n\r\na", b"Content-Length: 1\r\n")],
    "an upgrade to `h2c`": [
        (get(b"/x", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMA"), b"/x")
    ],
    "`Proxy-Connection`": [(get(b"/x", b"Proxy-Connection: keep-alive"), b"/x")],
}
GONE = (b"100-continue", b"Upgrade", b"h2c", b"HTTP2-Settings", b"Proxy-Connection", b";a=b")
REFUSED = {
    "raw bytes, a space or a tab in the target": [get(b"/\xff\xfe"), get(b"/a b"), get(b"/a\tb")],
    "a name that only the newer IDNA knows (ß, ς, joiners: `xn--strae-oqa.de`)": [
        get(b"/x").replace(b"HOST", b"xn--strae-oqa.de")
    ],
    "HTTP/0.9": [b"GET http://HOST/x\r\n\r\n"],
    "Content-Length twice, equal or not": [
        LENGTH + b"Content-Length: 1\r\n\r\na",
        LENGTH + b"Content-Length: 2\r\n\r\nab",
    ],
    "Content-Length with Transfer-Encoding": [CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n"],
    "an odd Transfer-Encoding": [CHUNKED.replace(b"chunked", b"xchunked") + b"\r\n0\r\n\r\n"],
    "a space before the colon, an empty name": [get(b"/x", b"X-A : 1"), get(b"/x", b": v")],
    "folded header lines, NUL in a value": [get(b"/x", b"X-A: 1\r\n  folded"), get(b"/x", b"X-A: a\0b")],
    "an excluded host in `X-Forwarded-Host`, `X-Host`, `Forwarded`": [
        get(b"/x", b"X-Forwarded-Host: secret.test"),
        get(b"/x", b"Forwarded: for=192.0.2.1;host=secret.test"),
    ],
    "another name in Host than in the URL": [get(b"/x").replace(b"Host: HOST", b"Host: other.test")],
}


def serve(peer: Peer) -> None:
    """Answer the first request."""
    while not _is_whole(peer.came) and peer.read():
        pass
    peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


def take(listener: Scripted) -> list[bytes]:
    """What arrived since the last time."""
    seen = [each.came.replace(listener.host.encode(), b"HOST") for each in listener.peers]
    listener.peers.clear()
    return seen


def _is_whole(data: bytes) -> bool:
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return False
    if b"chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    return b"Content-Length: 1" not in head or len(body) == 1


@pytest.fixture(scope="module")
def listener() -> Iterator[Scripted]:
    """The server that no parser stands before."""
    with Scripted(None, address="127.0.0.2") as listener:
        listener.play = serve
        yield listener


@pytest.fixture(scope="module")
def proxy(listener: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy that has it in scope."""
    folder = tmp_path_factory.mktemp("as-sent")
    policy = policy_text(include=[f"http://{listener.host}"], exclude=["http://secret.test:*"])
    with Proxy(folder, policy=policy, resolve=[listener.resolve]) as proxy:
        yield proxy


def answer(proxy: Proxy, listener: Scripted, sent: bytes) -> bytes:
    """The first bytes that come back for bytes sent to the proxy, 100 Continue left out."""
    host, _, port = proxy.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as peer:
        peer.sendall(sent.replace(b"HOST", listener.host.encode()))
        data = b""
        while b"\r\n" not in data.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n"):
            more = peer.recv(1 << 16)
            if not more:
                break
            data += more
    return data.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")


@pytest.mark.parametrize("row", [*AS_SENT, *CHANGED])
def test_what_arrives_arrives_as_the_page_says(proxy: Proxy, listener: Scripted, row: str) -> None:
    """The server's own bytes, not what a parser makes of them."""
    for sent, wanted in (AS_SENT | CHANGED)[row]:
        take(listener)
        assert b"200 OK" in answer(proxy, listener, sent)
        (seen,) = take(listener)
        assert wanted in seen
        assert [] == [each for each in GONE if each in seen]


@pytest.mark.parametrize("row", REFUSED)
def test_what_does_not_arrive_is_answered_here(proxy: Proxy, listener: Scripted, row: str) -> None:
    """With the status that the page names, and not one byte at the server."""
    (status,) = re.findall(rf"^\| {re.escape(row)} \| (\d+)", PAGE.read_text(), re.MULTILINE)
    for sent in REFUSED[row]:
        take(listener)
        assert f" {status} ".encode() in answer(proxy, listener, sent)
        assert [] == take(listener)


def test_every_row_of_the_page_is_tried() -> None:
    """And every try stands on the page."""
    rows = re.findall(r"^\| ([^|]+) \|", PAGE.read_text(), re.MULTILINE)

    assert {*AS_SENT, *CHANGED, *REFUSED} == {row for row in rows if row != "you send"}
