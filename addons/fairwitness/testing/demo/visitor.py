"""A stand-in for a browser, so that the story needs none: it sends what Chromium sends, over real TLS."""

from __future__ import annotations

from pathlib import Path

from fairwitness.testing.client import RawClient, Reply
from fairwitness.testing.origin import Origin

_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)
_ALWAYS = (
    ("User-Agent", _AGENT),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-US,en;q=0.9"),
)
_NAVIGATION = (
    ("Upgrade-Insecure-Requests", "1"),
    ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("Sec-Fetch-Site", "none"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-User", "?1"),
    ("Sec-Fetch-Dest", "document"),
)
_ACCEPTS = {
    "style": "text/css,*/*;q=0.1",
    "script": "*/*",
    "image": "image/avif,image/webp,image/*,*/*;q=0.8",
}


class Visitor:
    """Opens pages and loads what they link.

    A class, because each page is asked for on behalf of the one before.

    Args:
        address: Of the proxy, ``host:port``.
        ca: The proxy's own CA.
    """

    def __init__(self, address: str, ca: Path) -> None:
        self._address = address
        self._ca = ca

    def open(self, origin: Origin, path: str, *, body: bytes = b"") -> Reply:
        """Type a URL, or send a form with *body*."""
        more = (("Content-Type", "application/x-www-form-urlencoded"),) if body else ()
        return self._ask(origin, path, (*_ALWAYS, *_NAVIGATION, *more), body=body)

    def load(self, origin: Origin, path: str, *, of: str, dest: str) -> Reply:
        """Load what a page links.

        Args:
            origin: Where it lies.
            path: Its path.
            of: URL of the page.
            dest: ``style`` | ``script`` | ``image``.
        """
        site = "same-origin" if of.startswith(origin.url("/")) else "cross-site"
        headers = (
            *_ALWAYS,
            ("Accept", _ACCEPTS[dest]),
            ("Sec-Fetch-Site", site),
            ("Sec-Fetch-Mode", "no-cors"),
            ("Sec-Fetch-Dest", dest),
            ("Referer", of if site == "same-origin" else of[: of.index("/", 8) + 1]),
        )
        return self._ask(origin, path, headers)

    def _ask(
        self, origin: Origin, path: str, headers: tuple[tuple[str, str], ...], *, body: bytes = b""
    ) -> Reply:
        with RawClient(self._address) as client:
            client.connect(origin.host_port)
            client.start_tls(origin.name, ca=self._ca)
            method = "POST" if body else "GET"
            return client.request(path, host=origin.host_port, method=method, headers=headers, body=body)
