"""The WebSocket echo of an origin, with every frame counted."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from fairwitness.testing.tally import SeenMessage, Tally
from fairwitness.testing.wire import Wire

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


def accept_key(key: str) -> bytes:
    """What Sec-WebSocket-Accept must answer to a Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest())


class Assembler:
    """Puts the fragments of WebSocket messages together; control frames come as they are."""

    def __init__(self, connection: int) -> None:
        self._connection = connection
        self._parts = b""

    def take(self, event: Event) -> SeenMessage | None:
        """The message that *event* ends, None while it goes on."""
        if isinstance(event, TextMessage | BytesMessage):
            data = event.data.encode() if isinstance(event.data, str) else bytes(event.data)
            self._parts += data
            if not event.message_finished:
                return None
            whole, self._parts = self._parts, b""
            return self._message("text" if isinstance(event, TextMessage) else "binary", whole)
        if isinstance(event, Ping):
            return self._message("ping", bytes(event.payload))
        if isinstance(event, Pong):
            return self._message("pong", bytes(event.payload))
        if isinstance(event, CloseConnection):
            return self._message("close", f"{int(event.code)} {event.reason or ''}".strip().encode())
        return None

    def _message(self, kind: str, content: bytes) -> SeenMessage:
        return SeenMessage(self._connection, kind, content)


async def serve_websocket(wire: Wire, first: bytes, *, connection: int, tally: Tally) -> None:
    """Echo messages, answer pings.

    The text ``ping: X`` makes the server ping with X, ``close: N`` makes it close with code N.
    ``messages: N``, ``pings: N`` and ``large: MIB`` make it send so many or so much, and close.
    """
    socket = Connection(ConnectionType.SERVER)
    assembler = Assembler(connection)
    data = first or await wire.read()
    while data:
        socket.receive_data(data)
        for event in socket.events():
            message = assembler.take(event)
            if message is None:
                continue
            tally.message(message)
            if isinstance(event, CloseConnection):
                if socket.state is ConnectionState.REMOTE_CLOSING:  # else it answers our own close
                    await wire.write(socket.send(event.response()))
                return
            for reply in _replies(message, event):
                await wire.write(socket.send(reply))
        data = await wire.read()


_FLOODS: dict[str, Callable[[int], Iterator[Event]]] = {
    "messages": lambda count: (TextMessage(data="small") for _ in range(count)),
    "pings": lambda count: (Ping(payload=b"anybody") for _ in range(count)),
    "large": lambda mib: (
        BytesMessage(data=bytes(1 << 20), message_finished=number == mib) for number in range(1, mib + 1)
    ),
}


def _replies(message: SeenMessage, event: Event) -> Iterable[Event]:
    if isinstance(event, Ping):
        return [event.response()]
    if message.kind == "binary":
        return [BytesMessage(data=message.content)]
    if message.kind != "text":
        return []
    order, _, argument = message.content.decode().partition(": ")
    if order == "ping":
        return [Ping(payload=argument.encode())]
    if order == "close":
        return [CloseConnection(code=int(argument), reason="as asked")]
    if order in _FLOODS:
        return itertools.chain(_FLOODS[order](int(argument)), [CloseConnection(code=1000)])
    return [TextMessage(data=message.content.decode())]
