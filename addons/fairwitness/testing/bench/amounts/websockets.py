"""Floods of WebSocket messages, from the client and from the server; messages without end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from wsproto.events import TextMessage

from fairwitness.testing.bench.amounts import PATIENCE_S
from fairwitness.testing.client import Disconnected, RawClient
from fairwitness.testing.client_websocket import WebSocketClient
from fairwitness.testing.town import Town

_MIB = 1 << 20
_BATCH = 4096  # frames in one write
_MASK = bytes(4)
_TEXT, _BINARY, _CONTINUED, _PONG, _LAST = 0x1, 0x2, 0x0, 0xA, 0x80


def _frame(opcode: int, payload: bytes) -> bytes:
    """A client's frame, masked with zeros."""
    size = len(payload)
    if size < 126:
        return bytes([opcode, 0x80 | size]) + _MASK + payload
    if size < 1 << 16:
        return bytes([opcode, 0xFE]) + size.to_bytes(2, "big") + _MASK + payload
    return bytes([opcode, 0xFF]) + size.to_bytes(8, "big") + _MASK + payload


@contextlib.contextmanager
def _opened(town: Town, path: str) -> Iterator[tuple[RawClient, WebSocketClient]]:
    with town.client() as client, contextlib.suppress(OSError, Disconnected):
        client.be_patient(PATIENCE_S)
        socket = WebSocketClient(client)
        socket.handshake(town.inside.url(path, scheme="http"), host=town.inside.host_port)
        yield client, socket


@contextlib.contextmanager
def _read_aside(client: RawClient) -> Iterator[None]:
    """Whatever comes is thrown away meanwhile, and then until the other side has ended too."""

    def read() -> None:
        with contextlib.suppress(OSError):
            while client.read():
                pass

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    yield
    with contextlib.suppress(OSError):
        client.half_close()
    thread.join()


def _flood(town: Town, path: str, frame: bytes, count: int) -> None:
    with _opened(town, path) as (client, _), _read_aside(client), contextlib.suppress(OSError):
        for first in range(0, count, _BATCH):
            client.send(frame * min(_BATCH, count - first))
        client.send(_frame(_LAST | 0x8, (1000).to_bytes(2, "big")))


def small_messages(town: Town, count: int) -> None:
    """Messages of a few bytes, as fast as they are taken; each is echoed."""
    _flood(town, "/ws/small", _frame(_LAST | _TEXT, b"small"), count)


def pongs(town: Town, count: int) -> None:
    """Pongs that nobody asked for: nothing is answered, so nothing slows the sender."""
    _flood(town, "/ws/pongs", _frame(_LAST | _PONG, b"anybody"), count)


def long_pongs(count: int) -> bytes:
    """The same as bytes, each as long as a pong may be."""
    return _frame(_LAST | _PONG, bytes(125)) * count


def endless_message(town: Town, mib: int) -> None:
    """One frame that announces so much, and brings it."""
    with _opened(town, "/ws/endless") as (client, _), _read_aside(client), contextlib.suppress(OSError):
        client.send(bytes([_LAST | _BINARY, 0xFF]) + (mib * _MIB).to_bytes(8, "big") + _MASK)
        for _ in range(mib):
            client.send(bytes(_MIB))


def fragments(town: Town, mib: int) -> None:
    """A message in pieces of 16 KiB of which none is the last."""
    piece = _frame(_CONTINUED, bytes(16 << 10))
    with _opened(town, "/ws/fragments") as (client, _), _read_aside(client), contextlib.suppress(OSError):
        client.send(_frame(_BINARY, b""))
        for _ in range(mib):
            client.send(piece * 64)


def empty_fragments(town: Town, count: int) -> None:
    """A message of empty pieces of which none is the last."""
    with _opened(town, "/ws/empty") as (client, _), _read_aside(client), contextlib.suppress(OSError):
        client.send(_frame(_BINARY, b""))
        for _ in range(0, count, _BATCH):
            client.send(_frame(_CONTINUED, b"") * _BATCH)


def _asked_of_server(town: Town, path: str, order: str) -> None:
    with _opened(town, path) as (client, socket):
        socket.send(TextMessage(data=order))
        while client.read():
            pass


def server_messages(town: Town, count: int) -> None:
    """The server sends small messages as fast as they are taken."""
    _asked_of_server(town, "/ws/from-server", f"messages: {count}")


def server_pings(town: Town, count: int) -> None:
    """The server sends pings, and no client answers them."""
    _asked_of_server(town, "/ws/pings-from-server", f"pings: {count}")


def server_message(town: Town, mib: int) -> None:
    """The server sends one message of that size."""
    _asked_of_server(town, "/ws/large-from-server", f"large: {mib}")
