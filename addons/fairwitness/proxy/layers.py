"""What mitmproxy's layers lack: a say before a long upload starts.

Its class of HTTP streams is replaced by a subclass, once a process (more in `http1`, `http2`, `websockets`,
`hellos`, `brakes`, `spares`, `streams` and `delivery`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from mitmproxy import http
from mitmproxy.connection import Connection
from mitmproxy.flow import Error
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers.http._events import (
    RequestData,
    RequestEndOfMessage,
    RequestHeaders,
    RequestProtocolError,
    RequestTrailers,
    ResponseData,
    ResponseProtocolError,
)
from mitmproxy.proxy.utils import expect

from fairwitness.model.exchange import SEEN_BODY_BYTES
from fairwitness.proxy.brakes import brake, mend_reading, release
from fairwitness.proxy.delivery import mend_delivery
from fairwitness.proxy.hellos import mend_hellos
from fairwitness.proxy.http1 import ResponseAnnounced, mend_http1
from fairwitness.proxy.http2 import BodyTaken, ClientRead, ServerRead, UploadUnwanted, mend_http2
from fairwitness.proxy.spares import mend_spares
from fairwitness.proxy.streams import mend_streams
from fairwitness.proxy.websockets import mend_websockets

WATCHED = "fairwitness.watched_body_bytes"
"""Key of a flow's metadata: from how many buffered bytes on `upload_started` is asked."""
ANNOUNCED = "fairwitness.announced"
"""Key of a flow's metadata: statuses of the 1xx answers that came before the final one."""
LEFT = "fairwitness.client_left"
"""Key of a flow's metadata: the client has reset this stream."""
_DECIDED = "fairwitness_decided"
_BEHIND = "what comes waits behind a hook or a dial"


def decide(flow: http.HTTPFlow, request: http.RequestData) -> None:
    """This very request may leave; what another addon has changed in it since it was copied does not."""
    setattr(flow, _DECIDED, request)  # metadata would be written into users' dumps


def copied(data: http.RequestData) -> http.RequestData:
    """A request that nobody else can change."""
    trailers = http.Headers(data.trailers.fields) if data.trailers else None
    return replace(data, headers=http.Headers(data.headers.fields), trailers=trailers)


@dataclass(slots=True)
class Upload:
    """A request whose body has outgrown the buffer; nothing of it has left yet."""

    flow: http.HTTPFlow
    seen: bytes
    """All that has come so far, over 1 MiB."""


@dataclass
class UploadStartedHook(commands.StartHook):
    """Asked once for a long body.  It goes on only if the hook has set ``flow.request.stream``."""

    upload: Upload


@dataclass
class UploadCutHook(commands.StartHook):
    """Told when a long upload breaks off after its answer was there: mitmproxy tells nobody of that."""

    flow: http.HTTPFlow


