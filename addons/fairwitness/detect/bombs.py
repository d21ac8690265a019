"""Whether what is sent becomes many times as large where it is unpacked.

Each function says what it saw in a few words, or None; each unpacks at most a few MiB.
"""

from __future__ import annotations

import io
import zlib
from itertools import islice

import brotli
import zstandard

from fairwitness.detect.decode import brotli_pieces
from fairwitness.detect.secret import compiled

_LOOKED_AT_BYTES = 256 << 10
_BOMB_BYTES = 10 << 20
_BOMB_RATIO = 50
_STEP_BYTES = 16 << 10
_MEMBERS = 1000  # of one gzip body
_CODINGS = 4  # on top of each other
_ZIP_BYTES = 200 << 20
_ZIP_ENTRIES = 10_000
_ENTITIES = 100
_LEVELS = 5  # of entities that refer to each other; documents have one or two
_MOST_LEVELS = 40
_EXTERNAL = 20  # a test for external entities needs one or two

_DECLARED = compiled(
    rb"<!ENTITY\s+(?:%\s+)?([\w:.-]{1,64})\s+(?:(SYSTEM|PUBLIC)\b|\"([^\"]*)\"|'([^']*)')",
)


def expanding_entities(body: bytes) -> str | None:
    """Entities that refer to each other, so that a kilobyte becomes a gigabyte; or very many external ones.

    Declaring some is no bomb: drawing programs put ten into each SVG.
    """
    head = body[:_LOOKED_AT_BYTES]
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        head = head.decode("utf-16", "replace").encode("utf-8", "replace")
    if b"<!ENTITY" not in head:
        return None
    texts: dict[bytes, bytes] = {}
    external = end = 0
    for found in islice(_DECLARED.finditer(head), _ENTITIES):
        end = found.end()
        if found[2]:
            external += 1
        else:
            texts.setdefault(found[1], found[3] or found[4] or b"")
    if external >= _EXTERNAL:
        return f"{external} external XML entities"
    sizes, levels = _sizes(texts)
    rest = head[end:]
    total = max([sum(size * _uses(name, rest) for name, size in sizes.items()), *sizes.values()])
    if total >= _BOMB_BYTES:
        return f"XML entities that become {total >> 20:,} MiB or more"
    return f"XML entities that refer to each other {levels} deep" if levels >= _LEVELS else None


def bomb(body: bytes, coding: str) -> str | None:
    """An upload that becomes many times as large when it is unpacked."""
    if not coding:
        size = _zip_size(body)
        is_bomb = size >= max(_ZIP_BYTES, _BOMB_RATIO * len(body))
        return _says(body, size) if is_bomb else None
    data = body
    for word in reversed(coding.lower().split(",")[:_CODINGS]):
        try:
            taken, data = _unpacked(data, word.strip())
        except (zlib.error, brotli.error, zstandard.ZstdError, EOFError):
            return None
        if len(data) > _BOMB_BYTES:
            return _says(body, len(data)) if len(data) >= _BOMB_RATIO * taken else None
    return None


def _says(body: bytes, size: int) -> str:
    return f"{len(body):,} bytes that unpack to {size >> 20:,} MiB or more"


def _sizes(texts: dict[bytes, bytes]) -> tuple[dict[bytes, int], int]:
    """How long each entity becomes, counted up to a little more than a bomb, and how deep general ones go."""
    refers = {
        name: [(other, uses) for other in texts if (uses := _uses(other, text))]
        for name, text in texts.items()
    }
    own = {name: len(text) for name, text in texts.items()}
    sizes, levels = own, 0
    while levels < _MOST_LEVELS and max(sizes.values(), default=0) < _BOMB_BYTES:
        grown = {name: own[name] + sum(sizes[other] * count for other, count in refers[name]) for name in own}
        if grown == sizes:
            break
        sizes, levels = grown, levels + 1
    if levels >= _LEVELS and not any(b"&" + name + b";" in text for name in texts for text in texts.values()):
        levels = 0  # a DTD is made of parameter entities that refer to each other
    return sizes, levels


def _uses(name: bytes, text: bytes) -> int:
    if len(text) < len(name) + 2:
        return 0
    return text.count(b"&" + name + b";") + text.count(b"%" + name + b";")


def _unpacked(body: bytes, coding: str) -> tuple[int, bytes]:
    """How many bytes were taken, and what they became: a little more than a bomb at most."""
    if coding in {"gzip", "x-gzip"}:
        return _inflated(body, wbits=31)
    if coding == "deflate":
        return _inflated(body, wbits=15 if body[:1] == b"\x78" else -15)
    out = bytearray()
    taken = 0
    if coding == "br":
        for taken, piece in brotli_pieces(body):  # noqa: B007  # it is what was taken when it became too much
            out += piece
            if len(out) > _BOMB_BYTES:
                break
    elif coding == "zstd":
        source = io.BytesIO(body)
        engine = zstandard.ZstdDecompressor(max_window_size=_BOMB_BYTES)
        with engine.stream_reader(source, read_size=_STEP_BYTES, read_across_frames=True) as reader:
            out += reader.read(_BOMB_BYTES + 1)
            taken = source.tell()
    elif coding in {"", "identity"}:
        return len(body), body[:_BOMB_BYTES]
    return taken, bytes(out)


def _inflated(body: bytes, *, wbits: int) -> tuple[int, bytes]:
    out = bytearray()
    at = members = 0
    engine = zlib.decompressobj(wbits=wbits)
    while at < len(body) and len(out) <= _BOMB_BYTES:
        piece = body[at : at + _STEP_BYTES]
        at += len(piece)
        out += engine.decompress(piece, _BOMB_BYTES + 1 - len(out))
        if engine.eof:
            at -= len(engine.unused_data)
            members += 1
            if wbits != 31 or members >= _MEMBERS or body[at : at + 2] != b"\x1f\x8b":
                break
            engine = zlib.decompressobj(wbits=wbits)
    return at, bytes(out)


def _zip_size(body: bytes) -> int:
    """What a zip archive says of itself in its central directory."""
    if b"PK\x03\x04" not in body[:4096]:
        return 0
    total = at = 0
    for _ in range(_ZIP_ENTRIES):
        at = body.find(b"PK\x01\x02", at)
        if at < 0 or at + 28 > len(body):
            break
        total += int.from_bytes(body[at + 24 : at + 28], "little")
        at += 28
    return total
