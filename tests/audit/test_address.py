"""Recorded URLs lead where a browser would go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairwitness.audit.address import Address, address_of, destinations_of


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://Shop.test/a?b#c", Address("https", "Shop.test", 443, "/a?b")),
        ("HTTP://shop.test:8080", Address("http", "shop.test", 8080, "/")),
        ("https://shop.test?x=/y", Address("https", "shop.test", 443, "/?x=/y")),
        ("https://in.test@evil.test/", Address("https", "evil.test", 443, "/")),
        ("https://evil.test\\@in.test/", Address("https", "evil.test", 443, "/@in.test/")),
        ("https:///evil.test/", Address("https", "evil.test", 443, "/")),
        ("wss://[2001:db8::1]:8443/ws", Address("wss", "2001:db8::1", 8443, "/ws")),
        ("https://shop.test:/", Address("https", "shop.test", 443, "/")),
    ],
)
def test_a_url_is_cut_as_browsers_cut_it(url: str, address: Address) -> None:
    """User names, backslashes, ports, brackets."""
    assert address == address_of(url)


@pytest.mark.parametrize(
    "url", ["", "data:,x", "shop.test:443", "https://", "https://:443/", "https://a:99999/", "https://[::1/"]
)
def test_what_leads_nowhere_is_none(url: str) -> None:
    """No scheme of the web, no host, no port that exists."""
    assert address_of(url) is None


@given(st.text(max_size=80))
def test_no_text_makes_it_fail(rest: str) -> None:
    """Anything is an address or none; its target begins with a slash."""
    address = address_of("https://" + rest)

    assert address is None or (address.host and address.target.startswith("/"))


def test_a_host_header_without_a_port_stays_on_the_dialled_one() -> None:
    """It cannot send the request to another port."""
    address = address_of("https://shop.test:8443/x")
    assert address
    found = destinations_of(address, "https", ((b"Host", b"other.test"), (b"HOST", b"third.test:1")))

    assert [("shop.test", 8443), ("other.test", 8443), ("third.test", 1)] == [
        (each.host, each.port) for each in found
    ]


def test_a_header_that_names_a_path_is_a_place_too() -> None:
    """IIS and frameworks go to the path in X-Original-URL; its query decides nothing."""
    address = address_of("https://shop.test/x")
    assert address
    found = destinations_of(address, "https", ((b"x-original-URL", b"/admin?all"), (b"X-Other", b"/y")))

    assert ["/x", "/admin"] == [each.path for each in found]
