"""What mitmproxy's HTTP/2 lacks: bodies that wait outside, and an end for streams that wait for their turn.

Towards the client: mitmproxy opens windows of 2 GiB and gives back at once what came, so that an upload which
waits for an answer is kept in memory.  Here each stream has a window, and what came is given back when it is
dealt with; other streams of the connection go on meanwhile.  An answer that its client does not read is kept
up to 1 MiB; more is not asked for.

Towards the server: it takes only so many streams at once, and ten until it has said how many; mitmproxy
queues the others.  When the server goes, it tells those that were sent and forgets the queue: their clients
wait for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import h2.events
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers.http import _http2
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._events import RequestProtocolError, ResponseData, ResponseProtocolError

CLIENT_WINDOW_BYTES = 256 << 10  # of a stream, times the 100 that a client may open; it is on this machine
SERVER_WINDOW_BYTES = 4 << 20  # of a stream; a server may be far away
_FULL_BYTES = 1 << 20  # of an answer that its client does not read


@dataclass
class BodyTaken(HttpEvent):
    """Of a stream's body so much was dealt with."""

    bytes: int


@dataclass
class ClientRead(HttpEvent):
    """Whether the client of a stream reads what it is sent, or much of it waits here."""

    is_reading: bool


class _Paced(_http2.Http2Connection):
    """Gives windows back when what came was dealt with.  A class, because it knows what it owes."""

    _window_bytes: ClassVar[int]

    def __init__(self, context: Context) -> None:
        super().__init__(context)  # type: ignore[call-arg]  # of the class behind this one
        self.h2_conn.local_settings.initial_window_size = self._window_bytes
        self.h2_conn.local_settings.acknowledge()  # else the first settings frame has the old one
        self._owed_bytes: dict[int, int] = {}

    def handle_h2_event(self, event: h2.events.Event) -> layer.CommandGenerator[bool]:
        """Owe what came of a body; padding, and what comes for nobody, is given back at once."""
        if isinstance(event, h2.events.DataReceived) and event.stream_id in self.streams:
            owed = self._owed_bytes.get(event.stream_id, 0)
            self._owed_bytes[event.stream_id] = owed + len(event.data)
            event.flow_controlled_length -= len(event.data)
        elif isinstance(event, h2.events.StreamReset):
            self._give_back(event.stream_id)
        return (yield from super().handle_h2_event(event))

    def _give_back(self, stream_id: int, most: int | None = None) -> None:
        owed = self._owed_bytes.pop(stream_id, 0)
        taken = owed if most is None else min(owed, most)
        if owed > taken:
            self._owed_bytes[stream_id] = owed - taken
        if taken:
            self.h2_conn.acknowledge_received_data(taken, stream_id)

    def _flush(self) -> layer.CommandGenerator[None]:
        if data := self.h2_conn.data_to_send():
            yield commands.SendData(self.conn, data)


class PacedServer(_Paced, _http2.Http2Server):
    """Towards the client."""

    _window_bytes = CLIENT_WINDOW_BYTES

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._full: set[int] = set()

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, BodyTaken):
            self._give_back(event.stream_id, event.bytes)
        else:
            yield from super()._handle_event(event)
            if isinstance(event, HttpEvent) and self.is_closed(event.stream_id):
                self._give_back(event.stream_id)
        yield from self._flush()
        if isinstance(event, ResponseData) and event.stream_id not in self._full:
            if self._unread_bytes(event.stream_id) > _FULL_BYTES:
                self._full.add(event.stream_id)
                yield ReceiveHttp(ClientRead(event.stream_id, is_reading=False))
        elif isinstance(event, events.DataReceived):
            for stream_id in [each for each in self._full if self._unread_bytes(each) < _FULL_BYTES // 2]:
                self._full.discard(stream_id)
                yield ReceiveHttp(ClientRead(stream_id, is_reading=True))

    def _unread_bytes(self, stream_id: int) -> int:
        return sum(len(each.data) for each in self.h2_conn.stream_buffers.get(stream_id, ()))


class PacedClient(_Paced, _http2.Http2Client):
    """Towards the server; its end is told to every stream."""

    _window_bytes = SERVER_WINDOW_BYTES

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._untold: dict[int, str] = {}

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        # The stream's number here; a head that waits for its turn has none yet.
        ours = self.our_stream_id.get(event.stream_id) if isinstance(event, HttpEvent) else None
        if isinstance(event, BodyTaken):
            if ours is not None:
                self._give_back(ours, event.bytes)
        else:
            yield from super()._handle_event(event)
            if isinstance(event, RequestProtocolError) and ours is not None:
                self._give_back(ours)
        yield from self._flush()
        untold, self._untold = self._untold, {}
        for stream_id, why in untold.items():
            yield ReceiveHttp(ResponseProtocolError(stream_id, why, ResponseProtocolError.code))

    def close_connection(self, msg: str) -> layer.CommandGenerator[None]:
        """Keep who waits: streams that were sent are told here, under numbers that these do not have yet."""
        self._untold = dict.fromkeys(self.stream_queue, msg)
        self.stream_queue.clear()
        yield from super().close_connection(msg)


def mend_http2() -> None:
    """Put the mended classes in the place of mitmproxy's own, for this process."""
    http_layers.Http2Server = PacedServer  # type: ignore[attr-defined]
    http_layers.Http2Client = PacedClient  # type: ignore[attr-defined]
