"""Bodies that become many times as large where they are unpacked, in every coding, packed twice too."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import partial

import brotli
import zstandard

from fairwitness.testing.client import Reply
from fairwitness.testing.site import Answer
from fairwitness.testing.town import Town

_MIB = 1 << 20


def _deflated(pieces: Iterator[bytes], *, wbits: int) -> bytes:
    engine = zlib.compressobj(9, wbits=wbits)
    return b"".join([*map(engine.compress, pieces), engine.flush()])


def _brotli(pieces: Iterator[bytes]) -> bytes:
    engine = brotli.Compressor(quality=5)
    return b"".join([*map(engine.process, pieces), engine.finish()])


def _zstd(pieces: Iterator[bytes]) -> bytes:
    engine = zstandard.ZstdCompressor().compressobj()
    return b"".join([*map(engine.compress, pieces), engine.flush()])


_CODINGS: dict[str, Callable[[Iterator[bytes]], bytes]] = {
    "gzip": partial(_deflated, wbits=31),
    "deflate": partial(_deflated, wbits=15),
    "br": _brotli,
    "zstd": _zstd,
}


def bombs(mib: int) -> Iterator[tuple[str, bytes]]:
    """Content-Encoding and body of each: so much of nothing, packed once, and packed again."""
    for coding, pack in _CODINGS.items():
        packed = pack(bytes(_MIB) for _ in range(mib))
        yield coding, packed
        yield f"{coding}, gzip", _CODINGS["gzip"](iter([packed]))


def answers(town: Town, mib: int) -> None:
    """As answers; curl unpacks nothing."""
    for number, (coding, body) in enumerate(bombs(mib)):
        head = ((b"Content-Type", b"text/html"), (b"Content-Encoding", coding.encode()))
        town.inside.put(f"/bomb/{number}", "", answer=Answer(headers=head, body=body))
        town.curl(town.inside.url(f"/bomb/{number}", scheme="http"))


def uploads(town: Town, mib: int) -> list[Reply]:
    """As uploads."""
    with town.client() as client:
        return [
            client.request(
                town.inside.url("/unpack", scheme="http"),
                host=town.inside.host_port,
                method="POST",
                headers=[("Content-Encoding", coding), ("Content-Type", "application/json")],
                body=body,
            )
            for coding, body in bombs(mib)
        ]
