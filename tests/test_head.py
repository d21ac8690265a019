"""Tests of fairwitness.model.head: what many requests have alike is read once."""

from __future__ import annotations

from fairwitness.model.head import Head, head_of
from fairwitness.rules.testing import make_request

HEADERS = ((b"Accept", b"text/html"), (b"Cookie", b"a=1"), (b"accept", b"second"))


def _names(head: Head) -> list[bytes]:
    return [name for name, _ in head.headers]


def test_requests_with_the_same_headers_share_what_is_read() -> None:
    """The second one finds what was read for the first; other headers are another head."""
    first, second = (make_request("https://shop.test/", headers=HEADERS[:1] + HEADERS[1:]) for _ in range(2))
    other = make_request("https://shop.test/", headers=HEADERS[:2])

    assert first.head.of(_names) is second.head.of(_names)
    assert [b"Accept", b"Cookie", b"accept"] == first.head.of(_names)
    assert other.head is not first.head
    assert b"text/html" == first.first_values[b"accept"]


def test_long_heads_are_not_kept() -> None:
    """Nobody fills the memory with headers."""
    for headers in ((((b"x", b"y" * 9000)),), tuple((b"x%d" % at, b"y") for at in range(65))):
        assert head_of(headers) is not head_of(headers)
        assert headers == head_of(headers).headers
