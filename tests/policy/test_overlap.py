"""Entries that speak of the same host."""

import pytest

from fairwitness.errors import PolicyError
from fairwitness.model.verdict import Clause, ScopeList
from fairwitness.policy.entries import parse_entry
from fairwitness.policy.overlap import MAX_COMPARED, Overlaps, place_contains, traffic_contains, traffic_meets
from fairwitness.policy.patterns import HostPattern


def entry(text: str):
    """An entry on some list."""
    return parse_entry(text).on(ScopeList.INCLUDE, Clause("x", None, "-"))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a.example", "a.example", True),
        ("a.example", "a.example:8443", False),
        ("a.example", "a.example:*", True),
        ("a.example", "http://a.example", True),
        ("https://a.example", "http://a.example:443", False),
        ("https://a.example", "wss://a.example", True),
        ("https://a.example/x", "a.example", True),
        ("https://a.example/x", "https://a.example/x/y", True),
        ("https://a.example/x", "https://a.example/xy", False),
        ("*.a.example", "b.a.example", True),
        ("*.a.example", "a.example", False),
        ("*.a.example", "*.b.a.example", True),
        ("*.x.a.example", "i*.a.example", False),
        ("*.x.a.example", "i.*.a.example", True),
        ("192.0.2.0/24", "192.0.2.7", True),
        ("192.0.2.0/24", "198.51.100.7", False),
        ("192.0.2.0/24", "[2001:db8::1]", False),
        ("192.0.2.0/24", "a.example", False),
    ],
)
def test_entries_meet_in_both_directions(one, other, expected):
    """Found from either side."""
    first, second = entry(one), entry(other)

    assert [expected, expected] == [
        list(Overlaps([first]).meeting(second)) == [first],
        list(Overlaps([second]).meeting(first)) == [second],
    ]


def test_entry_does_not_meet_itself():
    """Only others are of interest; an equal one is another."""
    first, twin = entry("a.example"), entry("a.example")

    assert [twin] == list(Overlaps([first, twin]).meeting(first))


def test_ports_can_be_left_out_of_it():
    """For tunnels the host alone counts."""
    first, second = entry("a.example:1"), entry("a.example:2")

    assert [[], [first]] == [
        list(Overlaps([first]).meeting(second)),
        list(Overlaps([first]).meeting(second, ports=False)),
    ]


def test_meeting_finds_what_a_walk_over_all_finds():
    """The index leaves nothing out."""
    texts = [
        f"{head}{base}"
        for head in ("", "*.", "i*.", "*g.", "x.", "x.*.", "*.i*.", "img.", "a.img.")
        for base in ("a.example", "b.a.example", "img.a.example")
    ]
    entries = [entry(text) for text in texts]
    index = Overlaps(entries)
    for one in entries:
        walked = {
            other.text
            for other in entries
            if other is not one and HostPattern.parse(one.host).meets(HostPattern.parse(other.host))
        }
        assert walked == {other.text for other in index.meeting(one)}, one.text


@pytest.mark.parametrize(
    ("outer", "inner", "place", "traffic"),
    [
        ("*.a.example", "b.a.example", True, True),
        ("a.example:*", "a.example:8443", True, True),
        ("a.example", "a.example:*", True, False),
        ("a.example", "https://a.example/x", True, True),
        ("https://a.example", "a.example", True, False),
        ("https://a.example/x", "https://a.example/x/y", True, True),
        ("https://a.example/x", "https://a.example/xy", True, False),
        ("https://a.example/x", "https://a.example", True, False),
        ("192.0.2.0/24", "192.0.2.0/28", True, True),
        ("192.0.2.0/28", "192.0.2.0/24", False, True),
        ("192.0.2.0/28", "[2001:db8::1]", False, True),
        ("192.0.2.0/28", "a.example", False, True),
    ],
)
def test_containment_of_place_and_traffic(outer, inner, place, traffic):
    """An entry holds another when both its hosts and its traffic do."""
    assert (place, traffic) == (
        place_contains(entry(outer), entry(inner)),
        traffic_contains(entry(outer), entry(inner)),
    )


def test_traffic_of_different_ports_does_not_meet():
    """Ports are sets."""
    assert not traffic_meets(entry("a.example:1"), entry("b.example:2"))


def test_comparing_ends_where_too_many_share_an_end():
    """Thousands of paths below one host, each compared with each, would stop the proxy for hours."""
    paths = [entry(f"https://a.example/p{number}") for number in range(2000)]
    known = Overlaps([entry("https://a.example/"), *paths])
    first = [next(known.meeting(each)) for each in paths[: MAX_COMPARED // 2001]]

    assert {"https://a.example/"} == {each.text for each in first}
    with pytest.raises(PolicyError, match="more than 200,000 ways"):
        next(known.meeting(paths[0]))
