"""An excluded path, written so that some servers still read it: the gate reads it as they do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fairwitness.testing import Authority, Town, is_blocked

pytestmark = pytest.mark.gate

SPELLINGS = {
    "where case is one": ["/ADMIN", "/Admin/users", "/%41dmin"],
    "on Windows": ["/admin.", "/admin%20", "/admin%2e%20/users", "/%u0061dmin", "/%25u0061dmin"],
    "folded to ASCII": ["/%EF%BD%81dmin", "/%EF%BC%8Fadmin", "/x/%EF%BC%8E%EF%BC%8E/admin", "/adm%C4%B1n"],
    "overlong": ["/%C1%A1dmin", "/%E0%81%A1dmin", "/%F0%80%81%A1dmin"],
    "controls dropped": ["/ad%09min", "/%0aadmin", "/ad%00min", "/%250dadmin", "/%7Fadmin"],
    "dots left where they are": ["/admin/../open", "/admin/%2e%2e/open", "/admin/x/../../open"],
}
"""By what a server must do to serve ``/admin``."""


@pytest.fixture(scope="module")
def town(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One that excludes a path."""
    with Town(authority, tmp_path_factory.mktemp("spellings"), exclude=["https://in.test:*/admin"]) as town:
        yield town


@pytest.mark.bypass(66)
def test_no_spelling_of_a_path_opens_an_excluded_one(town: Town) -> None:
    """Over one connection, each spelling is blocked; what only resembles them passes."""
    ways = [way for ways in SPELLINGS.values() for way in ways]
    others = ["/administration", "/%C3%A9", "/open/../free", "/Open./x%20y", "/caf%E9"]
    host = town.inside.host_port
    with town.tunnel(town.inside) as client:
        passed = [way for way in ways if not is_blocked(client.request(way, host=host))]
        statuses = [client.request(way, host=host).status for way in others]
    seen = [each.target.decode() for each in town.inside.requests if each.path != "/front"]

    assert [] == passed
    assert [200] * len(others) == statuses
    assert others == seen


@pytest.mark.bypass(67)
def test_no_header_names_an_excluded_path(town: Town) -> None:
    """Frameworks take the path from X-Original-URL or X-Rewrite-URL: it must be allowed as well."""
    headers = [
        ("X-Original-URL", "/admin"),
        ("x-rewrite-url", "/admin/users?all"),
        ("X-Original-URL", "https://in.test/admin"),
        ("X-Rewrite-Url", "/ADMIN"),
    ]
    host = town.inside.host_port
    with town.tunnel(town.inside) as client:
        passed = [
            each for each in headers if not is_blocked(client.request("/front", host=host, headers=[each]))
        ]
        twice = [("X-Original-URL", "/open"), ("X-Original-URL", "/admin")]
        both = client.request("/front", host=host, headers=twice)
        other = client.request("/front", host=host, headers=[("X-Original-URL", "/open")])
    seen = [each.header("x-original-url") for each in town.inside.requests_for("/front")]

    assert [] == passed
    assert is_blocked(both)
    assert 200 == other.status
    assert ["/open"] == seen
