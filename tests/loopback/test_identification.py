"""Who tests is told to the program only, and what is meant for the proxy stays with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fairwitness.model.record import ExchangeRow
from fairwitness.testing import Town

pytestmark = pytest.mark.gate


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_header_is_added_in_scope(town: Town, scheme: str) -> None:
    """A listed host gets the program's header once, in place of what the client sent under its name."""
    town.curl(town.inside.url(f"/id-{scheme}", scheme=scheme), "-H", "x-bug-bounty: somebody-else")

    seen = town.inside.requests_for(f"/id-{scheme}")[0]
    names = [name.lower() for name, _ in seen.headers]
    assert ("tester", 1) == (seen.header("x-bug-bounty"), names.count(b"x-bug-bounty"))


def test_the_header_is_added_to_a_websocket_handshake(town: Town) -> None:
    """A handshake is a request like any other."""
    with town.websocket(town.inside, secure=True):
        pass

    assert "tester" == town.inside.requests_for("/ws")[-1].header("x-bug-bounty")


def test_nobody_else_gets_the_header(town: Town) -> None:
    """Hosts on load and mine are not told."""
    town.curl(town.cdn.url("/id"))
    town.curl(town.mine.url("/id"))

    found = [origin.requests_for("/id")[0].header("x-bug-bounty") for origin in (town.cdn, town.mine)]
    assert [None, None] == found


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_label_is_recorded_and_not_forwarded(
    town: Town, row_of: Callable[[str], ExchangeRow], scheme: str
) -> None:
    """The user name in the proxy's URL is a label of the log; no server sees it."""
    url = town.inside.url(f"/label-{scheme}", scheme=scheme)

    town.curl(url, label="ffuf")

    seen = town.inside.requests_for(f"/label-{scheme}")[0]
    assert "ffuf" == row_of(url).label
    assert (None, None) == (seen.header("proxy-authorization"), seen.header("proxy-connection"))


def test_proxy_credentials_inside_a_tunnel_are_not_forwarded(town: Town) -> None:
    """Some clients repeat them inside TLS, where the server could read them."""
    with town.tunnel(town.inside) as client:
        client.request(
            "/inner-credentials",
            host=town.inside.host_port,
            headers=[("Proxy-Authorization", "Basic ZmZ1Zjp4")],
        )

    assert town.inside.requests_for("/inner-credentials")[0].header("proxy-authorization") is None
