"""Removes content codings, within a limit: a body is hostile."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

import brotli
import zstandard

LIMIT_BYTES = 16 << 20  # 16 MiB: what is larger is kept as it came
_STEP_BYTES = 4096  # of brotli input
_OLD_STEP_BYTES = 16  # bindings before 1.2 cannot limit their output: 16 bytes become some ten MiB at most
_OUT_BYTES = 1 << 20


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


def brotli_pieces(body: bytes) -> Iterator[tuple[int, bytes]]:
    """How many bytes were taken so far, and what the last of them became, a MiB or so at a time.

    Raises ``brotli.error`` where the body is damaged, EOFError where it ends early.
    """
    engine = brotli.Decompressor()
    is_limited = hasattr(engine, "can_accept_more_data")
    step = _STEP_BYTES if is_limited else _OLD_STEP_BYTES
    for at in range(0, len(body), step):
        piece = body[at : at + step]
        taken = at + len(piece)
        if not is_limited:
            yield taken, engine.process(piece)
            continue
        yield taken, engine.process(piece, output_buffer_limit=_OUT_BYTES)
        while not engine.can_accept_more_data():
            yield taken, engine.process(b"", output_buffer_limit=_OUT_BYTES)
    if not engine.is_finished():
        raise EOFError


def _brotli(body: bytes) -> bytes | None:
    out = bytearray()
    for _, piece in brotli_pieces(body):
        out += piece
        if len(out) > LIMIT_BYTES:
            return None
    return bytes(out)


def _zstd(body: bytes) -> bytes | None:
    engine = zstandard.ZstdDecompressor(max_window_size=LIMIT_BYTES)
    with engine.stream_reader(io.BytesIO(body)) as reader:
        out: bytes = reader.read(LIMIT_BYTES + 1)
    return out if len(out) <= LIMIT_BYTES else None
