"""Streams on one HTTP/2 connection, of which some are given up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fairwitness.testing.client_http2 import Http2Client
from fairwitness.testing.soak.errands.errand import Errand


@contextmanager
def _streams(errand: Errand) -> Iterator[Http2Client | None]:
    """None where the proxy offers HTTP/1 only, as it does over mitmproxy 11."""
    with errand.town.tunnel(errand.town.inside, alpn=("h2", "http/1.1")) as client:
        yield Http2Client(client) if client.selected_protocol == "h2" else None


def many_streams(errand: Errand) -> None:
    """Several at once, with and without a body."""
    with _streams(errand) as http:
        if http is None:
            return
        started = []
        for number in range(errand.luck.randint(2, 8)):
            path = errand.luck.choice(("/page", "/bytes/70000", "/chunked/900", "/up"))
            body = b"b" * errand.luck.randint(1, 5000) if path == "/up" else b""
            method = "POST" if body else "GET"
            stream = http.start(errand.target(path, number), authority=errand.host, method=method, body=body)
            started.append((stream, path, number))
        for stream, path, number in started:
            errand.got(path, http.reply(stream), number)


def given_up(errand: Errand) -> None:
    """One stream is reset in its middle, another goes on."""
    with _streams(errand) as http:
        if http is None:
            return
        first = http.start(errand.target("/bytes/60000"), authority=errand.host)
        second = http.start(errand.target("/page", 1), authority=errand.host)
        http.reset_after(first, 100)
        errand.got("/page", http.reply(second), 1)


def breaks_off(errand: Errand) -> None:
    """The server resets a stream."""
    with _streams(errand) as http:
        if http is None:
            return
        http.reply(http.start(errand.target("/broken/90000"), authority=errand.host))


HTTP2 = (many_streams, given_up, breaks_off)
