"""A body that streams: hashed whole and by segment, stored as it comes, in constant memory."""

from __future__ import annotations

import os
import sqlite3
from hashlib import sha256

from fairwitness.evidence.bodies import INLINE_BYTES, Bodies, PartFile
from fairwitness.evidence.bodyrow import (
    NOT_STORED_PAIR,
    SHAPE_PAIR,
    STORED_BYTES,
    KeptBody,
    cut_pairs,
    size_pairs,
)
from fairwitness.evidence.entry import BODY_PIECE, BODY_SEGMENTS, KEY_BYTES, SALT_BYTES, body_salts
from fairwitness.evidence.keep import Keep
from fairwitness.model.message import Direction

MEMORY_BYTES = 256 << 10  # 256 KiB: an answer above it goes to a file as it comes
_UNLIMITED = 1 << 62


class BodyWriter:
    """Where the chunks of a body go.

    A class, because every chunk continues the hashes of those before it.
    """

    def __init__(self, bodies: Bodies, *, exchange: str, direction: Direction, keep: Keep) -> None:
        """Use `Log.open_body`."""
        self.bytes = 0
        """Size of what was written so far."""
        self._bodies = bodies
        self._name = f"{exchange}.{direction.value}"
        # What leaves the machine is on the disk before it does; an answer may wait until it is large.
        self._memory_bytes = MEMORY_BYTES if direction is Direction.RECEIVED else 0
        self._keep = keep
        self._key = os.urandom(KEY_BYTES)
        self._salts = b""
        self._whole = sha256()
        self._digests: list[str] = []
        self._segment = sha256()
        self._room = 0
        self._memory: bytearray | None = bytearray()
        self._part: PartFile | None = None
        self._cut_address: bytes | None = None
        self._kept: KeptBody | None = None

    @property
    def sha256(self) -> str:
        """Hash of what was written so far, in hex."""
        return self._whole.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Take the next chunk; what is sent is stored when this returns.

        Raises:
            ValueError: The body is finished.
            EvidenceError: It cannot be stored.
        """
        if self._kept is not None:
            raise ValueError("the body is finished")
        self._bodies.database.check()
        if not chunk:
            return
        if self._keep is Keep.WHOLE:
            self._cut(memoryview(chunk))
            try:
                self._store(chunk)
            except OSError as error:
                raise self._bodies.database.fail(error) from error
        self.bytes += len(chunk)
        self._whole.update(chunk)

    def forget(self) -> None:
        """Keep no more than its hash and size, now that it is known what it holds.

        Raises:
            ValueError: The body is finished.
        """
        if self._kept is not None:
            raise ValueError("the body is finished")
        self._keep = Keep.SHAPE

    def finish(self) -> None:
        """There are no more chunks.

        Raises:
            EvidenceError: It cannot be stored.
        """
        self.kept()

    def kept(self) -> KeptBody:
        """The body as its entry will hold it; finishes it.

        Raises:
            EvidenceError: It cannot be stored.
        """
        if self._kept is None:
            self._bodies.database.check()
            try:
                self._kept = self._finished()
            except (OSError, sqlite3.Error) as error:
                raise self._bodies.database.fail(error) from error
        return self._kept

    def _cut(self, chunk: memoryview) -> None:
        """Continue the hashes of the segments."""
        while chunk:
            if not self._room:
                self._next_segment()
            taken = chunk[: self._room]
            self._segment.update(taken)
            self._room -= len(taken)
            chunk = chunk[len(taken) :]

    def _next_segment(self) -> None:
        if self._salts:
            self._digests.append(self._segment.hexdigest())
        else:
            self._salts = body_salts(self._key, BODY_SEGMENTS + 1)
        number = len(self._digests)
        self._segment = sha256(self._salts[number * SALT_BYTES : (number + 1) * SALT_BYTES])
        self._room = BODY_PIECE if number < BODY_SEGMENTS else _UNLIMITED

    def _store(self, chunk: bytes) -> None:
        room = STORED_BYTES - self.bytes
        if room < 0:
            return
        if len(chunk) > room:
            chunk = chunk[:room]
            stored = self._whole.copy()
            stored.update(chunk)
            self._cut_address = stored.digest()
        if self._memory is not None:
            self._memory += chunk
            if len(self._memory) <= self._memory_bytes:
                return
            chunk = chunk if self._part is not None else bytes(self._memory)
            if len(self._memory) > MEMORY_BYTES:
                self._memory = None
        if self._part is None:
            self._part = self._bodies.grow(self._name)
        self._part.write(chunk)

    def _finished(self) -> KeptBody:
        if not self.bytes:
            return KeptBody(key=self._key)
        whole = self._whole.digest()
        pairs = size_pairs(self.bytes, whole)
        if self._keep is Keep.HEAD:
            return KeptBody(key=self._key, pairs=(*pairs, NOT_STORED_PAIR))
        done_with = (self._part.path,) if self._part is not None else ()
        if self._keep is Keep.SHAPE:
            if self._part is not None:
                self._bodies.leave(self._part)
            return KeptBody(key=self._key, pairs=(*pairs, SHAPE_PAIR), done_with=done_with)
        digests = [*self._digests, self._segment.hexdigest()]
        address, rest, row, inline = whole, None, None, b""
        if self._memory is not None:
            if self._part is not None:
                self._bodies.leave(self._part)
            content = bytes(self._memory)
            if len(content) <= INLINE_BYTES:
                inline = content
            else:
                row = self._bodies.row(address, content)
        else:
            assert self._part is not None
            size = self.bytes
            if self._cut_address is not None:
                address, rest, size = self._cut_address, bytes.fromhex(digests[-1]), STORED_BYTES
                pairs = (*pairs, *cut_pairs(size, address))
            if self._bodies.is_known(address):
                self._bodies.leave(self._part)
            else:
                row = self._bodies.adopt(self._part, address, size)
        return KeptBody(
            key=self._key,
            digests=digests,
            inline=inline,
            address=None if inline else address,
            rest=rest,
            row=row,
            pairs=pairs,
            done_with=done_with,
        )
