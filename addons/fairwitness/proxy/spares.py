"""How many servers stay connected behind one client.

mitmproxy keeps every connection to a server until its client leaves, and remembers those that ended too: a
tool that asks thousands of hosts on one connection would use up all descriptors, and a browser's long-lived
HTTP/2 connection ever more memory.
"""

from __future__ import annotations

from mitmproxy.connection import Server
from mitmproxy.proxy import commands, layer
from mitmproxy.proxy.layers import http as http_layers

MOST = 16
"""Servers that a client's connection keeps, beside those that a request uses."""

_get_connection = http_layers.HttpLayer.get_connection


def _let_go_and_get(
    self: http_layers.HttpLayer, event: http_layers.GetHttpConnection, *, reuse: bool = True
) -> layer.CommandGenerator[None]:
    if len(self.connections) > MOST:
        yield from _let_go(self)
    yield from _get_connection(self, event, reuse=reuse)


def _let_go(self: http_layers.HttpLayer) -> layer.CommandGenerator[None]:
    """Close and forget the oldest."""
    used = {self.context.server, *(stream.context.server for stream in self.streams.values())}
    spare = [
        each
        for each in self.connections
        if isinstance(each, Server) and each not in used and each not in self.waiting_for_establishment
    ]
    for each in spare[:-MOST]:
        if each.connected:
            yield commands.CloseConnection(each)
        elif each.timestamp_end or each.error:  # else its end is still to be told
            del self.connections[each]


def mend_spares() -> None:
    """Keep few of them, in this process."""
    http_layers.HttpLayer.get_connection = _let_go_and_get  # type: ignore[method-assign]
