"""Lets a body pass while it is hashed and kept, in constant memory."""

from __future__ import annotations

from fairwitness.model.exchange import SEEN_BODY_BYTES
from fairwitness.model.message import Direction
from fairwitness.witness import Asked, BodyWriter, Witness


class Tee:
    """Called with each chunk; what it returns is sent on.  Give it to mitmproxy only inside `guarded_tee`.

    A class, because a body comes in pieces.  Up to `SEEN_BODY_BYTES` it stays in memory, so that the rules
    can see it before it is stored; a longer one goes to the store as it passes.

    Args:
        witness: Who keeps it.
        asked: The exchange.
        direction: Which body.
    """

    def __init__(self, witness: Witness, asked: Asked, direction: Direction) -> None:
        self._witness = witness
        self._asked = asked
        self._direction = direction
        self._head = bytearray()
        self.writer: BodyWriter | None = None
        self.bytes = 0

    @property
    def seen(self) -> bytes:
        """The first `SEEN_BODY_BYTES`."""
        return bytes(self._head[:SEEN_BODY_BYTES])

    def __call__(self, chunk: bytes) -> bytes:
        """Keep a chunk and pass it on.

        Raises:
            EvidenceError: It could not be kept, so it must not pass.
        """
        self.bytes += len(chunk)
        if self.writer is not None:
            self._witness.write_body(self.writer, chunk)
            return chunk
        self._head += chunk
        if len(self._head) > SEEN_BODY_BYTES or (chunk and self._direction is Direction.SENT):
            self.writer = self._witness.open_body(self._asked, self._direction)
            self._witness.write_body(self.writer, bytes(self._head))
            del self._head[SEEN_BODY_BYTES:]
        return chunk
