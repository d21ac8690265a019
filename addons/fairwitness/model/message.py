"""What passes once both sides talk freely: WebSocket messages and raw bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Which way bytes went."""

    SENT = "sent"
    """From the client to the server."""
    RECEIVED = "received"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A WebSocket or TCP message."""

    exchange: str
    """The handshake's exchange; a name of its own for raw TCP."""
    direction: Direction
    kind: str
    """``text`` | ``binary`` | ``ping`` | ``pong`` | ``close`` | ``tcp``."""
    number: int
    """Position in its exchange and direction, from 1."""
    content: bytes
    time_us: int
