"""What mitmproxy's HTTP/2 lacks: bodies that wait outside, and an end for streams that wait for their turn.

Towards the client: mitmproxy opens windows of 2 GiB and gives back at once what came, so that an upload which
waits for an answer is kept in memory.  Here each stream has a window, and what came is given back when it is
dealt with; other streams of the connection go on meanwhile.

Both ways: of a body that the other side does not read 1 MiB is kept; more is not asked for.

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
from mitmproxy.proxy.layers.http._events import (
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    ResponseData,
    ResponseProtocolError,
)

CLIENT_WINDOW_BYTES = 256 << 10  # of a stream, times the 100 that a client may open; it is on this machine
SERVER_WINDOW_BYTES = 4 << 20  # of a stream; a server may be far away
_FULL_BYTES = 1 << 20  # of a body that the other side does not read
_FULL_PIECES = 1 << 10  # of such a body


@dataclass
class BodyTaken(HttpEvent):
    """Of a stream's body so much was dealt with."""

    bytes: int


@dataclass
class ClientRead(HttpEvent):
    """Whether the client of a stream reads what it is sent, or much of it waits here."""

    is_reading: bool


@dataclass
class ServerRead(HttpEvent):
    """Whether the server of a stream does."""

    is_reading: bool


@dataclass
class UploadUnwanted(HttpEvent):
    """The server has answered, and reads no more of the stream's upload."""


class _Paced(_http2.Http2Connection):
    """Gives windows back when what came was dealt with.  A class, because it knows what it owes."""

    _window_bytes: ClassVar[int]
    _told_by: ClassVar[type[ClientRead | ServerRead]]

    def __init__(self, context: Context) -> None:
        super().__init__(context)  # type: ignore[call-arg]  # of the class behind this one
        self.h2_conn.local_settings.initial_window_size = self._window_bytes
        self.h2_conn.local_settings.acknowledge()  # else the first settings frame has the old one
        self._owed_bytes: dict[int, int] = {}
        self._full: set[int] = set()

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

    def _tell_who_reads(self, event: events.Event, stream_id: int) -> layer.CommandGenerator[None]:
        """Tell of a stream whose peer stopped to read, or reads again."""
        if isinstance(event, RequestData | ResponseData):
            if stream_id not in self._full and self._is_fuller(stream_id, 1):
                self._full.add(stream_id)
                yield ReceiveHttp(self._told_by(stream_id, is_reading=False))
            return
        for each in [each for each in self._full if not self._is_fuller(each, 0.5)]:
            self._full.discard(each)
            yield ReceiveHttp(self._told_by(each, is_reading=True))

    def _is_fuller(self, stream_id: int, share: float) -> bool:
        waiting = self._waiting(stream_id)
        return len(waiting) > share * _FULL_PIECES or sum(waiting) > share * _FULL_BYTES

    def _waiting(self, stream_id: int) -> list[int]:
        """How long the pieces are that wait to be sent."""
        return [len(each.data) for each in self.h2_conn.stream_buffers.get(stream_id, ())]


class PacedServer(_Paced, _http2.Http2Server):
    """Towards the client."""

    _window_bytes = CLIENT_WINDOW_BYTES
    _told_by = ClientRead

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, BodyTaken):
            self._give_back(event.stream_id, event.bytes)
        else:
            yield from super()._handle_event(event)
            if isinstance(event, HttpEvent) and self.is_closed(event.stream_id):
                self._give_back(event.stream_id)
        yield from self._flush()
        yield from self._tell_who_reads(event, event.stream_id if isinstance(event, HttpEvent) else 0)


class PacedClient(_Paced, _http2.Http2Client):
    """Towards the server; its end is told to every stream."""

    _window_bytes = SERVER_WINDOW_BYTES
    _told_by = ServerRead

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._untold: dict[int, str] = {}
        self._is_answered: dict[int, bool] = {}
        """By the streams whose upload goes on: whether their answer is whole."""

    def handle_h2_event(self, event: h2.events.Event) -> layer.CommandGenerator[bool]:
        """Tell a reset behind the answer, which mitmproxy takes for a failure, or for nothing."""
        if isinstance(event, h2.events.StreamReset) and self._is_answered.pop(event.stream_id, False):
            self._give_back(event.stream_id)
            self.streams.pop(event.stream_id, None)
            yield ReceiveHttp(UploadUnwanted(event.stream_id))
            return False
        if isinstance(event, h2.events.StreamEnded) and event.stream_id in self._is_answered:
            self._is_answered[event.stream_id] = True
        return (yield from super().handle_h2_event(event))

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        # The stream's number here; one that waits for its turn has none yet.
        theirs = event.stream_id if isinstance(event, HttpEvent) else 0
        ours = self.our_stream_id.get(theirs)
        if isinstance(event, BodyTaken):
            if ours is not None:
                self._give_back(ours, event.bytes)
        else:
            yield from super()._handle_event(event)
            self._note_upload(event, self.our_stream_id.get(theirs))
            if isinstance(event, RequestProtocolError) and ours is not None:
                self._give_back(ours)
        yield from self._flush()
        yield from self._tell_who_reads(event, theirs)
        untold, self._untold = self._untold, {}
        for stream_id, why in untold.items():
            yield ReceiveHttp(ResponseProtocolError(stream_id, why, ResponseProtocolError.code))

    def _note_upload(self, event: events.Event, ours: int | None) -> None:
        if ours is None:
            return
        if isinstance(event, RequestHeaders) and not event.end_stream:
            self._is_answered[ours] = False
        elif isinstance(event, RequestEndOfMessage | RequestProtocolError):
            self._is_answered.pop(ours, None)

    def _waiting(self, stream_id: int) -> list[int]:
        queued = [
            len(each.data) for each in self.stream_queue.get(stream_id, ()) if isinstance(each, RequestData)
        ]
        return queued + super()._waiting(self.our_stream_id.get(stream_id, 0))

    def close_connection(self, msg: str) -> layer.CommandGenerator[None]:
        """Keep who waits: streams that were sent are told here, under numbers that these do not have yet."""
        self._untold = dict.fromkeys(self.stream_queue, msg)
        self.stream_queue.clear()
        self._is_answered.clear()
        yield from super().close_connection(msg)


def mend_http2() -> None:
    """Put the mended classes in the place of mitmproxy's own, for this process."""
    http_layers.Http2Server = PacedServer  # type: ignore[attr-defined]
    http_layers.Http2Client = PacedClient  # type: ignore[attr-defined]
