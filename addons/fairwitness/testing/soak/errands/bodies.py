"""Uploads and downloads, short and long, with and without a length."""

from __future__ import annotations

from fairwitness.testing.site import pattern_chunks
from fairwitness.testing.soak.errands.errand import Errand

_SIZES = (1, 900, 70_000, 1_500_000)  # below and above what is decided whole


def upload(errand: Errand) -> None:
    """A body with a length."""
    size = errand.luck.choice(_SIZES)
    with errand.town.tunnel(errand.town.inside) as client:
        head = (
            f"POST {errand.target('/up')} HTTP/1.1\r\nHost: {errand.host}\r\nContent-Length: {size}\r\n\r\n"
        )
        client.send(head.encode())
        for chunk in pattern_chunks(size):
            client.send(chunk)
        errand.got("/up", client.reply(method="POST"))


def upload_in_chunks(errand: Errand) -> None:
    """A body without a length, sometimes with trailers."""
    head = f"PUT {errand.url('/up')} HTTP/1.1\r\nHost: {errand.host}\r\nTransfer-Encoding: chunked\r\n\r\n"
    trailer = b"X-Sum: 1\r\n" if errand.luck.random() < 0.3 else b""
    with errand.town.client() as client:
        client.send(head.encode())
        for _ in range(errand.luck.randint(1, 5)):
            client.send(b"400\r\n" + b"c" * 1024 + b"\r\n")
        client.send(b"0\r\n" + trailer + b"\r\n")
        errand.got("/up", client.reply(method="PUT"))


def upload_asked_for(errand: Errand) -> None:
    """A client that waits for ``100 Continue``."""
    start = f"POST {errand.url('/up')} HTTP/1.1\r\nHost: {errand.host}\r\n"
    head = f"{start}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    with errand.town.client() as client:
        client.send(head.encode())
        client.read()
        client.send(b"body")
        errand.got("/up", client.reply(method="POST"))


def download(errand: Errand) -> None:
    """A body with a length."""
    with errand.town.tunnel(errand.town.inside) as client:
        errand.ask(client, f"/bytes/{errand.luck.choice(_SIZES)}", is_inside=True)


def download_in_chunks(errand: Errand) -> None:
    """A body without a length."""
    with errand.town.client() as client:
        errand.ask(client, f"/chunked/{errand.luck.choice(_SIZES)}", is_inside=False)


def packed(errand: Errand) -> None:
    """A body that is compressed."""
    with errand.town.client() as client:
        client.request(errand.url("/gzip"), host=errand.host)


def slow_answer(errand: Errand) -> None:
    """A server that thinks before it answers."""
    with errand.town.client() as client:
        errand.ask(client, f"/slow/{errand.luck.randint(100, 1500)}/x", is_inside=False)


def broken_off(errand: Errand) -> None:
    """A server that promises more than it gives."""
    with errand.town.client() as client:
        errand.ask(client, "/broken/90000", is_inside=False)


BODIES = (
    upload,
    upload_in_chunks,
    upload_asked_for,
    download,
    download_in_chunks,
    packed,
    slow_answer,
    broken_off,
)
