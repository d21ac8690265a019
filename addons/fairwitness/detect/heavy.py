"""What in a request makes a server work out of all proportion.

Each function says what it saw in a few words, or None; all are linear in what they look at.
"""

from __future__ import annotations

import re
import zlib

import brotli
import zstandard

from fairwitness.detect.secret import compiled

_LOOKED_AT_BYTES = 256 << 10
_ENTITIES = 5  # declarations; a test for external entities needs one or two
_DEPTH = 200  # of JSON
_QUERY_DEPTH = 15
_ALIASES = 50
_BATCH = 20
_RANGES = 20
_NAMES = 1000
_SECONDS = 30  # of a delay in SQL; a person's test takes five or ten
_ROUNDS = 1_000_000
_BOMB_BYTES = 10 << 20
_BOMB_RATIO = 50
_ZIP_BYTES = 200 << 20
_ZIP_ENTRIES = 10_000

_OPENING, _BRACKETS = b"[{", b"[]{}"
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in _BRACKETS)
_STRING = compiled(rb'"(?:[^"\\]|\\.)*"')
_ALIAS = compiled(rb"\b\w+\s*:\s*[A-Za-z_]\w*\s*[({}\s,]")
_SPREAD = re.compile(rb"fragment\s+(\w+)\s+on\s+\w+\s*\{([^{}]*)")
_DELAY = compiled(
    rb"(?i)(?:\b(?:pg_)?sleep\s*\(\s*(\d{1,9})|waitfor\s+delay\s+'(\d+):(\d+):(\d+)|receive_message\s*\([^)]{1,80},\s*(\d{1,9}))"
)
_WORK = compiled(
    rb"(?i)\b(?:benchmark|randomblob|generate_series|repeat|rpad|lpad)\s*\([^)\d]{0,60}(?:1\s*,\s*)?(\d{6,18})"
)
_REPEATED = re.compile(rb"((?=[^\s]{0,3}[(\[{<\\+])[^\s]{1,4})\1{24,}")


def expanding_entities(body: bytes) -> str | None:
    """Entities that refer to each other, so that a kilobyte becomes a gigabyte."""
    head = body[:_LOOKED_AT_BYTES]
    count = head.count(b"<!ENTITY")
    return f"{count} XML entities declared" if count >= _ENTITIES else None


def deep_nesting(body: bytes) -> str | None:
    """JSON that is nested out of all proportion."""
    if body.count(b"[") + body.count(b"{") < _DEPTH:
        return None
    deepest = _depth(body[:_LOOKED_AT_BYTES].translate(None, _NOT_BRACKETS))
    return f"JSON nested {deepest} deep" if deepest >= _DEPTH else None


def costly_query(query: bytes) -> str | None:
    """A GraphQL query with very many aliases, a great depth, or fragments that spread each other."""
    text = _STRING.sub(b'""', query[:_LOOKED_AT_BYTES])
    depth = _depth(bytes(byte for byte in text if byte in b"{}"))
    if depth >= _QUERY_DEPTH:
        return f"GraphQL nested {depth} deep"
    aliases = sum(1 for _ in _ALIAS.finditer(text))
    if aliases >= _ALIASES:
        return f"GraphQL with {aliases} aliases"
    spreads = {found[1]: found[2] for found in _SPREAD.finditer(text)}
    for name, inside in spreads.items():
        if b"..." + name in inside or any(
            b"..." + other in inside and b"..." + name in spreads[other] for other in spreads if other != name
        ):
            return "GraphQL fragments that spread each other"
    return None


def large_batch(count: int) -> str | None:
    """Many operations in one request."""
    return f"{count} GraphQL operations in one request" if count >= _BATCH else None


def many_ranges(header: str) -> str | None:
    """Very many byte ranges; players and download managers ask for one to five."""
    count = header.count(",") + 1
    return f"{count} byte ranges in one request" if count >= _RANGES else None


def many_names(text: bytes) -> str | None:
    """More parameters than any form has."""
    count = text.count(b"&") + 1
    return f"{count} parameters in one request" if count >= _NAMES else None


def long_delay(text: bytes) -> str | None:
    """SQL that makes the database wait for half a minute and more, or work for as long."""
    for found in _DELAY.finditer(text):
        simple, hours, minutes, seconds, piped = found.groups()
        total = (
            int(simple or piped or 0) + int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
        )
        if total >= _SECONDS:
            return f"a delay of {total} s in SQL"
    for found in _WORK.finditer(text):
        if int(found[1]) >= _ROUNDS:
            return f"{int(found[1]):,} rounds of work in SQL"
    return None


def repeated_pattern(text: bytes) -> str | None:
    """A run of brackets or of a regular expression's own signs, as it is made to tie up a matcher."""
    found = _REPEATED.search(text[:8192])
    return f"{len(found[0])} bytes of a repeated pattern" if found else None


def bomb(body: bytes, coding: str) -> str | None:
    """An upload that becomes many times as large when it is unpacked."""
    size = _unpacked(body, coding.strip().lower()) if coding else _zip_size(body)
    limit = _BOMB_BYTES if coding else _ZIP_BYTES
    if size >= limit and size >= _BOMB_RATIO * len(body):
        return f"{len(body):,} bytes that unpack to {size >> 20:,} MiB or more"
    return None


def _depth(brackets: bytes) -> int:
    depth = deepest = 0
    for byte in brackets:
        depth = depth + 1 if byte in _OPENING else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def _unpacked(body: bytes, coding: str) -> int:
    """How much it becomes, counted up to a little more than what makes a bomb."""
    try:
        if coding in {"gzip", "x-gzip", "deflate"}:
            wbits = 31 if "gzip" in coding else (15 if body[:1] == b"\x78" else -15)
            return len(zlib.decompressobj(wbits=wbits).decompress(body, _BOMB_BYTES + 1))
        if coding == "zstd":
            said = zstandard.get_frame_parameters(body).content_size
            if _BOMB_BYTES < said < 1 << 62:  # above: not said
                return said
            with zstandard.ZstdDecompressor(max_window_size=_BOMB_BYTES).stream_reader(body) as reader:
                return len(reader.read(_BOMB_BYTES + 1))
        if coding == "br":
            engine, size = brotli.Decompressor(), 0
            for at in range(0, len(body), 256):
                size += len(engine.process(body[at : at + 256]))
                if size > _BOMB_BYTES:
                    break
            return size
    except (zlib.error, brotli.error, zstandard.ZstdError, EOFError):
        return 0
    return 0


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
