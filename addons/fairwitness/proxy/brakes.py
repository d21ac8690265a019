"""Reads nothing more from a connection while what came from it before still waits here.

mitmproxy reads on while a hook is awaited, and keeps what comes: a flood of messages would fill the memory.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from mitmproxy.connection import Connection
from mitmproxy.proxy import events, layer, layers
from mitmproxy.proxy.layers import tcp as tcp_layers
from mitmproxy.proxy.server import ConnectionHandler


@dataclass(slots=True)
class _Brake:
    """Not frozen: who holds it comes and goes."""

    holders: set[object] = field(default_factory=set)
    released: asyncio.Event = field(default_factory=asyncio.Event)


_braked: WeakKeyDictionary[Connection, _Brake] = WeakKeyDictionary()


def brake(connection: Connection, holder: object) -> None:
    """Read nothing more from it for now; each *holder* has to release it."""
    _braked.setdefault(connection, _Brake()).holders.add(holder)


def release(connection: Connection, holder: object) -> None:
    """Read on, unless somebody else still holds it."""
    held = _braked.get(connection)
    if held is None:
        return
    held.holders.discard(holder)
    if not held.holders:
        del _braked[connection]
        held.released.set()


class Braking(layer.Layer):
    """Before a layer class of mitmproxy's: its connections are read from only as fast as its hooks end."""

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """Note what had to wait."""
        try:
            yield from super().handle_event(event)
        finally:  # also when mitmproxy crashes: its queue is dead then
            waiting = self._paused_event_queue if self._paused else ()
            behind = {each.connection for each in waiting if isinstance(each, events.DataReceived)}
            for connection in (self.context.client, self.context.server):
                (brake if connection in behind else release)(connection, self)


class BrakingTcp(Braking, tcp_layers.TCPLayer):
    """Raw bytes."""


_drain_writers = ConnectionHandler.drain_writers


async def _drain_and_wait(self: ConnectionHandler) -> None:
    """What mitmproxy awaits between two reads of a connection."""
    await _drain_writers(self)  # type: ignore[no-untyped-call]
    reader = asyncio.current_task()
    for connection, io in list(self.transports.items()):
        if io.handler is reader and (held := _braked.get(connection)) is not None:
            await held.released.wait()


def mend_reading() -> None:
    """Let every connection wait so, for this process."""
    tcp_layers.TCPLayer = layers.TCPLayer = BrakingTcp  # type: ignore[misc]
    ConnectionHandler.drain_writers = _drain_and_wait  # type: ignore[method-assign]
