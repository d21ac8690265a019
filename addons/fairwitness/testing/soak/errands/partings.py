"""Clients that go away in the middle, or take their time."""

from __future__ import annotations

import time

from fairwitness.testing.soak.errands.errand import Errand

_DRIP_S = 0.05


def within_the_head(errand: Errand) -> None:
    """Half a request head."""
    with errand.town.client() as client:
        client.send(f"GET {errand.url('/page')} HTTP/1.1\r\nHos".encode())


def within_the_upload(errand: Errand) -> None:
    """Half a body, short or long."""
    size = errand.luck.choice((100, 3_000_000))
    with errand.town.tunnel(errand.town.inside) as client:
        head = (
            f"POST {errand.target('/up')} HTTP/1.1\r\nHost: {errand.host}\r\nContent-Length: {size}\r\n\r\n"
        )
        client.send(head.encode() + b"u" * (size // 2))


def within_the_download(errand: Errand) -> None:
    """Some of a long answer."""
    with errand.town.client() as client:
        client.send(f"GET {errand.url('/bytes/3000000')} HTTP/1.1\r\nHost: {errand.host}\r\n\r\n".encode())
        client.read(1000)


def before_the_answer(errand: Errand) -> None:
    """Gone while the server thinks."""
    with errand.town.client() as client:
        client.send(f"GET {errand.url('/slow/800/x')} HTTP/1.1\r\nHost: {errand.host}\r\n\r\n".encode())


def half_closed(errand: Errand) -> None:
    """Says that it has said all, and listens."""
    with errand.town.client() as client:
        client.send(f"GET {errand.url('/page')} HTTP/1.1\r\nHost: {errand.host}\r\n\r\n".encode())
        client.half_close()
        client.read_until_end()


def slow_head(errand: Errand) -> None:
    """A head that comes in small pieces."""
    head = f"GET {errand.url('/page')} HTTP/1.1\r\nHost: {errand.host}\r\n\r\n".encode()
    with errand.town.client() as client:
        for start in range(0, len(head), 12):
            client.send(head[start : start + 12])
            time.sleep(_DRIP_S)
        errand.got("/page", client.reply())


def slow_reader(errand: Errand) -> None:
    """Reads a long answer in sips."""
    with errand.town.client() as client:
        client.send(f"GET {errand.url('/bytes/1500000')} HTTP/1.1\r\nHost: {errand.host}\r\n\r\n".encode())
        for _ in range(errand.luck.randint(3, 20)):
            if not client.read(20_000):
                return
            time.sleep(_DRIP_S)


def nonsense(errand: Errand) -> None:
    """Bytes that are no request."""
    said = errand.luck.choice((b"\r\n\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"NOPE\r\n\r\n", bytes(200)))
    with errand.town.client() as client:
        client.send(said)
        client.half_close()
        client.read_until_end()


PARTINGS = (
    within_the_head,
    within_the_upload,
    within_the_download,
    before_the_answer,
    half_closed,
    slow_head,
    slow_reader,
    nonsense,
)
