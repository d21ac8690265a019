"""What mitmproxy's WebSocket layer lacks: a say before control frames go on, and a bound for messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import wsproto.events
from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import websocket as websocket_layers

from fairwitness.proxy.brakes import Braking

MOST_MESSAGE_BYTES = 16 << 20  # it is whole in memory, several times, until it is on record
_FRAME_BYTES = 1024  # what a frame counts beside its content: an empty one costs time and memory too
_TOO_LONG = wsproto.events.CloseConnection(code=1009, reason="fairwitness: a message of more than 16 MiB")


@dataclass(slots=True)
class ControlFrame:
    """A WebSocket ping, pong or close, before it goes on."""

    flow: http.HTTPFlow
    kind: str
    """``ping`` | ``pong`` | ``close``."""
    content: bytes
    from_client: bool
    is_refused: bool = True
    """Until the hook says otherwise."""


@dataclass
class ControlFrameHook(commands.StartHook):
    """Asked for every WebSocket control frame."""

    frame: ControlFrame


@dataclass(slots=True)
class _Unfinished:
    """A message under way.  Not frozen: it grows."""

    pieces: list[Any] = field(default_factory=list)
    """Of its last frame."""
    bytes: int = 0

    def whole(self, event: wsproto.events.Message[Any]) -> wsproto.events.Message[Any] | None:
        """The frame that *event* ends, None while it goes on: mitmproxy copies all of it for every piece."""
        self.pieces.append(event.data)
        self.bytes += len(event.data)
        if not event.frame_finished:
            return None
        self.bytes += _FRAME_BYTES
        data = event.data if len(self.pieces) == 1 else type(event.data)().join(self.pieces)
        self.pieces.clear()
        if event.message_finished:
            self.bytes = 0
        return replace(event, data=data)


class WatchedWebsocket(Braking, websocket_layers.WebsocketLayer):
    """A WebSocket whose pings, pongs and close are asked for like its messages, which have an end."""

    def start(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Remember what the connections read last, so that control frames can be shown."""
        yield from super().start(event)
        self._last: Any = None
        self._is_close_asked = False
        for side in (self.client_ws, self.server_ws):
            side.events = self._watched(side.events)
        self._handle_event = self.relay_watched  # type: ignore[method-assign]

    _handle_event = start

    def _watched(self, original: Any) -> Any:
        unfinished = _Unfinished()

        def watched() -> Iterator[Any]:
            for event in original():
                seen = event
                if isinstance(event, wsproto.events.Message):
                    seen = unfinished.whole(event)
                    if unfinished.bytes > MOST_MESSAGE_BYTES:
                        seen = _TOO_LONG
                if seen is not None:
                    self._last = seen
                    yield seen
                if seen is _TOO_LONG:
                    return

        return watched

    def relay_watched(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Relay; control frames only once the hook has agreed."""
        relayed = super().relay_messages(event)
        from_client = getattr(event, "connection", None) == self.context.client
        reply: Any = None
        while True:
            try:
                command = relayed.send(reply)
            except StopIteration:
                return
            kind = self._kind(command)
            if kind is not None:
                frame = ControlFrame(self.flow, kind, _content(self._last), from_client)
                yield ControlFrameHook(frame)
                if frame.is_refused:
                    yield commands.CloseConnection(self.context.server)
                    yield commands.CloseConnection(self.context.client)
                    self._handle_event = self.done  # type: ignore[method-assign]
                    return
            reply = yield command

    def _kind(self, command: commands.Command) -> str | None:
        """Which control frame the command is about to pass on: the log line comes before the frame."""
        if isinstance(self._last, wsproto.events.CloseConnection):
            if self._is_close_asked:
                return None
            self._is_close_asked = True
            return "close"
        if isinstance(command, commands.Log) and isinstance(
            self._last, wsproto.events.Ping | wsproto.events.Pong
        ):
            return "ping" if isinstance(self._last, wsproto.events.Ping) else "pong"
        return None


def _content(event: Any) -> bytes:
    if isinstance(event, wsproto.events.CloseConnection):
        return int(event.code).to_bytes(2, "big") + (event.reason or "").encode()
    return bytes(event.payload)


def mend_websockets() -> None:
    """Put the watched layer in the place of mitmproxy's own, for this process."""
    websocket_layers.WebsocketLayer = WatchedWebsocket  # type: ignore[misc]
