"""An HTTP/2 client over a `RawClient`, with pseudo-headers of the test's choice."""

from __future__ import annotations

from collections.abc import Sequence

import h2.config
import h2.connection
import h2.events

from fairwitness.testing.client import Disconnected, RawClient, Reply


class Http2Client:
    """Streams on one connection whose TLS agreed on ``h2``.

    A class, because streams share a state machine and are read in any order.
    """

    def __init__(self, client: RawClient) -> None:
        self._client = client
        config = h2.config.H2Configuration(
            client_side=True,
            header_encoding=None,
            validate_outbound_headers=False,  # a test may lie
            normalize_outbound_headers=False,
        )
        self._http = h2.connection.H2Connection(config)
        self._http.initiate_connection()
        self._heads: dict[int, tuple[tuple[bytes, bytes], ...]] = {}
        self._bodies: dict[int, bytes] = {}
        self._ended: set[int] = set()
        self._reset: set[int] = set()
        self._flush()

    def start(
        self,
        path: str,
        *,
        authority: str,
        method: str = "GET",
        scheme: str = "https",
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        trailers: Sequence[tuple[str, str]] = (),
    ) -> int:
        """Open a stream with a request; gives its number once all of it is sent."""
        pseudo = [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path)]
        stream = self.begin([*pseudo, *headers], is_whole=not body)
        if body:
            self.upload(stream, body, is_whole=not trailers)
        if trailers:
            self._http.send_headers(stream, trailers, end_stream=True)
        self._flush()
        return stream

    def begin(self, headers: Sequence[tuple[str, str]], *, is_whole: bool = False) -> int:
        """Open a stream with these headers; more may follow where it is not whole."""
        stream: int = self._http.get_next_available_stream_id()
        self._http.send_headers(stream, headers, end_stream=is_whole)
        self._flush()
        return stream

    def upload(self, stream: int, body: bytes, *, is_whole: bool = True) -> None:
        """Send a body, as fast as windows open."""
        left = memoryview(body)
        while left:
            left = left[self.upload_some(stream, left, is_whole=is_whole) :]
            if left:
                self._read("its window never opened")

    def upload_some(self, stream: int, body: bytes | memoryview, *, is_whole: bool) -> int:
        """Send as much of a body as windows are open for now; gives how much that was."""
        left = memoryview(body)
        while left and (room := self._http.local_flow_control_window(stream)) > 0:
            room = min(room, self._http.max_outbound_frame_size)
            piece, left = left[:room], left[room:]
            self._http.send_data(stream, piece.tobytes(), end_stream=is_whole and not left)
            self._flush()
        return len(body) - len(left)

    def reply(self, stream: int) -> Reply:
        """The response on *stream*; a status of 0 means that the stream was reset.

        Raises:
            Disconnected: The connection ended.
        """
        while stream not in self._ended and stream not in self._reset:
            self._read(f"stream {stream} never ended")
        if stream in self._reset:
            return Reply(status=0)
        headers = self._heads[stream]
        status = int(dict(headers)[b":status"])
        return Reply(status=status, headers=headers, body=self._bodies.get(stream, b""))

    def reset_after(self, stream: int, body_bytes: int) -> None:
        """Reset *stream* once so much of its body is there, as curl does when Content-Length is reached.

        Raises:
            Disconnected: The connection or the stream ended before.
        """
        while len(self._bodies.get(stream, b"")) < body_bytes:
            if stream in self._ended or stream in self._reset:
                raise Disconnected(f"stream {stream} ended early")
            self._read(f"stream {stream} never had its body")
        self.reset(stream, error_code=5)  # STREAM_CLOSED

    def reset(self, stream: int, *, error_code: int = 8) -> None:
        """Give a stream up; CANCEL, where nothing else is said."""
        self._http.reset_stream(stream, error_code=error_code)
        self._flush()

    def request(self, path: str, *, authority: str, method: str = "GET", body: bytes = b"") -> Reply:
        """One request and its response."""
        return self.reply(self.start(path, authority=authority, method=method, body=body))

    def _read(self, missing: str) -> None:
        self._flush()
        data = self._client.read()
        if not data:
            raise Disconnected(missing)
        for event in self._http.receive_data(data):
            self._take(event)
        self._flush()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            self._heads[event.stream_id] = tuple((bytes(key), bytes(value)) for key, value in event.headers)
        elif isinstance(event, h2.events.DataReceived):
            self._bodies[event.stream_id] = self._bodies.get(event.stream_id, b"") + event.data
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self._ended.add(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self._reset.add(event.stream_id)

    def _flush(self) -> None:
        self._client.send(self._http.data_to_send())
