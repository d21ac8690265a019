"""What an origin answers: a few ready behaviours by path, and pages that a test puts up."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from urllib.parse import parse_qs, unquote, urlsplit

from fairwitness.testing.tally import Headers, SeenRequest

_BLOCK = bytes(range(256)) * 256  # 64 KiB that no compression and no detector mistakes for text


class Ending(Enum):
    """How an answer ends."""

    WHOLE = "whole"
    BREAKS = "breaks"
    """The connection (HTTP/2: the stream) is cut before the promised end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response that an origin gives."""

    status: int = 200
    headers: Headers = ()
    body: AsyncIterator[bytes] | bytes = b""
    length: int | None = None
    """Content-Length of a streamed body; None: sent without one."""
    ending: Ending = Ending.WHOLE
    is_raw: bool = False
    """Whether the body is all that is sent, head and framing too; the connection ends with it."""

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body piece by piece."""
        if isinstance(self.body, bytes):
            if self.body:
                yield self.body
            return
        async for chunk in self.body:
            yield chunk


App = Callable[[SeenRequest], Awaitable[Answer]]
"""What answers every request of an origin in place of its pages."""

Behaviour = Callable[[str, str], Answer]
"""What answers a kind of path: given the path behind its first part, and the query."""


def text_answer(text: str, *, status: int = 200, kind: str = "text/plain", headers: Headers = ()) -> Answer:
    """An answer with a short text."""
    return Answer(status=status, headers=((b"Content-Type", kind.encode()), *headers), body=text.encode())


def pattern_sha256(count: int) -> str:
    """SHA-256 of the *count* bytes that ``/bytes/COUNT`` and ``/chunked/COUNT`` give."""
    hasher = hashlib.sha256()
    whole, rest = divmod(count, len(_BLOCK))
    for _ in range(whole):
        hasher.update(_BLOCK)
    hasher.update(_BLOCK[:rest])
    return hasher.hexdigest()


def pattern_chunks(count: int) -> list[bytes]:
    """The same bytes in pieces that share their memory, for uploads."""
    whole, rest = divmod(count, len(_BLOCK))
    return [_BLOCK] * whole + ([_BLOCK[:rest]] if rest else [])


async def _pattern(count: int) -> AsyncIterator[bytes]:
    for chunk in pattern_chunks(count):
        yield chunk


_UNREAD = b"/unread/"


