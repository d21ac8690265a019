"""HTTP/2: heads without end, streams without end, and who reads slowly."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    ExtensionFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
)

from fairwitness.testing.bench.amounts import PATIENCE_S
from fairwitness.testing.client import Disconnected, RawClient
from fairwitness.testing.town import Town

_MIB = 1 << 20
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_BATCH = 512


class _Frames:
    """Frames as a test wants them, on one connection.  A class, for its table of headers."""

    def __init__(self, client: RawClient, authority: str) -> None:
        self._client = client
        self._encoder = Encoder()
        self._authority = authority
        client.send(_PREFACE + SettingsFrame(0).serialize())

    def head(self, path: str, *more: tuple[str, str], method: str = "GET") -> bytes:
        """An encoded head."""
        pseudo = [(":method", method), (":scheme", "https"), (":authority", self._authority), (":path", path)]
        return bytes(self._encoder.encode([*pseudo, *more], huffman=False))  # its Huffman coder is quadratic


def _headers(stream: int, head: bytes, *flags: str) -> bytes:
    frame = HeadersFrame(stream, head)
    for flag in flags:
        frame.flags.add(flag)
    return bytes(frame.serialize())


@contextlib.contextmanager
def _opened(town: Town) -> Iterator[tuple[RawClient, _Frames]]:
    """A connection; that the proxy ends it is as good as any other end."""
    with contextlib.suppress(OSError, Disconnected), town.tunnel(town.inside, alpn=("h2",)) as client:
        client.be_patient(PATIENCE_S)
        yield client, _Frames(client, town.inside.host_port)


def continuations(town: Town, mib: int) -> None:
    """One head in CONTINUATION frames of which none is the last."""
    with _opened(town) as (client, frames):
        client.send(_headers(1, frames.head("/continued")))
        piece = ContinuationFrame(1, bytes([0x00, 0x01, 0x61, 0x01, 0x62]) * 3000).serialize()
        for _ in range(mib * 70):
            client.send(piece)
        client.read_until_end()


def empty_continuations(town: Town, count: int) -> None:
    """The same without content."""
    with _opened(town) as (client, frames):
        client.send(_headers(1, frames.head("/continued")))
        for _ in range(0, count, _BATCH):
            client.send(ContinuationFrame(1, b"").serialize() * _BATCH)
        client.read_until_end()


def long_head(town: Town, mib: int) -> None:
    """Heads of 1 MiB, each on a connection of its own."""
    for _ in range(mib):
        with _opened(town) as (client, frames):
            head = frames.head("/long", ("x-long", "!" * _MIB))
            client.send(_headers(1, head[: 16 << 10], "END_STREAM"))
            pieces = [head[at : at + (16 << 10)] for at in range(16 << 10, len(head), 16 << 10)]
            for number, piece in enumerate(pieces):
                frame = ContinuationFrame(1, piece)
                if number == len(pieces) - 1:
                    frame.flags.add("END_HEADERS")
                client.send(frame.serialize())
            client.half_close()
            client.read_until_end()


def header_bombs(town: Town, count: int) -> None:
    """Heads that name one long header of the table again and again."""
    with _opened(town) as (client, frames):
        stored = frames.head("/stored", ("x-bomb", "b" * 3900))
        client.send(_headers(1, stored, "END_HEADERS", "END_STREAM"))
        for number in range(count):
            head = frames.head("/bomb") + b"\xbe" * 8000  # index 62: what was stored last
            client.send(_headers(3 + 2 * number, head, "END_HEADERS", "END_STREAM"))
        client.half_close()
        client.read_until_end()


def rapid_resets(town: Town, count: int) -> None:
    """Streams that are opened and reset at once."""
    with _opened(town) as (client, frames):
        for first in range(0, count, _BATCH):
            client.send(_resets(frames, "/reset", range(first, min(count, first + _BATCH))))
        client.half_close()
        client.read_until_end()


@contextlib.contextmanager
def waiting_resets(town: Town, path: str, count: int) -> Iterator[RawClient]:
    """The client of so many such streams, on a connection that stays; what *path* answers late, waits."""
    with _opened(town) as (client, frames):
        client.send(_resets(frames, path, range(count)))
        yield client


def _resets(frames: _Frames, path: str, numbers: range) -> bytes:
    return b"".join(
        _headers(2 * n + 1, frames.head(path), "END_HEADERS", "END_STREAM")
        + RstStreamFrame(2 * n + 1, error_code=8).serialize()
        for n in numbers
    )


def unknown_frame() -> bytes:
    """As long as a frame may be, of a kind that nobody knows: it is skipped."""
    frame = ExtensionFrame(0xEE, 0, body=bytes(16 << 10))
    frame.body_len = len(frame.body)
    return bytes(frame.serialize())


def _pour(client: RawClient, frame: bytes, count: int) -> None:
    """Send a frame so often, in whole batches, and read until the other side ends."""
    for _ in range(0, count, _BATCH):
        client.send(frame * _BATCH)
    client.half_close()
    client.read_until_end()


def pings(town: Town, count: int) -> None:
    """Pings whose answers are not read."""
    with _opened(town) as (client, _):
        _pour(client, PingFrame(0, b"01234567").serialize(), count)


def settings(town: Town, count: int) -> None:
    """Settings again and again, each of which is acknowledged."""
    with _opened(town) as (client, _):
        _pour(client, SettingsFrame(0, settings={SettingsFrame.HEADER_TABLE_SIZE: 4096}).serialize(), count)


def empty_data(town: Town, count: int) -> None:
    """An upload of empty DATA frames, which no window counts."""
    with _opened(town) as (client, frames):
        client.send(_headers(1, frames.head("/empty", method="POST"), "END_HEADERS"))
        _pour(client, DataFrame(1, b"").serialize(), count)


def unread_answer(town: Town, mib: int) -> None:
    """An answer of that size to a stream whose window stays at 64 KiB."""
    with _opened(town) as (client, frames):
        client.send(_headers(1, frames.head(f"/bytes/{mib * _MIB}"), "END_HEADERS", "END_STREAM"))
        for number in range(10):  # time for it to come
            town.curl(town.inside.url(f"/slow/100/beside-{number}"))
