"""Ways round the gate that no other module of the ring walks."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from fairwitness.testing import Counts, Town, is_blocked

pytestmark = pytest.mark.gate

UNTOUCHED = Counts(0, 0, 0)


def test_what_is_looked_up_is_noticed(town: Town) -> None:
    """The watch on look-ups, which the ring's assertions stand on, sees those that are allowed."""
    town.curl(town.inside.url("/looked-up"))

    assert town.inside.address in town.proxy.looked_up
    assert frozenset() == town.strangers_asked_for


@pytest.mark.bypass(72)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_nobody_listens_on_the_proxys_port_beside_it(town: Town, host: str) -> None:
    """Another process that asks the kernel to share the port, or for all addresses, does not get it."""
    with socket.socket() as beside:
        for option in (socket.SO_REUSEPORT, socket.SO_REUSEADDR):
            beside.setsockopt(socket.SOL_SOCKET, option, 1)
        with pytest.raises(OSError, match="in use"):
            beside.bind((host, int(town.proxy.address.rpartition(":")[2])))


@pytest.mark.bypass(6)
@pytest.mark.parametrize("name", ["in.test", "out.test"])
def test_a_client_that_refuses_the_certificate_is_not_let_past(town: Town, name: str) -> None:
    """A client with pinned certificates gets no undecrypted way through, to whomever it wants."""
    origin = town.inside if name == "in.test" else town.outside
    before = origin.counts.requests
    for _ in range(2):
        with town.client() as client:
            client.connect(origin.host_port)
            with pytest.raises((ssl.SSLError, ConnectionError)):
                client.start_tls(name, ca=town.authority.pem)

    assert before == origin.counts.requests
    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(14)
def test_a_request_without_an_absolute_url_is_judged_by_its_host(town: Town) -> None:
    """Sent to a proxy as if to a server, the Host header is the destination: listed or blocked."""
    with town.client() as client:
        passed = client.request("/origin-form", host=town.inside.host_port)
    with town.client() as client:
        blocked = client.request("/origin-form", host=town.outside.host_port)

    assert 200 == passed.status
    assert is_blocked(blocked)
    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(25)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_mitmproxys_own_name_is_a_stranger(town: Town, scheme: str) -> None:
    """mitm.it is neither answered as mitmproxy would, nor looked up."""
    reply = town.curl(f"{scheme}://mitm.it/cert/pem")

    assert is_blocked(reply)
    assert "mitm.it" not in town.proxy.looked_up


@pytest.mark.bypass(40)
def test_who_has_no_password_reaches_nobody(make_town: Callable[..., Town]) -> None:
    """With --proxy-password, requests and CONNECT without it get 407 before anybody is dialled."""
    with make_town(arguments=["--proxy-password", "secret-word"]) as town:
        plain = town.curl(town.inside.url("/no", scheme="http"))
        with town.client() as client:
            opened = client.connect(town.inside.host_port)
            after = client.read_until_end()
        counts = town.inside.counts
        asked = town.proxy.looked_up

    assert (407, 407, b"") == (plain.status, opened.status, after)
    assert UNTOUCHED == counts
    assert frozenset() == asked


@pytest.mark.bypass(52)
def test_a_settings_file_of_mitmproxys_is_not_read(make_town: Callable[..., Town], tmp_path: Path) -> None:
    """`run` reads no config.yaml, neither beside its authority nor in the home folder."""
    for folder in (tmp_path / "town" / "ca", tmp_path / "town" / "home" / ".mitmproxy"):
        folder.mkdir(parents=True, mode=0o700)
        (folder / "config.yaml").write_text("ignore_hosts: ['.*']\nmode: [dns]\n")
    with make_town() as town:
        reply = town.curl(town.outside.url("/configured"))
        with town.client() as client:
            client.connect(town.outside.host_port)
            with pytest.raises((ssl.SSLError, ConnectionError)):
                client.start_tls("out.test", ca=town.authority.pem)
        counts = town.outside.counts

    assert is_blocked(reply)
    assert UNTOUCHED == counts
    assert frozenset() == town.strangers_asked_for


@pytest.mark.bypass(62)
def test_a_pipe_in_place_of_the_policy_stops_nobody(make_town: Callable[..., Town]) -> None:
    """The policy in force stays, it is told, and the next plain file is followed."""
    with make_town() as town:
        file = town.proxy.policy_file
        os.mkfifo(beside := file.with_name("beside"))
        os.replace(beside, file)
        told = town.proxy.wait_for(lambda told: told.kind == "policy", "the pipe")
        statuses = [town.curl(origin.url("/piped")).status for origin in (town.inside, town.outside)]
        excluded = f"  exclude:\n  - https://{town.inside.host_port}\n"
        beside.write_text(town.policy_text().replace("  exclude: []\n", excluded))
        os.replace(beside, file)
        town.proxy.wait_for(lambda told: told.text("state") == "in-force", "the narrower one")
        narrowed = town.curl(town.inside.url("/narrowed"))
        counts = town.outside.counts

    assert "broken" == told.text("state")
    assert "no plain file" in told.text("summary")
    assert [200, 403] == statuses
    assert is_blocked(narrowed)
    assert UNTOUCHED == counts
    assert frozenset() == town.strangers_asked_for
