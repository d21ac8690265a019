"""Content codings are removed, within a limit."""

import gzip
import zlib

import brotli
import pytest
import zstandard

from fairwitness.detect import decode
from fairwitness.detect.decode import decoded

TEXT = b"a fair witness says what was seen\n" * 100


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("x-gzip", gzip.compress(TEXT, mtime=0)),
        ("GZIP ", gzip.compress(TEXT, mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", zlib.compress(TEXT, wbits=-15)),
        ("br", brotli.compress(TEXT)),
        ("zstd", zstandard.ZstdCompressor().compress(TEXT)),
    ],
)
def test_each_coding_is_removed(coding: str, body: bytes) -> None:
    """The codings that browsers ask for."""
    assert decoded(body, coding) == TEXT


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_damage_keeps_the_body_as_it_came(coding: str) -> None:
    """A body that is not what its header says is kept as it came."""
    assert decoded(b"\xff\x00not coded at all", coding) is None


@pytest.mark.parametrize("coding", [None, "", "identity", "gzip, br", "unknown"])
def test_what_is_not_known_is_kept_as_it_came(coding: str | None) -> None:
    """No coding, several, or one that nobody knows."""
    assert decoded(TEXT, coding) is None


def test_a_body_that_is_cut_off_is_kept_as_it_came() -> None:
    """Half a gzip body is no whole text."""
    assert decoded(gzip.compress(TEXT, mtime=0)[:-12], "gzip") is None


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        ("gzip", gzip.compress(bytes(decode.LIMIT_BYTES + 1), mtime=0)),
        ("br", brotli.compress(bytes(decode.LIMIT_BYTES + 1), quality=1)),
        ("zstd", zstandard.ZstdCompressor().compress(bytes(decode.LIMIT_BYTES + 1))),
    ],
)
def test_a_bomb_is_kept_as_it_came(coding: str, bomb: bytes) -> None:
    """What would grow beyond the limit is not unpacked."""
    assert decoded(bomb, coding) is None
