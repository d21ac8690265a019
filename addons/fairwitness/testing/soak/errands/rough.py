"""Servers that speak badly: malformed answers, informational ones, trailers, unasked upgrades."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fairwitness.testing.client_http2 import Http2Client
from fairwitness.testing.site import Answer
from fairwitness.testing.soak.errands.errand import Errand

_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_PIECE_S = 0.03

ANSWERS: dict[str, tuple[bytes, ...]] = {
    "trailers": (_CHUNKED, b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"),
    "early-hints": (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", _OK + b"Content-Length: 2\r\n\r\nhi"),
    "hints-in-one-piece": (
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"
        + _OK
        + b"Content-Length: 2\r\n\r\nhi",
    ),
    "only-hints": (b"HTTP/1.1 103 Early Hints\r\n\r\n",),
    "unasked-continue": (b"HTTP/1.1 100 Continue\r\n\r\n", _OK + b"Content-Length: 2\r\n\r\nhi"),
    "unasked-upgrade": (b"HTTP/1.1 101 Switch\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\n", b"foo bytes"),
    "two-lengths": (_OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",),
    "length-and-chunks": (_OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",),
    "negative-length": (_OK + b"Content-Length: -5\r\n\r\nhi",),
    "no-status": (b"NOPE\r\n\r\n",),
    "status-of-999": (b"HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nhi",),
    "nothing-with-a-body": (b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi",),
    "line-feeds-only": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",),
    "no-colon": (_OK + b"this is no header\r\nContent-Length: 2\r\n\r\nhi",),
    "folded": (_OK + b"X-Long: one\r\n two\r\nContent-Length: 2\r\n\r\nhi",),
    "zero-byte": (_OK + b"X-Zero: a\0b\r\nContent-Length: 2\r\n\r\nhi",),
    "high-bytes": (_OK + b"X-High: \xc3\xa4\xff\r\nContent-Length: 2\r\n\r\nhi",),
    "long-header": (_OK + b"X-Long: " + b"l" * 60_000 + b"\r\nContent-Length: 2\r\n\r\nhi",),
    "many-headers": (_OK + b"X-Many: 1\r\n" * 800 + b"Content-Length: 2\r\n\r\nhi",),
    "silence": (b"",),
    "half-a-head": (b"HTTP/1.1 200 OK\r\nContent-Le",),
    "old-protocol": (b"<html>hi</html>",),
    "until-the-end": (_OK + b"\r\n", b"as long ", b"as it lasts"),
    "bad-chunk": (_CHUNKED, b"zz\r\nhello\r\n0\r\n\r\n"),
    "endless-chunk": (_CHUNKED, b"ffffffffffffffffff\r\nhello"),
    "no-last-chunk": (_CHUNKED, b"5\r\nhello\r\n"),
    "more-than-announced": (
        _OK + b"Content-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbye",
    ),
    "packed-badly": (_OK + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",),
    "in-drips": (b"HTTP/1.1 2", b"00 OK\r\nCont", b"ent-Length: 6\r\n", b"\r\nd", b"ri", b"ps!"),
}
"""Whole answers, head and framing too, in the pieces in which they are sent."""

FRAMES: dict[str, tuple[bytes, ...]] = {
    "goes-away": (b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0",),
    "unknown-frames": (b"\0\0\x03\xfa\0\0\0\0\x01abc",),
    "too-long": (b"\xff\xff\xff\0\0\0\0\0\x01",),
    "data-first": (b"\0\0\x02\0\x01\0\0\0\x01hi",),
    "bad-headers": (b"\0\0\x04\x01\x05\0\0\0\x01\xff\xff\xff\xff",),
    "no-frame": (b"HTTP/1.1 400 Bad\r\n\r\n",),
}
"""The same for HTTP/2, behind a connection that began well."""


def rough(name: str, query: str) -> Answer:
    """The answer of an origin at ``/rough/NAME``."""
    del query
    pieces = FRAMES[name] if name in FRAMES else ANSWERS[name]
    return Answer(is_raw=True, body=_in_pieces(pieces))


async def _in_pieces(pieces: tuple[bytes, ...]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(_PIECE_S)


def bad_answer(errand: Errand) -> None:
    """One of them over HTTP/1, in the clear or inside TLS."""
    name = errand.luck.choice(sorted(ANSWERS))
    path = f"/rough/{name}"
    if errand.luck.random() < 0.5:
        with errand.town.client() as client:
            errand.ask(client, path, is_inside=False)
    else:
        with errand.town.tunnel(errand.town.inside) as client:
            errand.ask(client, path, is_inside=True)


def bad_frames(errand: Errand) -> None:
    """One of them over HTTP/2."""
    with errand.town.tunnel(errand.town.inside, alpn=("h2", "http/1.1")) as client:
        if client.selected_protocol == "h2":
            http = Http2Client(client)
            path = f"/rough/{errand.luck.choice(sorted(FRAMES))}"
            http.reply(http.start(errand.target(path), authority=errand.host))


ROUGH = (bad_answer, bad_answer, bad_answer, bad_frames)  # there are many of the first kind
