"""Tests of fairwitness.rules.endpoint."""

from __future__ import annotations

import pytest

from fairwitness.rules.endpoint import endpoint_of, skeleton
from fairwitness.rules.testing import make_request


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/", "/"),
        ("/users/41", "/users/{n}"),
        ("/users/41/orders/7", "/users/{n}/orders/{n}"),
        ("/o/0b36cbc7-e9a3-4b52-a9e5-7d1e1cfb2f34", "/o/{uuid}"),
        ("/blob/d41d8cd98f00b204e9800998ecf8427e", "/blob/{hash}"),
        ("/t/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/t/{hash}"),
        ("/invoice-2024-0012.pdf", "/invoice-{n}-{n}.pdf"),
        ("/v2/session", "/v2/session"),
        ("/administrationoverviewpage", "/administrationoverviewpage"),
        ("/%75sers/%34%31", "/users/{n}"),
        ("/a/./b/../41", "/a/{n}"),
        ("/a//41/", "/a/{n}/"),
        ("/a;jsessionid=77/b", "/a/b"),
        ("/search?q=lamp&page=2", "/search ?page&q"),
        ("/search?q=a&q=b", "/search ?q"),
        ("/x?1700000001", "/x ?{n}"),
    ],
)
def test_what_names_one_object_is_folded(target: str, expected: str) -> None:
    """Numbers, UUIDs and hashes are folded; words, versions and query names stay."""
    assert expected == skeleton(target.encode())


def test_walk_over_parameter_names_is_one_endpoint() -> None:
    """Many parameters are one endpoint, whatever they are called."""
    first = "&".join(f"name{chr(97 + n)}=1" for n in range(20))
    second = "&".join(f"other{chr(97 + n)}=1" for n in range(25))

    assert skeleton(f"/x?{first}".encode()) == skeleton(f"/x?{second}".encode())


def test_method_and_port_tell_endpoints_apart() -> None:
    """Another method or port is another endpoint; the standard port is not written."""
    assert "GET shop.test /a" == endpoint_of(make_request("https://shop.test:443/a"))
    assert "POST shop.test:8443 /a" == endpoint_of(make_request("https://shop.test:8443/a", method="POST"))


def test_huge_target_gives_a_short_name() -> None:
    """A target of a megabyte cannot be kept as a key."""
    assert 1200 > len(skeleton(b"/" + b"ab/" * 300_000 + b"?" + b"x" * 300_000))
