"""The client's side of a WebSocket, frame by frame."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence

from wsproto.connection import Connection, ConnectionType
from wsproto.events import Event

from fairwitness.testing.client import Disconnected, RawClient, Reply
from fairwitness.testing.tally import SeenMessage
from fairwitness.testing.websocket import Assembler


class WebSocketClient:
    """The client's side of a WebSocket on a connection whose tunnel and TLS are ready."""

    def __init__(self, client: RawClient) -> None:
        self._client = client
        self._socket = Connection(ConnectionType.CLIENT)
        self._assembler = Assembler(0)
        self._events: list[SeenMessage] = []

    def handshake(self, target: str, *, host: str, headers: Sequence[tuple[str, str]] = ()) -> Reply:
        """Ask for the upgrade; 101 means that frames may follow."""
        key = base64.b64encode(os.urandom(16)).decode()
        wanted = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", key),
            ("Sec-WebSocket-Version", "13"),
        ]
        return self._client.request(target, host=host, headers=[*wanted, *headers])

    def send(self, event: Event) -> None:
        """Send a frame."""
        self._client.send(self._socket.send(event))

    def receive(self) -> SeenMessage:
        """The next message or control frame; pings are answered.

        Raises:
            Disconnected: The connection ended.
        """
        while not self._events:
            data = self._client.read()
            if not data:
                raise Disconnected("within a WebSocket")
            self._socket.receive_data(data)
            for event in self._socket.events():
                message = self._assembler.take(event)
                if message is not None:
                    self._events.append(message)
                    if message.kind == "ping":
                        self.send(event.response())  # type: ignore[attr-defined]  # only Ping is "ping"
        return self._events.pop(0)
