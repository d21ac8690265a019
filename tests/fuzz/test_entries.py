"""Rows of the log, made to harm by somebody who can write checksums: they are read, or said to be damaged."""

from __future__ import annotations

import struct
from dataclasses import replace
from functools import cache
from zlib import crc32

import zstandard
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.mutate import bounded, change_bytes

from fairwitness.evidence.entry import BODY_PIECE, BODY_SEGMENTS, body_pieces
from fairwitness.evidence.heads import add_request_head, add_response_head
from fairwitness.evidence.keep import hide_nothing
from fairwitness.evidence.layout import DamagedError, Draft, Segments, pack, unpack, unpack_beginning
from fairwitness.evidence.meta import (
    body_size,
    meta_lines,
    program_of,
    read_meta,
    server_of,
    status_of,
    whole,
)
from fairwitness.evidence.testing import make_exchange, make_request

ZSTD = zstandard.ZstdCompressor()
META = [
    ("server", "https://a.test:443"),
    ("status", "200 5 bytes"),
    ("body", f"5 {'a' * 64}"),
    ("x", "a\nb\\"),
]
WORDS = [b": ", b"\n", b"\\n", b"\\\\", b"\r\n", b"\xed\xa0\x80", b"-1", b"9" * 40, b"\0", b"://"]


@cache
def _drafts() -> tuple[Draft, Draft, Draft]:
    request = replace(
        make_request(method="POST", headers=((b"Cookie", b"a=b; c"), (b"X", b"")), body=b"hello"),
        trailers=((b"T", b"1"),),
    )
    answer = make_exchange(request, body=b"yes").response
    assert answer is not None
    first, second = Draft.of_meta(meta_lines(META)), Draft.of_meta(meta_lines(META[1:]))
    add_request_head(first, request, hide=hide_nothing, hide_query=False)
    add_response_head(second, answer, hide=hide_nothing)
    return first, second, Draft.of_meta(meta_lines(META))


def seed_rows() -> list[bytes]:
    """Stored forms as they are written."""
    return [pack(draft, body)[0] for draft in _drafts() for body in (b"", b"body")]


def _row(data: st.DataObject) -> bytes:
    """The stored form of an entry whose lengths, codes, bytes and frame were changed."""
    stored, _ = pack(data.draw(st.sampled_from(_drafts())), data.draw(st.sampled_from([b"", b"body"])))
    raw = stored[1:] if stored[:1] == b"\0" else zstandard.ZstdDecompressor().decompress(stored[1:])
    (count,) = struct.unpack_from("<I", raw)
    words, content = list(struct.unpack_from(f"<{count}I", raw, 4)), raw[4 + 4 * count :]
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(words) - 1))
        length, code = words[at] >> 3, words[at] & 7
        length = data.draw(st.sampled_from([length, min(length + 1, 2**29 - 1), max(0, length - 1), 0]))
        words[at] = length << 3 | data.draw(st.sampled_from([code, code, *range(8)]))
    if data.draw(st.booleans()):
        content = change_bytes(data, content, WORDS)
    told = data.draw(st.sampled_from([len(words)] * 4 + [0, len(words) + 1, 2**32 - 1]))
    raw = struct.pack(f"<I{len(words)}I", told, *words) + content
    return data.draw(st.sampled_from([b"\0" + raw, b"\1" + ZSTD.compress(raw), b"\2" + raw, b"\1" + raw]))


def _segments(row: bytes) -> Segments | None:
    try:
        return unpack(row, crc32(row))
    except DamagedError:
        return None


def check_row(row: bytes) -> None:
    """Nothing but a DamagedError; and what is shown of an entry, in lists and alone, is what is hashed."""
    segments = _segments(row)
    try:
        meta, start = unpack_beginning(row, crc32(row))
    except DamagedError:
        assert segments is None
        return
    if segments is not None:
        assert b"".join(segments.meta) == meta
        assert list(segments.start) == start
        shown = b"".join(start) + b"".join(name + b": " + value + b"\r\n" for name, value in segments.headers)
        assert shown == b"".join(segments.head)
        trailers = b"".join(name + b": " + value + b"\r\n" for name, value in segments.trailers)
        assert trailers == b"".join(segments.trail)


@bounded
@given(st.data())
def test_any_row_is_an_entry_or_damaged(data: st.DataObject) -> None:
    """Whose lengths, codes, bytes and frame were changed."""
    check_row(_row(data))


def check_meta(lines: bytes) -> None:
    """Nothing but a DamagedError; and what is read is written as it was read."""
    try:
        pairs = read_meta(lines)
    except DamagedError:
        return
    assert read_meta(b"".join(meta_lines(pairs))) == pairs
    status_of(pairs)
    body_size(pairs)
    whole(pairs, "server")
    for reader in (server_of, program_of):
        try:
            reader(pairs)
        except DamagedError:
            continue


@bounded
@given(st.data())
def test_any_meta_is_read_or_damaged(data: st.DataObject) -> None:
    """Lines without keys, broken escapes, half characters, numbers of forty digits."""
    check_meta(change_bytes(data, b"".join(meta_lines(META)), WORDS))


@bounded
@given(
    st.binary(max_size=300),
    st.sampled_from([b"\0", b"\1", b"\1\x28\xb5\x2f\xfd", b"\1\x50\x2a\x4d\x18", b""]),
)
def test_any_bytes_are_a_row_or_damaged(raw: bytes, head: bytes) -> None:
    """Also frames of zstd that say nothing of their size, and those to be skipped."""
    _segments(head + raw)


@bounded
@given(st.integers(0, 3), st.integers(-2, 2), st.booleans())
def test_body_is_cut_without_loss_at_every_edge(pieces: int, off: int, has_rest: bool) -> None:
    """Nothing lost or doubled, no empty segment, all but the last of 4 KiB, at most 257 of them."""
    size = max(0, (BODY_SEGMENTS if has_rest else 0) * BODY_PIECE + pieces * BODY_PIECE + off)
    content = bytes(range(251)) * (size // 251 + 1)
    cut = body_pieces(content[:size])

    assert b"".join(cut) == content[:size]
    assert all(cut)
    assert {BODY_PIECE} >= {len(piece) for piece in cut[:BODY_SEGMENTS][:-1]}
    assert len(cut) <= BODY_SEGMENTS + 1