class Site:
    """The paths of one origin.  Everything but `put` and `behave` runs in the origin's loop.

    ======================  ==================================================================
    ``/bytes/N``            N bytes with Content-Length, never held in memory
    ``/chunked/N``          the same without Content-Length
    ``/broken/N``           promises N bytes, gives half of them, cuts the connection
    ``/wait/NAME``          answers when the test calls ``release(NAME)``
    ``/slow/MS/NAME``       answers after so many milliseconds
    ``/head-then-wait/NAME``  head and first byte at once, the rest after ``release(NAME)``
    ``/all-then-wait/NAME``  all that Content-Length promises at once, its end after ``release(NAME)``
    ``/unread/NAME``        over HTTP/2 its upload is not read until the test calls ``release(NAME)``
    ``/status/N``           that status
    ``/redirect?to=URL``    302
    ``/sign-in``            sets a cookie
    ``/gzip``               a gzip-coded text
    ``/events``             server-sent events, one for each ``emit(text)``
    ``/poll``               JSON with a number that grows
    ``/early/...``          over HTTP/1: answers before the request's body has come
    anything else           what `put` put there, else JSON that tells the request
    ======================  ==================================================================
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._pages: dict[str, Answer] = {}
        self._app: App | None = None
        self._gates: dict[str, asyncio.Event] = {}
        self._listeners: list[asyncio.Queue[str]] = []
        self._polls = 0
        self._behaviours: dict[str, Behaviour] = {
            "bytes": lambda rest, _: Answer(body=_pattern(int(rest)), length=int(rest)),
            "chunked": lambda rest, _: Answer(body=_pattern(int(rest))),
            "broken": lambda rest, _: Answer(
                body=_pattern(int(rest) // 2), length=int(rest), ending=Ending.BREAKS
            ),
            "status": lambda rest, _: text_answer(f"status {rest}", status=int(rest)),
            "redirect": lambda _, query: _redirect(query),
            "sign-in": lambda _, __: text_answer(
                "signed in", headers=((b"Set-Cookie", b"session=origin-secret; Path=/"),)
            ),
            "gzip": lambda _, __: Answer(
                headers=((b"Content-Type", b"text/plain"), (b"Content-Encoding", b"gzip")),
                body=gzip.compress(b"coded " * 1000, mtime=0),
            ),
            "head-then-wait": lambda rest, _: Answer(body=self._second_half(rest)),
            "all-then-wait": lambda rest, _: Answer(body=self._end_later(rest), length=1),
            "events": lambda _, __: Answer(
                headers=((b"Content-Type", b"text/event-stream"), (b"Cache-Control", b"no-store")),
                body=self._events(),
            ),
            "poll": lambda _, __: self._poll(),
        }

    def put(self, path: str, answer: Answer) -> None:
        """Put a page up at *path* (without query); it wins over the ready behaviours."""
        self._pages[path] = answer

    def behave(self, first: str, behaviour: Behaviour) -> None:
        """Let *behaviour* answer every path whose first part is *first*."""
        self._behaviours[first] = behaviour

    def serve_with(self, app: App) -> None:
        """Let *app* answer everything from now on."""
        self._app = app

    async def answer(self, seen: SeenRequest) -> Answer:
        """The response to a request whose body has ended."""
        if self._app is not None:
            return await self._app(seen)
        parts = urlsplit(seen.target.decode("latin-1"))
        if parts.path in self._pages:
            return self._pages[parts.path]
        first, _, rest = parts.path.lstrip("/").partition("/")
        if first == "wait":
            await self._gate(rest).wait()
            return text_answer(f"released {rest}")
        if first == "slow":
            await asyncio.sleep(int(rest.partition("/")[0]) / 1000)
            return text_answer("at last")
        if first in self._behaviours:
            return self._behaviours[first](unquote(rest), parts.query)
        told = {
            "origin": self._name,
            "method": seen.method,
            "target": seen.target.decode("latin-1"),
            "headers": [[key.decode("latin-1"), value.decode("latin-1")] for key, value in seen.headers],
            "body_bytes": seen.body_bytes,
            "body_sha256": seen.body_sha256,
        }
        return text_answer(json.dumps(told), kind="application/json")

    def release(self, name: str) -> None:
        """Let ``/wait/NAME`` answer, now and from now on."""
        self._gate(name).set()

    def reads(self, target: bytes) -> bool:
        """Whether the upload to *target* is read as it comes."""
        return not target.startswith(_UNREAD)

    async def may_read(self, target: bytes) -> None:
        """Wait until the upload to *target* may be read."""
        await self._gate(target.removeprefix(_UNREAD).decode("latin-1")).wait()

    def emit(self, text: str) -> None:
        """Send an event to every listener of ``/events``."""
        for listener in self._listeners:
            listener.put_nowait(text)

    def _gate(self, name: str) -> asyncio.Event:
        return self._gates.setdefault(name, asyncio.Event())

    async def _second_half(self, name: str) -> AsyncIterator[bytes]:
        yield b"1"
        await self._gate(name).wait()
        yield b"2"

    async def _end_later(self, name: str) -> AsyncIterator[bytes]:
        yield b"1"
        await self._gate(name).wait()

    async def _events(self) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners.append(queue)
        try:
            yield b": listening\n\n"
            while True:
                yield f"data: {await queue.get()}\n\n".encode()
        finally:
            self._listeners.remove(queue)

    def _poll(self) -> Answer:
        self._polls += 1
        headers = ((b"Cache-Control", b"no-store"),)
        return text_answer(json.dumps({"poll": self._polls}), kind="application/json", headers=headers)


def _redirect(query: str) -> Answer:
    target = parse_qs(query)["to"][0]
    return text_answer("elsewhere", status=302, headers=((b"Location", target.encode()),))