class WatchedStream(http_layers.HttpStream):
    """An HTTP stream that never buffers an upload without bounds and never streams one unasked."""

    _is_client_reading = _is_server_reading = True
    _untaken_bytes = _untaken_upload_bytes = 0
    """Of the answer, and of the upload: what the sender's window was not given back for."""

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Note a reset while a hook has the stream paused, and answers that only announce the real one."""
        if isinstance(event, RequestProtocolError) and hasattr(self, "flow"):
            self.flow.metadata[LEFT] = True
        if isinstance(event, ResponseAnnounced):
            self.flow.metadata.setdefault(ANNOUNCED, []).append(event.status)
            return
        try:
            yield from super().handle_event(event)
        finally:  # also when mitmproxy crashes: its queue is dead then
            self._brake_upload()

    def _brake_upload(self) -> None:
        """Read no more of an upload while it waits for a hook, or for its server to be dialled.

        Not over HTTP/2: there the stream's own window closes.
        """
        waiting = self._paused_event_queue if self._paused else ()
        is_behind = any(isinstance(each, RequestData) for each in waiting)
        if is_behind and self.context.client.alpn != b"h2":
            brake(self.context.client, (self, _BEHIND))
        else:
            release(self.context.client, (self, _BEHIND))

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, ClientRead | ServerRead):
            yield from self._read_or_wait(event)
            return
        if isinstance(event, UploadUnwanted):
            if self._is_answered_early():
                yield UploadCutHook(self.flow)
                self.client_state = self.state_discard_request_body
            return
        if isinstance(event, RequestProtocolError | ResponseProtocolError):
            release(self.context.server, self)
            release(self.context.client, self)
            if self._is_answered_early():
                yield UploadCutHook(self.flow)
        yield from super()._handle_event(event)
        is_failed = isinstance(event, ResponseProtocolError)
        if is_failed and self.client_state == self.state_stream_request_body:
            self.client_state = self.state_errored  # what came of the upload while this was told goes nowhere
        if isinstance(event, ResponseData):
            self._untaken_bytes += len(event.data)
            yield from self._take_answer()
        elif isinstance(event, RequestData):
            self._untaken_upload_bytes += len(event.data)
            yield from self._take_upload()

    def _is_answered_early(self) -> bool:
        is_uploading: bool = self.client_state == self.state_stream_request_body
        return is_uploading and bool(self.server_state == self.state_done)

    def _read_or_wait(self, event: ClientRead | ServerRead) -> layer.CommandGenerator[None]:
        sender: Connection = self.context.server
        if isinstance(event, ClientRead):
            self._is_client_reading = event.is_reading
        else:
            self._is_server_reading, sender = event.is_reading, self.context.client
        if event.is_reading:
            release(sender, self)
            yield from self._take_answer()
            yield from self._take_upload()
        elif sender.alpn != b"h2":
            brake(sender, self)

    def _take_upload(self) -> layer.CommandGenerator[None]:
        """Ask the client for more of its upload, unless the server does not read what there is."""
        if self._is_server_reading and self._untaken_upload_bytes and self.context.client.alpn == b"h2":
            taken, self._untaken_upload_bytes = self._untaken_upload_bytes, 0
            yield http_layers.SendHttp(BodyTaken(self.stream_id, taken), self.context.client)

    def _take_answer(self) -> layer.CommandGenerator[None]:
        """Ask the server for more of its answer, unless the client does not read what there is."""
        if self._is_client_reading and self._untaken_bytes and self.context.server.alpn == b"h2":
            taken, self._untaken_bytes = self._untaken_bytes, 0
            yield http_layers.SendHttp(BodyTaken(self.stream_id, taken), self.context.server)

    def check_body_size(self, request: bool) -> layer.CommandGenerator[bool]:
        """Ask when a request's body outgrows the buffer."""
        buffered = self.request_body_buf
        if not request or not buffered:
            return False
        if len(buffered) <= self.flow.metadata.get(WATCHED, SEEN_BODY_BYTES):
            return False
        seen = bytes(buffered)
        buffered.clear()
        yield UploadStartedHook(Upload(self.flow, seen))
        if callable(self.flow.request.stream) and self.flow.response is None:
            yield from self.start_request_stream()
            yield from self.client_state(RequestData(self.stream_id, seen))
            return False
        if self.flow.response is None:
            self.flow.response = http.Response.make(503, b"")
        yield from self._answer_early()
        return False

    def start_request_stream(self) -> layer.CommandGenerator[None]:
        """Only through a guarded tee: who else asks for a stream gets a request that is decided whole."""
        if hasattr(self.flow.request.stream, "fails_closed"):
            yield from super().start_request_stream()
            return
        self.flow.request.stream = False
        self.client_state = self.state_consume_request_body

    def state_wait_for_request_headers(self, event: RequestHeaders) -> layer.CommandGenerator[None]:
        """Answer what is refused at its head at once, without waiting for its body."""
        yield from super().state_wait_for_request_headers(event)
        is_reading = self.client_state == self.state_consume_request_body
        if is_reading and not event.end_stream and self.flow.response is not None:
            yield from self._answer_early()

    def make_server_connection(self) -> layer.CommandGenerator[bool]:
        """Only for what was decided, and as it was decided: hooks of others run until the server is there."""
        decided = getattr(self.flow, _DECIDED, None)
        if decided is None:
            self.flow.error = Error(Error.KILLED_MESSAGE)
            yield from self.check_killed(True)
            return False
        self.flow.request.data = copied(decided)
        is_connected = yield from super().make_server_connection()
        self.flow.request.data = copied(decided)
        return is_connected

    def _answer_early(self) -> layer.CommandGenerator[None]:
        assert self.flow.response is not None
        if not self.flow.request.is_http2:
            self.flow.response.headers["Connection"] = "close"
        self.flow.response.timestamp_start = time.time()
        self.client_state = self.state_discard_request_body
        yield from self.send_response()

    @expect(RequestData, RequestTrailers, RequestEndOfMessage)  # type: ignore[untyped-decorator]
    def state_discard_request_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Read what still comes of a refused body, and forget it."""
        if isinstance(event, RequestEndOfMessage):
            self.client_state = self.state_done
            yield from self.flow_done()

    def handle_connect_regular(self) -> layer.CommandGenerator[None]:
        """Connect at once as mitmproxy does; a failure is told inside, where a person can read it."""
        if not self.flow.response:
            yield commands.OpenConnection(self.context.server)
        self.child_layer = layer.NextLayer(self.context)
        yield from self.handle_connect_finish()  # type: ignore[no-untyped-call]


def watch_layers() -> None:
    """Put the watched layers in the place of mitmproxy's own, for this process."""
    mend_delivery()
    mend_http1()
    mend_http2()
    http_layers.HttpStream = WatchedStream  # type: ignore[misc]
    mend_websockets()
    mend_reading()
    mend_hellos()
    mend_spares()
    mend_streams()
