"""How the segments of an entry lie in its row: lengths first, then the bytes, compressed when that pays.

The lengths say more than the hashed text needs: where a header line begins and how long its name is, so that
any bytes that ever stood in a header come back as they were.  A checksum over the stored form finds the flips
that decompression would forgive.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import zstandard

from fairwitness.model.exchange import Headers

# What a length belongs to; the low three bits of each stored number.
META, START, LINE, MORE, NAME, TRAIL, TRAIL_NAME = range(7)
CODE_BITS = 3
_PLACE = (0, 1, 2, 2, 2, 3, 3, -1)  # of each code: in this order the parts of an entry lie

_RAW, _ZSTD = b"\0", b"\1"
_WORTH_COMPRESSING = 256  # bytes; less than that gains nothing worth 4 us
_MAX_ROW_BYTES = 64 << 20  # 64 MiB: no head that a proxy accepts comes near it


class _Zstd(threading.local):
    """One for each thread: two threads in one of its objects give wrong bytes or crash."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(level=1, write_checksum=False).compress
        # Half the time of level 1, for a quarter more of the little that a row takes.
        self.compress_row = zstandard.ZstdCompressor(level=-1, write_checksum=False).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_zstd = _Zstd()


class DamagedError(Exception):
    """Stored bytes are not what was stored."""


@dataclass(slots=True)
class Draft:
    """The segments of an entry on their way into the log.  Not frozen: it is filled piece by piece."""

    meta: list[bytes]
    head: list[bytes]
    words: list[int]
    """Lengths and codes of the head's pieces."""
    trail: list[bytes]
    trail_words: list[int]

    @classmethod
    def of_meta(cls, meta: list[bytes]) -> Draft:
        """An entry that has no head."""
        return cls(meta, [], [], [], [])


@dataclass(frozen=True, slots=True)
class Segments:
    """The segments of an entry as they were stored."""

    meta: tuple[bytes, ...]
    head: tuple[bytes, ...]
    start: tuple[bytes, ...]
    """Those pieces of the head that make up its start line."""
    headers: Headers
    trail: tuple[bytes, ...]
    trailers: Headers
    body: bytes
    """The body, where it is small enough to lie in the row."""


def pack(draft: Draft, body: bytes) -> tuple[bytes, int]:
    """The stored form of an entry's segments, and its checksum.

    Raises:
        ValueError: A segment of 512 MiB or more: a length and its code share 32 bits.
    """
    words = [len(piece) << CODE_BITS for piece in draft.meta]
    words += draft.words
    words += draft.trail_words
    try:
        lengths = struct.pack(f"<I{len(words)}I", len(words), *words)
    except struct.error as error:
        raise ValueError("a segment is too long") from error
    raw = b"".join((lengths, *draft.meta, *draft.head, *draft.trail, body))
    if len(raw) < _WORTH_COMPRESSING:
        data = _RAW + raw
    else:
        data = _ZSTD + _zstd.compress_row(raw)
    return data, crc32(data)


def unpack(data: bytes, checksum: int) -> Segments:
    """The segments in a row.

    Raises:
        DamagedError: The row is not what `pack` made.
    """
    return _read(*_lengths(data, checksum))


def unpack_beginning(data: bytes, checksum: int) -> tuple[bytes, list[bytes]]:
    """The meta lines in a row, as one text, and the pieces of its start line; quicker than `unpack`.

    Raises:
        DamagedError: The row is not what `pack` made.
    """
    words, raw, at = _lengths(data, checksum)
    begin, pieces = at, []
    meta_end = at
    for number in words:
        code, end = number & 7, at + (number >> CODE_BITS)
        if code == START:
            pieces.append(raw[at:end])
        elif code == META:
            meta_end = end
        else:
            break
        at = end
    if at > len(raw):
        raise DamagedError("its bytes are cut off")
    _check_start(pieces)
    return raw[begin:meta_end], pieces


def _lengths(data: bytes, checksum: int) -> tuple[tuple[int, ...], bytes, int]:
    """The lengths in a row, all its bytes, and where the segments begin among them."""
    if crc32(data) != checksum:
        raise DamagedError("its stored bytes do not match their checksum")
    raw = expand(data[:1], data[1:], most=_MAX_ROW_BYTES)
    try:
        (count,) = struct.unpack_from("<I", raw)
        return struct.unpack_from(f"<{count}I", raw, 4), raw, 4 + 4 * count
    except struct.error:
        raise DamagedError("its list of lengths is cut off") from None


