"""What mitmproxy's HTTP/2 lacks: an end for streams that still wait for their turn.

A server takes only so many streams at once, and ten until it has said how many; mitmproxy queues the others.
When the server goes, it tells those that were sent and forgets the queue: their clients wait for ever.
"""

from __future__ import annotations

from typing import Any

from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers.http import _http2
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import ResponseProtocolError


class TellingClient(_http2.Http2Client):
    """Towards the server; its end is told to every stream."""

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self._untold: dict[int, str] = {}

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        yield from super()._handle_event(event)
        untold, self._untold = self._untold, {}
        for stream_id, why in untold.items():
            yield ReceiveHttp(ResponseProtocolError(stream_id, why, ResponseProtocolError.code))

    def close_connection(self, msg: str) -> layer.CommandGenerator[None]:
        """Keep who waits: streams that were sent are told here, under numbers that these do not have yet."""
        self._untold = dict.fromkeys(self.stream_queue, msg)
        self.stream_queue.clear()
        yield from super().close_connection(msg)


def mend_http2() -> None:
    """Put the mended class in the place of mitmproxy's own, for this process."""
    http_layers.Http2Client = TellingClient  # type: ignore[attr-defined]
