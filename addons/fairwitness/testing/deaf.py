"""Origins that do not answer: whose connections are not made, or on which nothing is said."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from fairwitness.testing.origin import Origin

_MORE_THAN_FIT = 4  # Linux keeps one more than the backlog says


@contextlib.contextmanager
def mute(origin: Origin, *, backlog: int = 64) -> Iterator[socket.socket]:
    """Let every connection to *origin* be made, and nothing be read or said on it; later it is as before.

    Gives the listener, for who wants to answer after all.
    """
    origin.die()
    try:
        with socket.create_server((origin.address, origin.port), backlog=backlog) as listener:
            yield listener
    finally:
        origin.come_back()


@contextlib.contextmanager
def deaf(origin: Origin) -> Iterator[None]:
    """Let every dial of *origin* hang, as behind a firewall that drops; later it is as before."""
    with mute(origin, backlog=0), contextlib.ExitStack() as stack:
        for _ in range(_MORE_THAN_FIT):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((origin.address, origin.port))
        yield
