"""Bodies on their way into the log: each content once, compressed, at most 16 MiB of it.

A body of up to 4 KiB lies in its entry's row, a larger one in a table, a large one as a file beside the
database.  Files grow as parts and are linked to the name of their content; the part goes when the entry that
holds the body is committed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Protocol
from zlib import crc32

import zstandard

from fairwitness.evidence.bodyrow import (
    FILE_CODING,
    FOLDER_NAME,
    NOT_STORED_PAIR,
    SHAPE_PAIR,
    STORED_BYTES,
    BodyRow,
    KeptBody,
    cut_pairs,
    file_of,
    size_pairs,
)
from fairwitness.evidence.entry import KEY_BYTES, body_digests, body_pieces
from fairwitness.evidence.keep import Keep
from fairwitness.evidence.layout import shrink
from fairwitness.evidence.plain import make_folder
from fairwitness.model.message import Direction

INLINE_BYTES = 4096  # up to here a body lies in its entry's row
TABLE_BYTES = 256 << 10  # 256 KiB compressed: above it a body is a file
PARTS_NAME = "parts"


class Database(Protocol):
    """What bodies need of the database that they lie in."""

    connection: sqlite3.Connection

    def check(self) -> None:
        """Raise when the log has failed."""
        ...

    def fail(self, error: Exception) -> Exception:
        """Fail the log; gives what is raised."""
        ...


class PartFile:
    """A file that grows by compressed chunks, each readable as soon as it is written.

    A class, because compressor and checksum go on from chunk to chunk.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stored = 0
        self.checksum = 0
        self._compressor = zstandard.ZstdCompressor(level=1).compressobj()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o600)

    def write(self, chunk: bytes) -> None:
        """Write a chunk, so that it is there when the process dies now."""
        block = self._compressor.compress(chunk)
        self._put(block + self._compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))

    def finish(self) -> None:
        """Write what closes the file."""
        try:
            self._put(self._compressor.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH))
        finally:
            self.close()

    def close(self) -> None:
        """Leave the file as it is."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _put(self, data: bytes) -> None:
        self.stored += len(data)
        self.checksum = crc32(data, self.checksum)
        while data:
            data = data[os.write(self._fd, data) :]


class Bodies:
    """The bodies of one log, for the process that writes it.

    A class, because it remembers which contents wait for their commit.
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self.database = database
        self.unsynced: list[Path] = []
        """Files that a power cut could still lose."""
        self._folder = folder / FOLDER_NAME
        self._parts = self._folder / PARTS_NAME
        self._growing: set[PartFile] = set()
        self._waiting: set[bytes] = set()
        self._count = 0
        for each in (self._folder, self._parts):
            make_folder(each)

    def keep(self, content: bytes, keep: Keep, *, most: int = STORED_BYTES) -> KeptBody:
        """Store a body that is there as a whole.

        Args:
            content: All of it.
            keep: How much may be stored.
            most: How much is stored at most, not less than the 1 MiB that is cut into segments.

        Raises:
            EvidenceError: It cannot be stored.
        """
        key = os.urandom(KEY_BYTES)
        if not content:
            return KeptBody(key=key)
        whole = sha256(content).digest()
        pairs = size_pairs(len(content), whole)
        if keep is Keep.HEAD:
            return KeptBody(key=key, pairs=(*pairs, NOT_STORED_PAIR))
        if keep is Keep.SHAPE:
            return KeptBody(key=key, pairs=(*pairs, SHAPE_PAIR))
        digests = body_digests(key, body_pieces(content))
        if len(content) <= INLINE_BYTES:
            return KeptBody(key=key, digests=digests, inline=content, pairs=pairs)
        address, rest = whole, None
        if len(content) > most:
            content = content[:most]
            address, rest = sha256(content).digest(), bytes.fromhex(digests[-1])
            pairs = (*pairs, *cut_pairs(most, address))
        row = self.row(address, content)
        return KeptBody(key=key, digests=digests, address=address, rest=rest, row=row, pairs=pairs)

    def row(self, address: bytes, content: bytes) -> BodyRow | None:
        """The row of a content; None where it is stored already.

        Raises:
            EvidenceError: It cannot be stored.
        """
        try:
            if self.is_known(address):
                return None
            coding, data = shrink(content)
            if len(data) <= TABLE_BYTES:
                return BodyRow(address, len(content), coding, data, len(data), crc32(data))
            part = self.grow(address.hex())
            part.write(content)
            row = self.adopt(part, address, len(content))
            os.unlink(part.path)
        except (OSError, sqlite3.Error) as error:
            raise self.database.fail(error) from error
        return row

    def is_known(self, address: bytes) -> bool:
        """Whether a content is stored, or about to be with the next commit."""
        if address in self._waiting:
            return True
        found = self.database.connection.execute("SELECT 1 FROM body WHERE sha256 = ?", (address,))
        return found.fetchone() is not None

    def await_commit(self, row: BodyRow) -> None:
        """Remember that a content will be there after the next commit."""
        self._waiting.add(row.sha256)

    def committed(self) -> None:
        """What waited is in the table."""
        self._waiting.clear()

    def grow(self, name: str) -> PartFile:
        """A new part file."""
        self._count += 1
        part = PartFile(self._parts / f"{name}.{os.getpid()}-{self._count}")
        self._growing.add(part)
        return part

    def adopt(self, part: PartFile, address: bytes, size: int) -> BodyRow:
        """Close a part file and give it the name of its content as well."""
        self.leave(part)
        path = file_of(self._folder, address)
        make_folder(path.parent)
        try:
            os.link(part.path, path)
        except FileExistsError:
            # Nobody refers to it, or the caller would not be here: left by a crash, perhaps not whole.
            os.unlink(path)
            os.link(part.path, path)
        self.unsynced.append(path)
        return BodyRow(address, size, FILE_CODING, None, part.stored, part.checksum)

    def leave(self, part: PartFile) -> None:
        """Close a part file."""
        self._growing.discard(part)
        part.finish()

    def close(self) -> None:
        """Leave all part files as they are: the next start takes them up."""
        while self._growing:
            self._growing.pop().close()

    def leftovers(self) -> Iterator[tuple[str, Direction | None, Path]]:
        """Part files that were left: the exchange, which way its body went, and the file."""
        for path in sorted(self._parts.iterdir()):
            exchange, _, rest = path.name.partition(".")
            direction = rest.partition(".")[0]
            yield exchange, Direction(direction) if direction in tuple(Direction) else None, path
