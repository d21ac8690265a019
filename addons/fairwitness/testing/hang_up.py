"""How a server ends a TLS connection before it has answered anything on it."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
from dataclasses import dataclass
from enum import Enum

from fairwitness.testing.wire import TlsWire

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time


class When(Enum):
    """The moments at which it may."""

    AT_ONCE = "as soon as it is there"
    AFTER_THE_HELLO = "when the client has said hello"
    IN_ITS_HELLO = "in the middle of its own hello"
    AFTER_ITS_WORDS = "when it has said all that it can before the client goes on"
    AFTER_THE_HANDSHAKE = "when TLS stands"
    AFTER_THE_REQUEST = "when something came inside"


@dataclass(frozen=True, slots=True)
class HangUp:
    """One way to do it."""

    when: When
    is_reset: bool
    """Whether by a RST in place of a FIN."""

    def end(self, writer: asyncio.StreamWriter) -> None:
        """End the connection."""
        if self.is_reset:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        else:
            writer.close()

    async def hang_up(self, wire: TlsWire, writer: asyncio.StreamWriter) -> None:
        """Come as far as agreed on a connection whose client said hello, and end it."""
        if self.when is not When.AFTER_THE_HELLO:
            words = wire.first_words()
            writer.write(words[: len(words) // 2] if self.when is When.IN_ITS_HELLO else words)
            await writer.drain()
        if self.when in (When.AFTER_THE_HANDSHAKE, When.AFTER_THE_REQUEST):
            await wire.handshake()
        if self.when is When.AFTER_THE_REQUEST:
            await wire.read()
        self.end(writer)


HANG_UPS = tuple(HangUp(when, is_reset) for when, is_reset in itertools.product(When, (False, True)))
"""All of them."""
