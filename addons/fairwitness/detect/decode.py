"""Removes content codings, within a limit: a body is hostile."""

from __future__ import annotations

import io
import zlib

import brotli
import zstandard

LIMIT_BYTES = 16 << 20  # 16 MiB: what is larger is kept as it came
_STEP_BYTES = 256  # of brotli input: older bindings cannot limit their output


def decoded(body: bytes, coding: str | None) -> bytes | None:
    """The body without its content coding.

    None where there is none to remove, it is not known, the body is damaged, or it would become larger
    than `LIMIT_BYTES`: then the body is kept as it came.
    """
    word = (coding or "").strip().lower()
    try:
        if word in ("gzip", "x-gzip"):
            return _inflate(body, wbits=31)
        if word == "deflate":
            return _inflate(body, wbits=15 if body[:1] == b"\x78" else -15)
        if word == "br":
            return _brotli(body)
        if word == "zstd":
            return _zstd(body)
    except (zlib.error, brotli.error, zstandard.ZstdError, EOFError):
        return None
    return None


def _inflate(body: bytes, *, wbits: int) -> bytes | None:
    engine = zlib.decompressobj(wbits=wbits)
    out = engine.decompress(body, LIMIT_BYTES + 1)
    return out if len(out) <= LIMIT_BYTES and engine.eof else None


def _brotli(body: bytes) -> bytes | None:
    engine = brotli.Decompressor()
    out = bytearray()
    for at in range(0, len(body), _STEP_BYTES):
        out += engine.process(body[at : at + _STEP_BYTES])
        if len(out) > LIMIT_BYTES:
            return None
    return bytes(out) if engine.is_finished() else None


def _zstd(body: bytes) -> bytes | None:
    engine = zstandard.ZstdDecompressor(max_window_size=LIMIT_BYTES)
    with engine.stream_reader(io.BytesIO(body)) as reader:
        out: bytes = reader.read(LIMIT_BYTES + 1)
    return out if len(out) <= LIMIT_BYTES else None
