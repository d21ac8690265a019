"""A body as the log holds it: in its entry's row, in a table, or as a file beside the database."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from zlib import crc32

import zstandard

from fairwitness.evidence.entry import KEY_BYTES
from fairwitness.evidence.layout import DamagedError, expand
from fairwitness.evidence.plain import open_plain

STORED_BYTES = 16 << 20  # 16 MiB: what is stored of a body; hash and size are always of the whole
FOLDER_NAME = "bodies"
FILE_CODING = b"\1"  # files are always one zstd frame


@dataclass(frozen=True, slots=True)
class BodyRow:
    """A body's row in the table; without *data* it is a file."""

    sha256: bytes
    size: int
    """Before compression."""
    coding: bytes
    data: bytes | None
    stored: int
    """Size as it is stored."""
    checksum: int
    """Of the stored bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBody:
    """A body on its way into the log."""

    key: bytes
    """The key of the entry that it will be in."""
    digests: Sequence[str] = ()
    """Hashes of its segments; none where it is not stored."""
    inline: bytes = b""
    address: bytes | None = None
    """SHA-256 of what is stored of it outside the entry's row."""
    rest: bytes | None = None
    """Hash of its last segment, where that is not stored whole."""
    row: BodyRow | None = None
    """What is to be inserted, None where the content is known already."""
    pairs: tuple[tuple[str, str], ...] = ()
    """What its entry's meta says of it."""
    done_with: tuple[Path, ...] = ()
    """Part files that are of no use once the entry is committed."""


def no_body() -> KeptBody:
    """The body of an entry that has none."""
    return KeptBody(key=os.urandom(KEY_BYTES))


def size_pairs(size: int, digest: bytes) -> tuple[tuple[str, str], ...]:
    """What the meta of an entry says of its whole body."""
    return (("body", f"{size} {digest.hex()}"),)


def cut_pairs(size: int, address: bytes) -> tuple[tuple[str, str], ...]:
    """What the meta of an entry says of a body that is stored in part."""
    return (("body-stored", f"the first {size} bytes"), ("body-stored-sha256", address.hex()))


NOT_STORED_PAIR = ("body-stored", "no: load host")
SHAPE_PAIR = ("body-stored", "no: kept as a shape")


def file_of(folder: Path, address: bytes) -> Path:
    """Where a body lies that is a file."""
    name = address.hex()
    return folder / name[:2] / name


def read_body(folder: Path, row: BodyRow) -> bytes:
    """A stored body.

    Args:
        folder: The folder of the bodies.
        row: Its row.

    Raises:
        DamagedError: It is not what was stored, or its file is gone.
    """
    if row.data is not None:
        if crc32(row.data) != row.checksum or len(row.data) != row.stored:
            raise DamagedError("its body's stored bytes do not match their checksum")
        content = expand(row.coding, row.data, most=STORED_BYTES)
    else:
        content = _read_file(file_of(folder, row.sha256), row)
    if len(content) != row.size or sha256(content).digest() != row.sha256:
        raise DamagedError("its body is not the content that it is named after")
    return content


def expand_stream(data: bytes) -> bytes:
    """What a compressed stream holds, as far as it goes, up to the most that is ever stored.

    Raises:
        DamagedError: It is no such stream.
    """
    try:
        with zstandard.ZstdDecompressor().stream_reader(data) as reader:
            content: bytes = reader.read(STORED_BYTES + 1)
    except zstandard.ZstdError as error:
        raise DamagedError(f"its compressed bytes are broken ({error})") from None
    return content


def _read_file(path: Path, row: BodyRow) -> bytes:
    try:
        with open(open_plain(path, os.O_RDONLY), "rb") as file:
            data = file.read(2 * STORED_BYTES)
    except OSError as error:
        raise DamagedError(f"its body's file cannot be read ({error.strerror})") from None
    if row.coding != FILE_CODING or crc32(data) != row.checksum or len(data) != row.stored:
        raise DamagedError("its body's file does not match its checksum")
    return expand_stream(data)