def expand(coding: bytes, data: bytes, *, most: int) -> bytes:
    """Stored bytes as they were before compression.

    Raises:
        DamagedError: They cannot be expanded, or to more than *most* bytes.
    """
    if coding == _RAW:
        return data
    if coding != _ZSTD:
        raise DamagedError("its compression is unknown")
    try:
        size = zstandard.frame_content_size(data)
        if not 0 <= size <= most:
            raise DamagedError("its size is missing or beyond all bounds")
        return _zstd.decompress(data)
    except zstandard.ZstdError as error:
        raise DamagedError(f"its compressed bytes are broken ({error})") from None


def shrink(content: bytes) -> tuple[bytes, bytes]:
    """How *content* is best stored: the coding, and the bytes."""
    if len(content) >= _WORTH_COMPRESSING:
        data = _zstd.compress(content)
        if len(data) < len(content):
            return _ZSTD, data
    return _RAW, content


def _read(words: Sequence[int], raw: bytes, at: int) -> Segments:
    pieces: dict[int, list[bytes]] = {META: [], START: [], TRAIL: []}
    head: list[bytes] = []
    lines: list[list[bytes]] = []
    names: list[int] = []
    trail_names: list[int] = []
    place = 0
    for number in words:
        code, length = number & 7, number >> CODE_BITS
        if _PLACE[code] < place:
            raise DamagedError("its list of lengths makes no sense")
        place = _PLACE[code]
        if code in (NAME, TRAIL_NAME):
            (names if code == NAME else trail_names).append(length)
            continue
        piece = raw[at : at + length]
        at += length
        if code in pieces:
            pieces[code].append(piece)
        elif code == LINE:
            lines.append([piece])
        elif code == MORE and lines:
            lines[-1].append(piece)
        else:
            raise DamagedError("its list of lengths makes no sense")
        if code not in (META, TRAIL):
            head.append(piece)
    if at > len(raw):
        raise DamagedError("its bytes are cut off")
    _check_start(pieces[START])
    if not all(map(_is_line, lines)):
        raise DamagedError("a header line holds more than one")
    return Segments(
        meta=tuple(pieces[META]),
        head=tuple(head),
        start=tuple(pieces[START]),
        headers=_headers([b"".join(line) for line in lines], names),
        trail=tuple(pieces[TRAIL]),
        trailers=_headers(pieces[TRAIL], trail_names),
        body=raw[at:],
    )


def _check_start(pieces: Sequence[bytes]) -> None:
    """Where a start line ends is not hashed: a header that it took in would not be shown as one."""
    if not pieces:
        return
    first, *others = pieces
    is_whole = pieces[-1].endswith(b"\r\n")
    if others:  # a request's: method, path, values of the query, version
        is_whole = is_whole and len(others) > 1 and first.endswith(b" ") and others[-1].startswith(b" ")
        is_whole = is_whole and all(pair.startswith((b"?", b"&")) for pair in others[1:-1])
    if not is_whole:
        raise DamagedError("its start line does not end where it is said to end")


def _is_line(pieces: Sequence[bytes]) -> bool:
    """Whether these pieces are one header line: only cookies are cut, behind each semicolon."""
    if len(pieces) == 1:
        return True
    name, *cookies = pieces
    return name.lower() == b"cookie: " and all(cookie.endswith(b";") for cookie in cookies[:-1])


def _headers(lines: Sequence[bytes], names: Sequence[int]) -> Headers:
    """Names and values; together they are the very bytes that are hashed, whatever the lengths claim."""
    if len(lines) != len(names):
        raise DamagedError("its header lines and their names do not match")
    headers = []
    for line, length in zip(lines, names, strict=True):
        if line[length : length + 2] != b": " or not line.endswith(b"\r\n", length + 2):
            raise DamagedError("a header does not end where its name is said to end")
        headers.append((line[:length], line[length + 2 : -2]))
    return tuple(headers)
