"""Tests of fairwitness.detect.bombs: what grows when it is unpacked, and what only looks like it."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zipfile
import zlib

import brotli
import pytest
import zstandard

from fairwitness.detect import bombs
from fairwitness.detect.decode import decoded

NOTHING = b"\0" * (20 << 20)
GZIP = gzip.compress(NOTHING, mtime=0)
NOISE = zlib.compress(bytes(range(256)) * 1000)


def _laughs(levels: int, times: int) -> bytes:
    """Each entity is the one before, so many times."""
    declared = [b"<!ENTITY a0 'lol'>"]
    declared += [b"<!ENTITY a%d '%s'>" % (i, b"&a%d;" % (i - 1) * times) for i in range(1, levels + 1)]
    return b"<!DOCTYPE l [" + b"".join(declared) + b"]><l>&a%d;</l>" % levels


def _zip(size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a", b"\0" * size)
    return out.getvalue()


DRAWING = (
    b"<!DOCTYPE svg ["
    + b"".join(b"<!ENTITY ns_%d 'http://ns.example/%d/'>" % (i, i) for i in range(9))
    + b"]><svg xmlns:x='&ns_1;' xmlns:y='&ns_2;'/>"
)
EXTERNAL = b"<!ENTITY x%d SYSTEM 'file:///etc/hosts'>"


@pytest.mark.parametrize(
    ("body", "is_bomb"),
    [
        (_laughs(9, 10), True),
        (_laughs(3, 1000), True),
        (_laughs(8, 2), True),
        (_laughs(8, 2).decode().encode("utf-16"), True),
        (b"<!DOCTYPE l [<!ENTITY a '" + b"a" * 50_000 + b"'>]><l>" + b"&a;" * 50_000 + b"</l>", True),
        (b"<!DOCTYPE l [" + b"".join(EXTERNAL % i for i in range(30)) + b"]><l/>", True),
        (b"<!DOCTYPE l [<!ENTITY a '&b;'><!ENTITY b '&a;'>]><l>&a;</l>", True),
        (_laughs(2, 3), False),
        (DRAWING, False),
        (b"<!DOCTYPE a [" + EXTERNAL % 1 + b"]><a>&x1;</a>", False),
        (b"what <!ENTITY means", False),
    ],
)
def test_entities_are_a_bomb_by_what_they_become(body: bytes, is_bomb: bool):
    """Declaring them is not enough: drawing programs do."""
    assert (bombs.expanding_entities(body) is not None) is is_bomb


@pytest.mark.parametrize(
    ("body", "coding", "is_bomb"),
    [
        (GZIP, "gzip", True),
        (GZIP, "GZIP", True),
        (gzip.compress(GZIP, mtime=0), "gzip, gzip", True),
        (gzip.compress(b"a", mtime=0) + GZIP, "gzip", True),
        (GZIP + b"a" * 300_000, "gzip", True),
        (zlib.compress(NOTHING), "deflate", True),
        (zlib.compress(NOTHING, wbits=-15), "deflate", True),
        (zstandard.compress(NOTHING), "zstd", True),
        (brotli.compress(NOTHING, quality=1), "br", True),
        (gzip.compress(brotli.compress(NOTHING, quality=1), mtime=0), "br, gzip", True),
        (_zip(300 << 20), "", True),
        (_zip(1 << 20), "", False),
        (gzip.compress(b"some text " * 1000, mtime=0), "gzip", False),
        (gzip.compress(NOISE * 30_000, compresslevel=1, mtime=0), "identity", False),
        (b"\xff" * 100, "gzip", False),
        (GZIP[:200], "nothing known", False),
    ],
)
def test_what_unpacks_out_of_proportion_is_a_bomb(body: bytes, coding: str, is_bomb: bool):
    """In each coding, and in several on top of each other."""
    assert (bombs.bomb(body, coding) is not None) is is_bomb


@pytest.mark.skipif(
    not hasattr(brotli.Decompressor, "can_accept_more_data"),
    reason="older bindings cannot limit their output",
)
def test_brotli_that_becomes_half_a_gibibyte_takes_little_memory():
    """A few hundred bytes of it become a hundred MiB in one step, unless the step is limited."""
    body = brotli.compress(b"\0" * (512 << 20), quality=1)
    tracemalloc.start()
    try:
        assert bombs.bomb(body, "br") is not None
        assert decoded(body, "br") is None
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 64 << 20


@pytest.mark.parametrize(
    "piece",
    [
        b"<!ENTITY a '&a;'>",
        b"<!ENTITY ",
        b"&a;",
        b"PK\x03\x04PK\x01\x02",
        gzip.compress(b"", mtime=0),
        b"\x1f\x8b",
    ],
)
def test_hostile_bodies_are_looked_at_without_error(piece: bytes):
    """Very much of what is looked for."""
    body = piece * (1_000_000 // len(piece))
    seen = [
        bombs.expanding_entities(body),
        *(bombs.bomb(body, coding) for coding in ("", "gzip", "br", "zstd")),
    ]

    assert all(each is None or len(each) < 100 for each in seen)
