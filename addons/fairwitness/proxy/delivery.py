"""What mitmproxy loses: events of a connection whose task is cancelled, or crashes, just then.

Events wait for a lock.  Who cannot write to a connection cancels its task, and if that waits to tell that
data came or that the connection ended, nobody is ever told: requests on it hang, and stay open in the log.
Of a server that is gone before its address can be asked for, nobody is told that there is no connection; nor
where the client leaves while a hook decides on the dial.
"""

from __future__ import annotations

import asyncio
from typing import Any

from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands, events, server, server_hooks
from mitmproxy.proxy.context import Context

_LEFT = "client disconnected"
_GONE = "the server ended the connection at once"


class PatientLock(asyncio.Lock):
    """A lock for which a cancelled task waits all the same; it is cancelled at what it waits for next."""

    async def acquire(self) -> Any:
        """Wait for the lock, come what may."""
        is_cancelled = False
        while True:
            try:
                await super().acquire()
            except asyncio.CancelledError:
                is_cancelled = True
                continue
            break
        task = asyncio.current_task()
        if is_cancelled and task is not None:
            task.cancel()
        return True


_begin = server.ConnectionHandler.__init__


def _begin_with_patience(self: server.ConnectionHandler, context: Context) -> None:
    _begin(self, context)
    self._server_event_lock = PatientLock()


_open = server.ConnectionHandler.open_connection


async def _open_or_tell(self: server.ConnectionHandler, command: commands.OpenConnection) -> None:
    try:
        await _open(self, command)
    except AssertionError:
        if command.connection.peername is not None:
            raise
        io = self.transports.pop(command.connection)
        assert io.writer is not None
        io.writer.close()
        await _tell(self, command, _GONE)
    except asyncio.CancelledError:
        if command.connection.timestamp_start is None:  # else it was told
            await _tell(self, command, _LEFT)
        raise


async def _tell(handler: server.ConnectionHandler, command: commands.OpenConnection, why: str) -> None:
    dialled = command.connection
    dialled.state = ConnectionState.CLOSED
    dialled.error = why
    data = server_hooks.ServerConnectionHookData(dialled, handler.client)
    await handler.handle_hook(server_hooks.ServerConnectErrorHook(data))
    await handler.server_event(events.OpenConnectionCompleted(command, why))


def mend_delivery() -> None:
    """Let no event be lost, in this process."""
    server.ConnectionHandler.__init__ = _begin_with_patience  # type: ignore[method-assign]
    server.ConnectionHandler.open_connection = _open_or_tell  # type: ignore[method-assign]
