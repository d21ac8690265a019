"""A real server on loopback that counts everything that reaches it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import h2.exceptions
import h11

from fairwitness.testing.authority import Authority
from fairwitness.testing.hang_up import HangUp, When
from fairwitness.testing.hello import MAX_HELLO_BYTES, TLS_HANDSHAKE, Hello, handshake_message, read_hello
from fairwitness.testing.http1 import Http1
from fairwitness.testing.http2 import Http2
from fairwitness.testing.site import Answer, App, Behaviour, Site, text_answer
from fairwitness.testing.tally import PATIENCE_S, Counts, SeenMessage, SeenRequest, Tally
from fairwitness.testing.wire import PlainWire, TlsWire, Wire

_BROKEN = (ConnectionError, ssl.SSLError, h11.RemoteProtocolError, h11.LocalProtocolError)
_BROKEN_STREAM = (h2.exceptions.H2Error, asyncio.IncompleteReadError)


class Origin:
    """A server in a thread of its own: HTTP/1.1, HTTP/2 and WebSocket, plain and TLS on one port.

    Whether a client speaks TLS is read from its first byte, so that the same port answers
    ``http://`` and ``https://``; the ClientHello is noted from the raw bytes before any TLS
    library sees it.  With *raw*, bytes are echoed as they come, after *greeting*.

    Args:
        authority: Signs the leaf for *names*.
        names: Host names and addresses that the certificate is good for; the first is used in URLs.
        address: Loopback address to bind; the port is the system's choice.
        alpn: What it offers in TLS, best first.
        raw: A TCP echo instead of HTTP.
        greeting: What a raw server says first, as SSH and SMTP do.
    """

    def __init__(
        self,
        authority: Authority,
        names: Sequence[str],
        *,
        address: str = "127.0.0.2",
        alpn: Sequence[str] = ("h2", "http/1.1"),
        raw: bool = False,
        greeting: bytes = b"",
    ) -> None:
        self.name = names[0]
        self.address = address
        self.certificate = authority.leaf(names)
        """PEM file with key and chain; `authority.key_pin` of it is what a client sees."""
        self.hangs_up: HangUp | None = None
        """How it ends every connection, while it does."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate)
        self._context.set_alpn_protocols(list(alpn))
        self._raw = raw
        self._greeting = greeting
        self._site = Site(self.name)
        self._tally = Tally()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"origin {self.name}", daemon=True)
        self._port = 0
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self._accepting: asyncio.Task[None]
        self._faults: list[BaseException] = []

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(PATIENCE_S):
            raise TimeoutError(f"origin {self.name} did not start")
        if not self._port:
            raise self._faults[0]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_S)
        if self._faults and error is None:
            raise self._faults[0]

    @property
    def port(self) -> int:
        """The port that the system chose."""
        return self._port

    @property
    def host_port(self) -> str:
        """``name:port``."""
        return f"{self.name}:{self._port}"

    @property
    def resolve(self) -> str:
        """``name:port:address``, as ``--resolve`` takes it."""
        return f"{self.name}:{self._port}:{self.address}"

    def url(self, path: str = "/", *, scheme: str = "https", host: str | None = None) -> str:
        """A URL of this origin, by its first name or another one."""
        return f"{scheme}://{host or self.name}:{self._port}{path}"

    @property
    def counts(self) -> Counts:
        """Accepts, ClientHellos and requests so far."""
        return self._tally.counts

    @property
    def hellos(self) -> tuple[Hello, ...]:
        """ClientHellos in order of arrival."""
        return self._tally.hellos

    @property
    def requests(self) -> tuple[SeenRequest, ...]:
        """Requests in order of arrival; a body that still comes has no hash yet."""
        return self._tally.requests

    @property
    def messages(self) -> tuple[SeenMessage, ...]:
        """WebSocket frames and raw bytes in order of arrival."""
        return self._tally.messages

    def requests_for(self, path: str) -> tuple[SeenRequest, ...]:
        """Requests whose path, without the query, is *path*."""
        return tuple(seen for seen in self.requests if seen.path == path)

    def requests_below(self, beginning: str) -> tuple[SeenRequest, ...]:
        """Requests whose path begins with *beginning*."""
        return tuple(seen for seen in self.requests if seen.path.startswith(beginning))

    def wait_for(
        self, is_so: Callable[[Origin], bool], what: str = "it", *, timeout: float = PATIENCE_S
    ) -> None:
        """Wait until *is_so* holds of this origin.

        Raises:
            TimeoutError: It did not come to hold.
        """
        self._tally.wait_for(lambda: is_so(self), what, timeout=timeout)

    def put(self, path: str, text: str, *, kind: str = "text/html", answer: Answer | None = None) -> None:
        """Put a page up."""
        self._site.put(path, answer or text_answer(text, kind=kind))

    def behave(self, first: str, behaviour: Behaviour) -> None:
        """Let *behaviour* answer every path whose first part is *first*."""
        self._site.behave(first, behaviour)

    def serve_with(self, app: App) -> None:
        """Let *app* answer everything from now on; it runs in this origin's loop."""
        self._site.serve_with(app)

    def die(self) -> None:
        """Cut every connection and refuse new ones, as a crashed server does; what was counted stays."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(PATIENCE_S)

    def come_back(self) -> None:
        """Accept again, on the same port."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(PATIENCE_S)

    def release(self, name: str) -> None:
        """Let ``/wait/NAME`` answer."""
        self._loop.call_soon_threadsafe(self._site.release, name)

    def emit(self, text: str) -> None:
        """Send a server-sent event to all who listen at ``/events``."""
        self._loop.call_soon_threadsafe(self._site.emit, text)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        try:
            await self._listen()
        except OSError as error:
            self._faults.append(error)
            self._ready.set()
            return
        self._ready.set()
        await self._stop.wait()
        await self._close()

    async def _listen(self) -> None:
        listener = socket.create_server((self.address, self._port), backlog=512)
        listener.setblocking(False)
        self._port = listener.getsockname()[1]
        self._accepting = asyncio.create_task(self._accept(listener))

    async def _accept(self, listener: socket.socket) -> None:
        # asyncio's own server leaves what it accepts while it is closed open and unread
        with listener:
            while True:
                accepted, _ = await self._loop.sock_accept(listener)
                accepted.setblocking(False)
                try:
                    self._accepted(*await asyncio.open_connection(sock=accepted))
                except BaseException:
                    accepted.close()
                    raise

    async def _close(self) -> None:
        self._accepting.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(self._accepting, *self._tasks, return_exceptions=True)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = self._tally.accept()
        if self.hangs_up is not None and self.hangs_up.when is When.AT_ONCE:
            self.hangs_up.end(writer)
            return
        task = asyncio.create_task(self._guarded(reader, writer, number))
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._faults.append(error)  # a bug of this server must fail the test that met it

    async def _guarded(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        try:
            with contextlib.suppress(*_BROKEN, *_BROKEN_STREAM):  # clients may leave or speak nonsense
                await self._serve_one(reader, writer, number)
        finally:
            writer.close()

    async def _serve_one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        if self._raw:
            await self._echo(reader, writer, number)
            return
        first = await reader.read(1 << 16)
        if first[:1] != bytes([TLS_HANDSHAKE]):
            await self._http(PlainWire(reader, writer, first), None, number)
            return
        while (hello := _whole_hello(first, number)) is None and len(first) < MAX_HELLO_BYTES:
            more = await reader.read(1 << 16)
            if not more:
                return
            first += more
        self._tally.hello(hello or Hello(number, None, ()))
        wire = TlsWire(reader, writer, first, self._context)
        if self.hangs_up is not None:
            await self.hangs_up.hang_up(wire, writer)
            return
        await wire.handshake()
        await self._http(wire, wire.alpn, number)

    async def _http(self, wire: Wire, alpn: str | None, number: int) -> None:
        kind = Http2 if alpn == "h2" else Http1
        await kind(wire, connection=number, tally=self._tally, site=self._site).serve()
        await wire.close()

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        if self._greeting:
            writer.write(self._greeting)
        while data := await reader.read(1 << 16):
            self._tally.message(SeenMessage(number, "tcp", data))
            writer.write(data)
            await writer.drain()


def _whole_hello(records: bytes, number: int) -> Hello | None:
    """The hello once it is whole; one without a name for bytes that only begin like one."""
    try:
        message = handshake_message(records)
        return None if message is None else read_hello(message, connection=number)
    except ValueError:
        return Hello(number, None, ())
