"""Tests of fairwitness.evidence.entry."""

from __future__ import annotations

import hashlib

from fairwitness.evidence.entry import (
    BODY_PIECE,
    BODY_SEGMENTS,
    HEAD_SEGMENTS,
    META_SEGMENTS,
    TRAIL_SEGMENTS,
    body_digests,
    body_pieces,
    entry_text,
    leaf_of,
)
from fairwitness.evidence.testing import NOON_US

KEY = bytes(range(32))


def _salted(number: int, segment: bytes) -> str:
    """What sha256sum prints of the salt of that number and the segment, computed by hand."""
    salts = hashlib.shake_256(KEY).digest(16 * 64)
    return hashlib.sha256(salts[16 * number : 16 * number + 16] + segment).hexdigest()


def test_text_is_the_documented_one_byte_by_byte() -> None:
    """Header lines, then meta, head, body and trail; salts are numbered from the body on."""
    text = entry_text(
        "request",
        time_us=NOON_US + 62_050,
        exchange=bytes.fromhex("00112233445566778899aabbccddeeff"),
        after=bytes([0xAB]) * 32,
        key=KEY,
        meta=[b"server: https://a:443\n", b"verdict: allow\n"],
        head=[b"GET ", b"/"],
        body=body_digests(KEY, [b"x" * BODY_PIECE, b"y"]),
        trail=[b"T: 1\r\n"],
    )

    assert (
        "fairwitness/entry/v1\n"
        "kind request\n"
        "time 2026-11-23T12:00:00.062050Z\n"
        "exchange 00112233445566778899aabbccddeeff\n"
        f"after {'ab' * 32}\n"
        f"meta {_salted(2, b'server: https://a:443' + bytes([10]))}\n"
        f"meta {_salted(3, b'verdict: allow' + bytes([10]))}\n"
        f"head {_salted(4, b'GET ')}\n"
        f"head {_salted(5, b'/')}\n"
        f"body {_salted(0, b'x' * 4096)}\n"
        f"body {_salted(1, b'y')}\n"
        f"trail {_salted(6, b'T: 1' + bytes([13, 10]))}\n"
    ) == text


def test_leaf_is_the_hash_of_a_zero_byte_and_the_text() -> None:
    """RFC 6962 separates leaves from nodes by their first byte."""
    assert hashlib.sha256(b"\0fairwitness").digest() == leaf_of("fairwitness")


def test_entry_without_a_token_is_after_zeros() -> None:
    """Before any time token is known, the line holds 64 zeros."""
    text = entry_text(
        "note", time_us=NOON_US, exchange=bytes(16), key=KEY, meta=[b"a: b\n"], head=(), body=()
    )

    assert f"after {'0' * 64}" == text.split("\n")[4]


def test_segments_beyond_the_limit_are_one() -> None:
    """The 601st head segment holds all that is left."""
    pieces = [b"%d" % number for number in range(HEAD_SEGMENTS + 3)]
    text = entry_text(
        "note", time_us=NOON_US, exchange=bytes(16), key=KEY, meta=[b"a: b\n"], head=pieces, body=()
    )
    salts = hashlib.shake_256(KEY).digest(16 * (HEAD_SEGMENTS + 2))
    last = hashlib.sha256(salts[-16:] + b"600601602").hexdigest()

    assert HEAD_SEGMENTS + 1 == text.count("\nhead ")
    assert f"head {last}\n" == text[-70:]


def test_largest_entry_stays_below_its_limit() -> None:
    """However much there is of everything, an entry has at most 65,535 bytes."""
    text = entry_text(
        "connection",
        time_us=NOON_US,
        exchange=bytes(16),
        key=KEY,
        meta=[b"m"] * 10 * META_SEGMENTS,
        head=[b"h"] * 10 * HEAD_SEGMENTS,
        body=body_digests(KEY, body_pieces(bytes(BODY_PIECE * (BODY_SEGMENTS + 9)))),
        trail=[b"t"] * 10 * TRAIL_SEGMENTS,
    )

    assert len(text) <= 65_535


def test_body_is_cut_at_4_kib_and_beyond_256_pieces_not_at_all() -> None:
    """Every piece has 4 KiB but the last; the rest of a large body is one."""
    large = bytes(BODY_PIECE * BODY_SEGMENTS) + b"rest" * 5000

    assert [] == body_pieces(b"")
    assert [b"a"] == body_pieces(b"a")
    assert [4096, 1] == [len(piece) for piece in body_pieces(bytes(4097))]
    assert [4096] * 256 + [20_000] == [len(piece) for piece in body_pieces(large)]
    assert large == b"".join(body_pieces(large))
