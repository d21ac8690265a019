"""Canonical paths."""

import pytest

from fairwitness.policy.paths import (
    canonical_path,
    dotted_path,
    is_ambiguous,
    loose_path,
    prefixes,
    relative_path,
    segment_count,
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
        ("/é", "/%C3%A9"),
        ("//a", "//a"),
    ],
)
def test_path_has_one_spelling(raw, expected):
    """Unreserved characters are decoded, others encoded in upper case, dot segments gone."""
    assert expected == canonical_path(raw.encode())


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
        ("/a%3fb", "/a"),
        ("/a%23/../b", "/a"),
        ("/", "/"),
        ("/a/", "/a/"),
        ("//", "/"),
        ("/A/%42", "/a/b"),
        ("/a./b%20/c. .", "/a/b/c"),
        ("/a/.. /b", "/b"),
        ("/%EF%BD%81/x/%E2%80%A5/B", "/a/b"),
        ("/a%EF%BC%8Fb%EF%BC%9Fc", "/a/b"),
        ("/adm%C4%B1n", "/admin"),
        ("/%E9", "/%E9"),
    ],
)
def test_loose_path_is_what_a_lenient_server_may_read(raw, expected):
    """Parameters, doubled slashes, double encoding and backslashes are all taken at their most dangerous."""
    assert expected == loose_path(raw.encode())


@pytest.mark.parametrize(
    ("raw", "expected"),
    [("/a/../b", "/a/../b"), ("/A/%2e%2E/b;x", "/a/../b"), ("//a/./b/", "/a/./b/"), ("/", "/")],
)
def test_dotted_path_keeps_the_dots(raw, expected):
    """A server that looks at the first segments alone sees the one that dots take out."""
    assert expected == dotted_path(raw.encode())


@pytest.mark.parametrize(
    "raw",
    [
        "/a%2fb",
        "/a%2Fb",
        "/a\\b",
        "/a%5cb",
        "/a%5Cb",
        "/a%252fb",
        "/a%25255Cb",
        "/é",
        "/a b",
        "/a\x00",
        "/a#b",
        "/a?b",
        "a",
        "https://in.test/a",
        "/a%09b",
        "/a%2500b",
        "/a%7F",
        "/%u0061",
        "/%25U2215a",
        "/%c0%afa",
        "/%25c1%25a1",
        "/%E0%81%A1",
        "/%F0%80%81%A1",
        "https:/a",
        "*/a",
        "**",
    ],
)
def test_ambiguous_paths_are_noticed(raw):
    """A slash or backslash in disguise is seen, encoded once or more often, and so is what is no path."""
    assert is_ambiguous(raw)


def test_ordinary_escapes_are_not_ambiguous():
    """Other escapes are none of our business, nor is the star of OPTIONS."""
    assert not any(
        map(is_ambiguous, ("/a%20b%2C%25%C3%A9", "/%E0%A4%85%F0%9F%98%80%C0", "/%up", "/", "", "*"))
    )


@pytest.mark.parametrize(
    ("raw", "expected"), [("//host/a/b", "/a/b"), ("///host/a", "/a"), ("//host", "/"), ("/a//b", "/a//b")]
)
def test_two_slashes_at_the_start_may_be_a_host(raw, expected):
    """What is resolved like a link has its path behind that host; elsewhere slashes are only slashes."""
    assert expected.encode() == relative_path(raw.encode())


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
