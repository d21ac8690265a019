"""Hosts with stars."""

import pytest

from fairwitness.policy.patterns import HostPattern, labels_meet


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("example.com", ["example.com"], ["a.example.com", "xexample.com"]),
        (
            "*.example.com",
            ["a.example.com", "a.b.example.com"],
            ["example.com", "aexample.com", "example.com.evil"],
        ),
        (
            "img*.example.com",
            ["img.example.com", "img1.example.com"],
            ["img.a.example.com", "aimg.example.com"],
        ),
        ("a.*.example.com", ["a.b.example.com"], ["a.example.com", "a.b.c.example.com", "b.b.example.com"]),
        ("*-x-*.example.com", ["a-x-b.example.com", "-x-.example.com"], ["x.example.com"]),
        ("*.img*.example.com", ["a.img1.example.com", "a.b.img.example.com"], ["img1.example.com"]),
    ],
)
def test_stars_match_what_they_say(pattern, inside, outside):
    """A whole leftmost star covers any depth and no apex; any other star stays within its label."""
    parsed = HostPattern.parse(pattern)

    assert [True] * len(inside) == [parsed.matches(host) for host in inside]
    assert [False] * len(outside) == [parsed.matches(host) for host in outside]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a.com", "a.com", True),
        ("a.com", "b.com", False),
        ("*.a.com", "a.com", False),
        ("*.a.com", "x.a.com", True),
        ("*.a.com", "*.b.a.com", True),
        ("*.a.com", "*.b.com", False),
        ("i*.a.com", "*g.a.com", True),
        ("i*.a.com", "j*.a.com", False),
        ("i*.a.com", "*.a.com", True),
        ("i*.a.com", "x.i*.a.com", False),
        ("*.i*.a.com", "ig.a.com", False),
        ("*.i*.a.com", "b.ig.a.com", True),
        ("x.*.a.com", "*.a.com", True),
        ("x.*.a.com", "y.z.a.com", False),
    ],
)
def test_patterns_meet_when_some_host_is_covered_by_both(one, other, expected):
    """Meeting is symmetric and exact."""
    first, second = HostPattern.parse(one), HostPattern.parse(other)

    assert (expected, expected) == (first.meets(second), second.meets(first))


def test_labels_meet_by_their_ends():
    """Two stars can be filled until both agree, if heads and tails agree."""
    assert [True, True, False, False] == [
        labels_meet("a*", "*b"),
        labels_meet("a*c", "ab*"),
        labels_meet("a*", "b*"),
        labels_meet("*a", "*b"),
    ]


def test_containment_is_claimed_only_when_sure():
    """A tree holds all below it; whatever is in doubt is not claimed."""
    cases = [
        ("*.a.com", "x.a.com", True),
        ("*.a.com", "*.b.a.com", True),
        ("*.a.com", "i*.a.com", True),
        ("*.a.com", "*.a.com", True),
        ("*.a.com", "a.com", False),
        ("*.b.a.com", "*.a.com", False),
        ("i*.a.com", "ix.a.com", True),
        ("i*.a.com", "ix*.a.com", False),
        ("a.com", "*.a.com", False),
        ("*.a.com", "x.*.b.com", False),
    ]

    assert [expected for _, _, expected in cases] == [
        HostPattern.parse(outer).contains(HostPattern.parse(inner)) for outer, inner, _ in cases
    ]
