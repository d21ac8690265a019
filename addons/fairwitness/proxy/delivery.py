"""What mitmproxy loses: events of a connection whose task is cancelled just then.

Events wait for a lock.  Who cannot write to a connection cancels its task, and if that waits to tell that
data came or that the connection ended, nobody is ever told: requests on it hang, and stay open in the log.
"""

from __future__ import annotations

import asyncio
from typing import Any

from mitmproxy.proxy import server
from mitmproxy.proxy.context import Context


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


def mend_delivery() -> None:
    """Let no event be lost, in this process."""
    server.ConnectionHandler.__init__ = _begin_with_patience  # type: ignore[method-assign]
