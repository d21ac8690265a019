"""Tests of fairwitness.evidence.layout."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from zlib import crc32

import pytest
import zstandard

from fairwitness.evidence.heads import add_request_head, add_response_head
from fairwitness.evidence.keep import hide_nothing
from fairwitness.evidence.layout import (
    CODE_BITS,
    LINE,
    MORE,
    NAME,
    START,
    TRAIL,
    DamagedError,
    Draft,
    expand,
    pack,
    shrink,
    unpack,
    unpack_beginning,
)
from fairwitness.evidence.testing import make_exchange, make_request


def _draft() -> Draft:
    draft = Draft.of_meta([b"a: b\n", b"c: d\n"])
    add_request_head(draft, make_request(), hide=hide_nothing, hide_query=False)
    return draft


def test_everything_comes_back() -> None:
    """Meta, start line, headers and the small body behind them."""
    draft = _draft()
    segments = unpack(*pack(draft, b"body"))

    assert tuple(draft.meta) == segments.meta
    assert tuple(draft.head) == segments.head
    assert (b"GET ", b"/items", b"?page=2", b"&q=abc", b" HTTP/1.1\r\n") == segments.start
    assert make_request().headers == segments.headers
    assert b"body" == segments.body


def test_threads_read_rows_at_once() -> None:
    """The full-text index is filled in a thread, while the loop reads and writes."""
    text = [b"name %d: %d\n" % (number, number * 7) for number in range(4000)]
    row = pack(Draft.of_meta(text), b"")

    def read(_: int) -> bool:
        return all(unpack(*pack(Draft.of_meta(text), b"")).meta == unpack(*row).meta for _ in range(30))

    with ThreadPoolExecutor(4) as pool:
        assert [True] * 4 == list(pool.map(read, range(4)))


def test_response_has_one_start_segment() -> None:
    """The status line is never cut: it is never hidden."""
    draft = Draft.of_meta([b"a: b\n"])
    exchange = make_exchange(make_request())
    assert exchange.response is not None
    add_response_head(draft, exchange.response, hide=hide_nothing)

    assert (b"HTTP/1.1 200 OK\r\n",) == unpack(*pack(draft, b"")).start


def test_cookies_are_segments_of_their_own() -> None:
    """One can be hidden without the others."""
    request = make_request(target=b"/", headers=((b"cookie", b"a=1; b=2;c=3"),))
    draft = Draft.of_meta([])
    add_request_head(draft, request, hide=hide_nothing, hide_query=False)
    segments = unpack(*pack(draft, b""))

    assert [b"cookie: ", b"a=1;", b" b=2;", b"c=3\r\n"] == draft.head[3:]
    assert request.headers == segments.headers


@pytest.mark.parametrize("body", [b"", b"x" * 3000])
def test_any_flipped_bit_of_a_row_is_seen(body: bytes) -> None:
    """Also those that decompression would forgive."""
    data, checksum = pack(_draft(), body)
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        with pytest.raises(DamagedError):
            unpack(bytes(flipped), checksum)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\1\0",
        b"\xff\xff\xff\xff",
        b"\1\0\0\0\x08\0\0\0",  # says that a byte follows, and none does
        b"\1\0\0\0\x03\0\0\0",  # goes on with a line that never began
        b"\1\0\0\0\x04\0\0\0",  # the name of no line
        b"\1\0\0\0\x07\0\0\0",  # an unknown code
    ],
)
def test_row_that_makes_no_sense_is_damage(raw: bytes) -> None:
    """A well-meant checksum over nonsense does not make it sense."""
    data = b"\0" + raw
    with pytest.raises(DamagedError):
        unpack(data, crc32(data))


def test_beginning_is_that_of_the_whole() -> None:
    """Meta lines and start line, read without the rest."""
    stored = pack(_draft(), b"body")
    segments = unpack(*stored)

    assert (b"".join(segments.meta), list(segments.start)) == unpack_beginning(*stored)
    only_meta = pack(Draft.of_meta([b"a: b\n"]), b"")
    assert (b"a: b\n", []) == unpack_beginning(*only_meta)
    cut_off = b"\0\1\0\0\0\x08\0\0\0"
    with pytest.raises(DamagedError):
        unpack_beginning(cut_off, crc32(cut_off))


def test_row_never_expands_beyond_its_limit() -> None:
    """A frame that says it is too large is not expanded, nor one that does not say how large it is."""
    bomb = zstandard.compress(bytes(10_000), 1)
    silent = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(10_000))

    assert bytes(10_000) == expand(b"\1", bomb, most=10_000)
    for data in (bomb, silent, b"no frame"):
        with pytest.raises(DamagedError):
            expand(b"\1", data, most=9_999)
    with pytest.raises(DamagedError, match="unknown"):
        expand(b"\2", bomb, most=10_000)


def test_what_does_not_shrink_stays_as_it_is() -> None:
    """Compressed formats are stored raw."""
    noise = zstandard.compress(bytes(range(256)) * 40, 19)

    assert (b"\0", noise) == shrink(noise)
    assert b"\1" == shrink(b"a" * 5000)[0]


def test_segment_of_half_a_gibibyte_is_refused() -> None:
    """Its length would not fit: better an error than a log that reads back wrongly."""
    draft = Draft([], [], [(1 << 29) << 3], [], [])
    with pytest.raises(ValueError, match="too long"):
        pack(draft, b"")


def test_a_row_that_shows_a_header_as_part_of_another_line_is_damaged() -> None:
    """Whether a piece begins a line, and which, is not hashed either."""
    headers = ((b"Cookie", b"a=1; b=2"), (b"Authorization", b"Basic x"))
    for target in (b"/", b"/?q=1&r=2"):
        draft = Draft.of_meta([b"a: b\n"])
        add_request_head(
            draft, make_request(target=target, headers=headers), hide=hide_nothing, hide_query=False
        )
        words = [number & 7 for number in draft.words]
        assert [LINE, NAME] == words[-2:]
        for forged in (MORE, START, TRAIL):
            others = [*draft.words[:-2], draft.words[-2] >> CODE_BITS << CODE_BITS | forged]
            with pytest.raises(DamagedError):
                unpack(*pack(replace(draft, words=others), b""))


def test_a_row_whose_status_line_takes_in_a_header_is_damaged() -> None:
    """In lists as in the entry itself."""
    draft = Draft.of_meta([b"a: b\n"])
    answer = make_exchange(make_request(), headers=((b"Location", b"/x"),)).response
    assert answer is not None
    add_response_head(draft, answer, hide=hide_nothing)
    forged = replace(draft, words=[number >> CODE_BITS << CODE_BITS | START for number in draft.words[:2]])

    for read in (unpack, unpack_beginning):
        with pytest.raises(DamagedError, match="start line"):
            read(*pack(forged, b""))


@pytest.mark.parametrize("change", ["name", "order"])
def test_a_row_that_shows_other_headers_than_are_hashed_is_damaged(change: str) -> None:
    """Lengths are not hashed: whoever shifts them in the file would change only what is shown."""
    request = make_request(target=b"/", headers=((b"X-Admin", b"no: yes"),))
    draft = Draft.of_meta([b"a: b\n"])
    add_request_head(draft, request, hide=hide_nothing, hide_query=False)
    if change == "name":
        draft.words[-1] -= 1 << CODE_BITS
    else:
        draft.words[0], draft.words[-2] = draft.words[-2], draft.words[0]

    with pytest.raises(DamagedError):
        unpack(*pack(draft, b""))
