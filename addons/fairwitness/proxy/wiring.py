"""What the addons share: the conductor, the clients, the exchanges under way, the knife."""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mitmproxy import connection
from mitmproxy.proxy.server import ConnectionHandler

from fairwitness.model.connection import SILENT_US, Callers, Connection
from fairwitness.model.exchange import Client, Destination
from fairwitness.model.verdict import Verdict
from fairwitness.proxy.tee import Tee
from fairwitness.proxy.tickets import Dial
from fairwitness.witness import Asked, Witness

_LEFT = (b"\7", b"\10")  # TCP_CLOSE, TCP_CLOSE_WAIT of the kernel: the other end is gone, what it sent is not


@dataclass(slots=True)
class Caller:
    """One connection of a client, with what it has said so far."""

    connection: str
    address: str
    port: int
    label: str | None = None
    ja4: str | None = None
    connect: tuple[str, int] | None = None
    """What it asked to be connected to by CONNECT."""
    connect_us: int = 0
    refused: Verdict | None = None
    """Its CONNECT must not be dialled; the answer is given inside."""
    is_tunnel: bool = False
    """Its CONNECT names a tunnel host."""
    asked: Asked | None = None
    """The released tunnel or raw stream, which alone may dial then."""
    has_spoken: bool = False
    """Whether a request came inside, which says more than the CONNECT."""
    is_decrypted: bool = False
    """Whether TLS was begun inside its CONNECT."""
    is_closing: bool = False
    opened_us: int = 0
    unfinished_us: dict[str, int] = field(default_factory=dict)
    """Requests whose body has not come to its end, oldest first: since when, by mitmproxy's id."""
    has_asked: bool = False
    """Whether the head of a request came."""

    def is_silent(self, now_us: int) -> bool:
        """Whether it has said nothing whole for so long that no browser would."""
        if self.asked is not None:  # a tunnel or a raw stream, which says nothing to us
            return False
        oldest_us = next(iter(self.unfinished_us.values()), 0)
        since_us = oldest_us or (0 if self.has_asked else self.opened_us)
        return since_us > 0 and now_us - since_us >= SILENT_US

    @property
    def client(self) -> Client:
        """As the other rooms know it."""
        return Client(
            connection=self.connection, address=self.address, port=self.port, label=self.label, ja4=self.ja4
        )


@dataclass(slots=True)
class Live:
    """A released exchange under way."""

    asked: Asked
    upload: Tee | None = None
    """Of a long upload, until its end."""
    is_answered: bool = False
    """Whether the whole answer came; an upload may go on after it."""
    download: Tee | None = None
    response_us: int = 0
    announced: tuple[int, ...] = ()
    sent: int = 0
    """Messages so far, by direction."""
    received: int = 0


@dataclass(slots=True)
class LiveDial:
    """A connection to a server, open or being opened."""

    connection: Connection
    dial: Dial
    verdict: Verdict
    destinations: tuple[Destination, ...]
    """What was asked for."""
    sent: int = 0
    received: int = 0


@dataclass(slots=True)
class Wiring:
    """Passed to every addon; the only state they share."""

    witness: Witness
    password: str | None
    handlers: Callable[[], Mapping[Any, ConnectionHandler]]
    """mitmproxy's connection handlers by client id."""
    listens: Callable[[], tuple[tuple[str, int], ...]] = tuple
    """Our own listeners, which are never dialled."""
    mode: str = "regular"
    callers: dict[str, Caller] = field(default_factory=dict)
    exchanges: dict[str, Live] = field(default_factory=dict)
    dials: dict[str, LiveDial] = field(default_factory=dict)

    def caller(self, client: connection.Client) -> Caller:
        """What is known of a client's connection."""
        known = self.callers.get(client.id)
        if known is None:
            address, port = client.peername[:2] if client.peername else ("", 0)
            known = self.callers[client.id] = Caller(secrets.token_hex(16), address, port)
        return known

    def silent(self, now_us: int) -> list[Callers]:
        """The addresses with silent connections."""
        silent = Counter(caller.address for caller in self.callers.values() if caller.is_silent(now_us))
        if not silent:
            return []
        total = Counter(caller.address for caller in self.callers.values())
        return [
            Callers(address=address, open=total[address], silent=count, time_us=now_us)
            for address, count in silent.items()
        ]

    def close_silent(self, address: str, now_us: int) -> None:
        """Close the silent connections of an address."""
        for client_id, caller in list(self.callers.items()):
            if caller.address == address and caller.is_silent(now_us):
                self.cut(client_id)

    def may_go_on(self, asked: Asked) -> bool:
        """Whether what was released once would be still: a halt, or a narrower policy, ends what is open."""
        return self.witness.preview(asked.request.destinations).is_released

    def stop_refused(self) -> None:
        """Cut what was released and would not be now: it may wait here still, for a dial or for its turn."""
        refused = {
            live.asked.request.client.connection
            for live in self.exchanges.values()
            if not self.may_go_on(live.asked)
        }
        refused |= {
            live.connection.client.connection
            for live in self.dials.values()
            if live.connection.connected_us is None
            and not self.witness.preview(live.destinations).is_released
        }
        for client_id, caller in list(self.callers.items()):
            is_stopped = caller.asked is not None and not self.may_go_on(caller.asked)
            if is_stopped or caller.connection in refused:
                self.cut(client_id)

    def cut(self, client_id: str) -> None:
        """Close a client's connection and all that belong to it, now.

        mitmproxy writes nothing more to a writer that is closing, so what waits to be sent stays here.
        """
        handler = self.handlers().get(client_id)
        if handler is None:
            return
        for transport in list(handler.transports.values()):
            if transport.writer is not None:
                transport.writer.close()

    def hold_back(self, client_id: str) -> bool:
        """Read nothing more from a client for now; whether it is still there.

        All requests of the connection wait with it, so not for HTTP/2: there the stream's window closes.
        """
        for reader, transport in self._of_client(client_id):
            transport.pause_reading()
            # It would read on by itself once what it holds is taken.
            reader._paused = False  # type: ignore[attr-defined]
            plug = transport.get_extra_info("socket")
            if sys.platform == "linux" and plug.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) in _LEFT:
                return False
        return True

    def read_on(self, client_id: str) -> None:
        """The client's bytes may come again."""
        for reader, transport in self._of_client(client_id):
            reader._paused = False  # type: ignore[attr-defined]  # else it would take what comes without end
            transport.resume_reading()

    def _of_client(self, client_id: str) -> Iterator[tuple[asyncio.StreamReader, asyncio.Transport]]:
        handler = self.handlers().get(client_id)
        if handler is None:
            return
        for end, io in handler.transports.items():
            if end.id != client_id or not isinstance(io.writer, asyncio.StreamWriter):
                continue
            reader, transport = io.reader, io.writer.transport
            if (
                isinstance(reader, asyncio.StreamReader)
                and isinstance(transport, asyncio.Transport)
                and not transport.is_closing()
            ):
                yield reader, transport

    def cut_all(self) -> None:
        """Close every connection."""
        for client_id in list(self.handlers()):
            self.cut(client_id)
