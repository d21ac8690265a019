"""Canonical paths."""

import pytest

from fairwitness.policy.paths import (
    canonical_path,
    has_encoded_slash,
    loose_path,
    prefixes,
    segment_count,
    wire_path,
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("/", "/"),
        ("", "/"),
        ("*", "/*"),
        ("/a/b/", "/a/b/"),
        ("/a/./b/../c", "/a/c"),
        ("/a/%2e%2E/b", "/b"),
        ("/../../a", "/a"),
        ("/a/..", "/"),
        ("/a/b/..", "/a/"),
        ("/a/.", "/a/"),
        ("/%7euser/%41", "/~user/A"),
        ("/a%2cb", "/a%2Cb"),
        ("/a%2", "/a%2"),
        ("/a b", "/a%20b"),
        ("/é", "/%E9"),
        ("/Ä\u20ac", "/%C3%84%E2%82%AC"),
        ("//a", "//a"),
    ],
)
def test_path_has_one_spelling(raw, expected):
    """Unreserved characters are decoded, others encoded in upper case, dot segments gone."""
    assert expected == canonical_path(wire_path(raw))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("/a/..;/b", "/b"),
        ("//a///b", "/a/b"),
        ("/a/%252e%252e/b", "/b"),
        ("/a/%25252e%25252e/b", "/b"),
        ("/a;x=1/b", "/a/b"),
        ("/a\\..\\b", "/b"),
        ("/a%2f..%2fb", "/b"),
        ("/a%00/b", "/a"),
        ("/a%2Cb", "/a,b"),
        ("/", "/"),
        ("/a/", "/a/"),
        ("//", "/"),
    ],
)
def test_loose_path_is_what_a_lenient_server_may_read(raw, expected):
    """Parameters, doubled slashes, double encoding and backslashes are all taken at their most dangerous."""
    assert expected == loose_path(wire_path(raw))


@pytest.mark.parametrize("raw", ["/a%2fb", "/a%2Fb", "/a\\b", "/a%5cb", "/a%5Cb", "/a%252fb", "/a%25255Cb"])
def test_encoded_slashes_are_noticed(raw):
    """A slash or backslash in disguise is seen, encoded once or more often."""
    assert has_encoded_slash(raw)


def test_ordinary_escapes_are_no_slashes():
    """Other escapes are none of our business."""
    assert not has_encoded_slash("/a%20b%2C%25")


def test_prefixes_end_at_segments_longest_first():
    """Each prefix ends where a segment ends, and none is deeper than asked."""
    assert [["/a/b/c", "/a/b", "/a"], ["/a/b", "/a"], ["/a"], [], []] == [
        prefixes("/a/b/c", 9),
        prefixes("/a/b/c", 2),
        prefixes("/a/", 5),
        prefixes("/", 5),
        prefixes("/a", 0),
    ]


def test_prefixes_of_a_hostile_path_are_bounded():
    """A path of nothing but slashes costs no more than the deepest entry."""
    assert 3 == len(prefixes("/" * 60_000, 3))


def test_segments_are_counted():
    """One for each slash of a canonical prefix."""
    assert [1, 2] == [segment_count("/a"), segment_count("/a/b")]
