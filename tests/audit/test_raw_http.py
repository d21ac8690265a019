"""Raw messages as tools save them."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairwitness.audit.raw_http import raw_message


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        (b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"abc", b"abc"),
        (b"5\r\nabc", b"5\r\nabc"),
        (b"ffffffff\r\nabc", b"ffffffff\r\nabc"),
        (b"-1\r\nabc", b"-1\r\nabc"),
        (b"0\r\n\r\n", b""),
    ],
)
def test_chunks_are_taken_off_where_they_fit(body: bytes, plain: bytes) -> None:
    """Many tools save the body that they showed, and leave the header."""
    found = raw_message(b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body)

    assert found
    assert plain == found.coded


def test_a_coding_is_taken_off_for_the_rules() -> None:
    """The coded bytes stay known, for their number."""
    coded = zlib.compress(b"hello")
    found = raw_message(b"HTTP/1.1 200\r\ncontent-encoding: deflate\r\n\r\n" + coded)

    assert found
    assert (coded, b"hello", ("HTTP/1.1", "200", "")) == (found.coded, found.body, found.start)


def test_odd_heads_are_read_as_far_as_they_go() -> None:
    """Line feeds alone, blanks, bytes of no alphabet, lines without a colon."""
    found = raw_message(b"GET /\xff HTTP/1.1\nA:\t b \nodd line\n: x\nC\xfe: \xff\n\nbody")

    assert found
    assert ("GET", "/\xff", "HTTP/1.1") == found.start
    assert ((b"A", b"b"), (b"C\xfe", b"\xff")) == found.headers
    assert b"body" == found.body


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(raw: bytes) -> None:
    """Anything is a message or none."""
    found = raw_message(raw)

    assert found is None or len(found.coded) <= len(raw)
