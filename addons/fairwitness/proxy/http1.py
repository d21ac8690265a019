"""What mitmproxy's HTTP/1 lacks: trailers, and answers that only announce the real one.

A trailer makes mitmproxy raise, and leaves the client waiting (its issue 2474); a 103 it takes for the final
answer (its issue 2229); a body of HTTP/2 it sends on without framing; a head, and what is sent ahead, it
keeps whatever their length.  Its two HTTP/1 classes are replaced by subclasses, once a process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import h11
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy import http
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import HttpEvent, ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    RequestEndOfMessage,
    RequestHeaders,
    RequestTrailers,
    ResponseEndOfMessage,
    ResponseProtocolError,
    ResponseTrailers,
)

MOST_AHEAD_BYTES = 4 << 20
"""Of a head, trailers, the line before a chunk, or requests sent ahead: mitmproxy keeps them all, browsers
stop at 256 KiB."""
_LAST_CHUNK = b"0\r\n"
_STATUS = re.compile(rb"HTTP/1\.[0-9] ([0-9]{3})")
_STATUS_BYTES = 12
_MOST_ANNOUNCED = 32  # an answer that never comes must come to an end


@dataclass
class ResponseAnnounced(HttpEvent):
    """A 1xx answer came, and a final one is still to come."""

    status: int


class _TrailingReader(ChunkedReader):
    """Reads chunks, and keeps the trailers for itself: its caller raises where it is told of some."""

    def __init__(self) -> None:
        super().__init__()
        self.trailers: http.Headers | None = None

    def __call__(self, buf: ReceiveBuffer) -> Any:
        event = super().__call__(buf)
        if isinstance(event, h11.EndOfMessage) and event.headers:
            self.trailers = http.Headers(event.headers.raw_items())
            return h11.EndOfMessage()
        return event


class _Trailing(_http1.Http1Connection):
    """Reads trailers, and writes them where the body goes in chunks."""

    _written: http.Headers | None = None

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Close who sends without end what cannot be read yet: a head, a line of chunks, a request ahead."""
        if isinstance(event, events.DataReceived) and len(self.buf) + len(event.data) > MOST_AHEAD_BYTES:
            self.buf = ReceiveBuffer()
            yield commands.CloseConnection(self.conn)
            return
        yield from super()._handle_event(event)

    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Tell of the trailers right before the end of the message."""
        for command in super().read_body(event):
            if isinstance(command, ReceiveHttp) and isinstance(
                command.event, RequestEndOfMessage | ResponseEndOfMessage
            ):
                trailers = getattr(self.body_reader, "trailers", None)
                if trailers is not None:
                    self.body_reader.trailers = None  # type: ignore[union-attr]
                    kind = RequestTrailers if isinstance(self, _http1.Http1Server) else ResponseTrailers
                    yield ReceiveHttp(kind(command.event.stream_id, trailers))
            yield command

    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Keep trailers until the last chunk is written."""
        if isinstance(event, RequestTrailers | ResponseTrailers):
            self._written = event.trailers
            return
        is_end = isinstance(event, RequestEndOfMessage | ResponseEndOfMessage)
        for command in super().send(event):
            if is_end and isinstance(command, commands.SendData) and command.data == _LAST_CHUNK + b"\r\n":
                command.data = _LAST_CHUNK + _lines(self._written) + b"\r\n"
            yield command
        if is_end:
            self._written = None


class TrailingServer(_Trailing, _http1.Http1Server):
    """Towards the client."""


class TrailingClient(_Trailing, _http1.Http1Client):
    """Towards the server; what only announces an answer is told and read over."""

    def send(self, event: HttpEvent) -> layer.CommandGenerator[None]:
        """Frame a body that came over HTTP/2 without a length: it would be read as the next request."""
        if isinstance(event, RequestHeaders) and not event.end_stream and not _is_framed(event.request):
            event.request = event.request.copy()
            event.request.headers["Transfer-Encoding"] = "chunked"
        yield from super().send(event)

    _is_final = False
    _announced = 0
    _announcing_status = 0

    def read_headers(self, event: events.ConnectionEvent) -> layer.CommandGenerator[None]:
        """Read over 1xx answers, but for 101: that one is final."""
        while isinstance(event, events.DataReceived) and self.request and (status := self._announcing()):
            if self.buf.maybe_extract_lines() is None:
                return  # it is not whole yet
            assert self.stream_id is not None
            self._announcing_status = 0
            self._announced += 1
            if self._announced > _MOST_ANNOUNCED:
                yield commands.CloseConnection(self.conn)
                text = "the server announced an answer again and again"
                yield ReceiveHttp(ResponseProtocolError(self.stream_id, text, ResponseProtocolError.code))
                return
            yield ReceiveHttp(ResponseAnnounced(self.stream_id, status))
        yield from super().read_headers(event)

    def _announcing(self) -> int:
        """The status at the start of the buffer where it is a 1xx; else, or not there yet, 0."""
        if self._is_final or len(self.buf) < _STATUS_BYTES:
            return 0
        if not self._announcing_status:  # once for each head: it may come byte by byte
            found = _STATUS.match(bytes(self.buf)[:_STATUS_BYTES])
            status = int(found[1]) if found else 0
            self._is_final = not 100 <= status < 200 or status == 101
            self._announcing_status = 0 if self._is_final else status
        return self._announcing_status

    def mark_done(self, *, request: bool = False, response: bool = False) -> layer.CommandGenerator[None]:
        """Begin anew with the next answer, once the request is whole too."""
        if response:
            self._is_final, self._announced = False, 0
        yield from super().mark_done(request=request, response=response)
        if self.response_done and not self.request_done:
            self.state = self.wait_for_upload

    def wait_for_upload(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Keep what comes behind an early answer; for that the connection ends once the upload is whole.

        mitmproxy takes it for the answer's end again, and raises.
        """
        if isinstance(event, events.ConnectionClosed):
            assert self.stream_id is not None
            yield commands.CloseConnection(self.conn)
            text = "the server left after its answer, and before the request had come"
            yield ReceiveHttp(ResponseProtocolError(self.stream_id, text, ResponseProtocolError.code))


def _is_framed(request: http.Request) -> bool:
    return "content-length" in request.headers or "transfer-encoding" in request.headers


def _lines(trailers: http.Headers | None) -> bytes:
    """As they are written; a line that would end early, as HTTP/2 could bring one, is left out."""
    fields = trailers.fields if trailers else ()
    return b"".join(
        name + b": " + value + b"\r\n" for name, value in fields if not set(name + value) & set(b"\r\n\0")
    )


_make_body_reader = _http1.make_body_reader


def _trailing_reader(expected_size: int | None) -> Any:
    return _TrailingReader() if expected_size is None else _make_body_reader(expected_size)


def mend_http1() -> None:
    """Put the mended classes in the place of mitmproxy's own, for this process."""
    _http1.make_body_reader = _trailing_reader
    http_layers.Http1Server = TrailingServer  # type: ignore[attr-defined]
    http_layers.Http1Client = TrailingClient  # type: ignore[attr-defined]
