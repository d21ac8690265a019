"""An excluded path or host, written so that some servers still read it: the gate reads it as they do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fairwitness.testing import Authority, Town, is_blocked
from fairwitness.testing.lookups import MANY

pytestmark = pytest.mark.gate

OTHERS = frozenset({"/front", "/canary", "/trailed", "/copied"})
"""Paths of the other tests here."""
SPELLINGS = {
    "where case is one": ["/ADMIN", "/Admin/users", "/%41dmin"],
    "on Windows": ["/admin.", "/admin%20", "/admin%2e%20/users", "/%u0061dmin", "/%25u0061dmin"],
    "folded to ASCII": ["/%EF%BD%81dmin", "/%EF%BC%8Fadmin", "/x/%EF%BC%8E%EF%BC%8E/admin", "/adm%C4%B1n"],
    "overlong": ["/%C1%A1dmin", "/%E0%81%A1dmin", "/%F0%80%81%A1dmin"],
    "controls dropped": ["/ad%09min", "/%0aadmin", "/ad%00min", "/%250dadmin", "/%7Fadmin"],
    "dots left where they are": ["/admin/../open", "/admin/%2e%2e/open", "/admin/x/../../open"],
}
"""By what a server must do to serve ``/admin``."""


EXCLUDED = ["https://in.test:*/admin", "https://secret.test:*"]


def below_many(_: Town) -> list[str]:
    """Entries for names that the resolver makes up."""
    return [f"http://*.{MANY}:*"]


@pytest.fixture(scope="module")
def town(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One that excludes a path and a host."""
    with Town(authority, tmp_path_factory.mktemp("spellings"), exclude=EXCLUDED, include=below_many) as town:
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
    seen = [each.target.decode() for each in town.inside.requests if each.path not in OTHERS]

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
        ("X_Original_URL", "/admin"),
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


@pytest.mark.bypass(74)
def test_no_header_names_an_excluded_host(town: Town) -> None:
    """Servers may serve the host that a proxy's header names; what is only unlisted may stand there."""
    headers = [
        ("X-Forwarded-Host", "secret.test"),
        ("x-forwarded-host", f"in.test, SECRET.test.:{town.inside.port}"),
        ("X-Host", "secret.test:443"),
        ("X_Forwarded.Host", "secret.test"),
        ("Forwarded", 'for=192.0.2.1; host="secret.test";proto=https'),
        ("Forwarded", "for=x, for=y;Host = secret.test"),
        ("X-Forwarded-Host", ",".join(f"{number}.test" for number in range(101))),
    ]
    host = town.inside.host_port
    with town.tunnel(town.inside) as client:
        replies = {each: client.request("/forwarded", host=host, headers=[each]) for each in headers}
        others = [("X-Forwarded-Host", "canary.test, in.test"), ("Forwarded", "for=secret.test;by=_host")]
        statuses = [client.request("/canary", host=host, headers=[each]).status for each in others]

    assert [] == [each for each, reply in replies.items() if not is_blocked(reply)]
    assert () == town.inside.requests_for("/forwarded")
    assert [200, 200] == statuses


@pytest.mark.bypass(75)
def test_trailers_name_neither_path_nor_host_nor_password(town: Town) -> None:
    """Some servers take trailers for headers: they are judged alike, and the proxy's password stays here."""
    host = town.inside.host_port
    named = [f"Host: {town.outside.host_port}", "X-Original-URL: /admin", "X-Forwarded-Host: secret.test"]
    with town.tunnel(town.inside) as client:
        for trailer in [*named, "Proxy-Authorization: Basic eDp5\r\nX-Sum: 1"]:
            head = f"POST /trailed HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n"
            client.send(f"{head}1\r\na\r\n0\r\n{trailer}\r\n\r\n".encode())
            reply = client.reply(method="POST")
            assert is_blocked(reply) == (trailer in named)
    seen = town.inside.requests_for("/trailed")

    assert [((b"X-Sum", b"1"),)] == [each.trailers for each in seen]


@pytest.mark.bypass(31)
def test_a_name_that_dns_would_read_otherwise_is_not_looked_up(town: Town) -> None:
    """Python's resolver folds other letters than browsers: raw letters in Host would lead to another host."""
    with town.client() as client:
        client.send(f"GET /folded HTTP/1.1\r\nHost: a\u1d62b.{MANY}:{town.inside.port}\r\n\r\n".encode())
        reply = client.reply()

    assert is_blocked(reply)
    assert frozenset() == town.strangers_asked_for


@pytest.mark.bypass(80)
def test_no_copy_leads_to_an_excluded_path(town: Town) -> None:
    """COPY and MOVE of WebDAV write where Destination says: to paths and hosts that are allowed."""
    host = town.inside.host_port
    inside = [f"https://{host}/admin/x", "/admin/x", f"https://{town.outside.host_port}/x", "//out.test/x"]
    with town.tunnel(town.inside) as client:

        def is_refused(method: str, destination: str) -> bool:
            headers = [("Destination", destination)]
            return is_blocked(client.request("/copied", host=host, method=method, headers=headers))

        passed = [each for each in inside if not is_refused("MOVE", each) or not is_refused("copy", each)]
        refused = [is_refused("COPY", f"https://{host}/open/x?y"), is_refused("GET", "Paris")]

    assert [] == passed
    assert [False, False] == refused
    assert 2 == len(town.inside.requests_for("/copied"))
