"""How many requests of one client may be under way: HTTP/2 lets it reset its streams and open others at once.

Each is on record before it leaves, which takes milliseconds; to open and to reset one takes none.
"""

from __future__ import annotations

from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers import http as http_layers

from fairwitness.proxy.brakes import brake, release

MOST = 500
"""While there are more, nothing is read from their client; it may have 100 open, so all others were reset."""

_handle_event = http_layers.HttpLayer._handle_event


def _handle_and_count(self: http_layers.HttpLayer, event: events.Event) -> layer.CommandGenerator[None]:
    try:
        yield from _handle_event(self, event)
    finally:  # also when mitmproxy crashes
        (brake if len(self.streams) > MOST else release)(self.context.client, self)


def mend_streams() -> None:
    """Count them, in this process."""
    http_layers.HttpLayer._handle_event = _handle_and_count  # type: ignore[method-assign]
