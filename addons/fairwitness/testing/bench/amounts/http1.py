"""Heads, hellos and bodies without end, and connections without a word."""

from __future__ import annotations

import contextlib

from fairwitness.testing.client import Disconnected, RawClient
from fairwitness.testing.deaf import mute
from fairwitness.testing.town import Town

_MIB = 1 << 20


def endless_hello(town: Town, kib: int) -> None:
    """A ClientHello that announces 16 MiB and goes on until the proxy has enough."""
    records = b"\x16\x03\x01\x04\x00" + bytes(1024)
    with town.client() as client, contextlib.suppress(OSError):
        client.connect(town.inside.host_port)
        client.send(b"\x16\x03\x01\x04\x00\x01\xff\xff\xff" + bytes(1020))
        for _ in range(kib):
            client.send(records)
        client.half_close()
        client.read_until_end()


def long_heads(town: Town, mib: int) -> None:
    """Requests with a header of 1 MiB each."""
    value = "a" * _MIB
    for _ in range(mib):
        with town.client() as client, contextlib.suppress(OSError, Disconnected):
            url = town.inside.url("/long-head", scheme="http")
            client.request(url, host=town.inside.host_port, headers=[("X-Long", value)])


def endless_head(town: Town, mib: int) -> None:
    """A header that does not end."""
    _without_end(town, f"GET {town.inside.url('/', scheme='http')} HTTP/1.1\r\nX-Long: ".encode(), mib)


def endless_chunk_line(town: Town, mib: int) -> None:
    """The line before a chunk of an upload, which does not end."""
    _chunked(town, b"5;a=", mib)


def endless_trailers(town: Town, mib: int) -> None:
    """The lines behind an upload, which do not end."""
    _chunked(town, b"0\r\nX-Long: ", mib)


def _chunked(town: Town, beginning: bytes, mib: int) -> None:
    head = f"POST {town.inside.url('/chunks', scheme='http')} HTTP/1.1\r\nHost: {town.inside.host_port}"
    _without_end(town, f"{head}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + beginning, mib)


def _without_end(town: Town, beginning: bytes, mib: int) -> None:
    with town.client() as client, contextlib.suppress(OSError, Disconnected):
        client.send(beginning)
        for _ in range(mib):
            client.send(b"a" * _MIB)


def servers_endless_announcement(town: Town, mib: int) -> None:
    """The head of a 103, which does not end."""
    _answered(town, b"HTTP/1.1 103 Early Hints\r\nLink: ", mib)


def servers_endless_chunk_line(town: Town, mib: int) -> None:
    """The line before a chunk of an answer, which does not end."""
    _answered(town, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=", mib)


def servers_endless_trailers(town: Town, mib: int) -> None:
    """The lines behind an answer, which do not end."""
    _answered(town, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Long: ", mib)


def _answered(town: Town, beginning: bytes, mib: int) -> None:
    with mute(town.inside) as listener, town.client() as client, contextlib.suppress(OSError):
        url = town.inside.url("/chunks", scheme="http")
        client.send(f"GET {url} HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
        server, _ = listener.accept()
        with server:
            server.recv(_MIB)
            server.sendall(beginning)
            for _ in range(mib):
                server.sendall(b"a" * _MIB)


def sent_behind(town: Town, mib: int) -> None:
    """Bytes behind a request that waits for its answer."""
    url = town.inside.url("/slow/3000/behind", scheme="http")
    with town.client() as client, contextlib.suppress(OSError, Disconnected):
        client.send(f"GET {url} HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
        for _ in range(mib):
            client.send(bytes(_MIB))
        client.reply()


def idle(town: Town, count: int) -> None:
    """Connections that say nothing, all open at once."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(RawClient(town.proxy.address))
        town.curl(town.inside.url("/beside-the-idle"))


def long_answer(town: Town, mib: int) -> None:
    """One answer of that size."""
    with town.client() as client:
        url = town.inside.url(f"/bytes/{mib * _MIB}", scheme="http")
        client.send(f"GET {url} HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
        client.reply(sink=len)
