"""The tunnel class: undecrypted where CONNECT, SNI and entry agree, and closed to all else."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from fairwitness.model.record import ExchangeRow
from fairwitness.testing import Disconnected, Proxy, RawClient, Town, is_blocked
from fairwitness.testing.hello import client_hello, with_another_name

pytestmark = pytest.mark.gate


@pytest.mark.parametrize("spelling", ["login.test", "LOGIN.test", "login.test."])
def test_an_agreed_name_passes_undecrypted(town: Town, spelling: str) -> None:
    """The client sees the origin's own certificate, and the origin a whole handshake of the client's."""
    path = f"/through-{spelling}"
    with town.client() as client:
        opened = client.connect(f"{spelling}:{town.login.port}")
        client.start_tls("login.test", ca=town.authority.pem, expects="login.test")
        shown = client.certificate
        reply = client.request(path, host=town.login.host_port)

    chain = x509.load_pem_x509_certificates(town.login.certificate.read_bytes())
    assert (200, 200) == (opened.status, reply.status)
    assert chain[0].public_bytes(Encoding.DER) == shown
    assert 1 == len(town.login.requests_for(path))


def test_a_tunnel_is_on_record_without_its_content(town: Town) -> None:
    """The log has host, list, times and bytes; nothing of what was said, and no identification in it."""
    with town.client() as client:
        client.connect(town.login.host_port)
        client.start_tls("login.test", ca=town.authority.pem)
        client.request("/private-path-of-login", host=town.login.host_port)

    row = town.proxy.wait_for_row(
        lambda row: row.method == "CONNECT" and row.scope_list == "tunnel" and row.outcome == "complete"
    )
    record = town.proxy.record(row)
    seen = town.login.requests_for("/private-path-of-login")
    assert (town.login.host_port, "allow") == (row.url, row.decision)
    assert (row.request_bytes or 0) > 100
    assert (row.response_bytes or 0) > 100
    assert not record.request_body
    assert record.response_body is None
    assert seen[0].header("x-bug-bounty") is None


@pytest.mark.bypass(45)
@pytest.mark.parametrize("sni", ["in.test", "out.test", "telemetry.test", "www.login.test", None])
def test_another_server_name_is_not_let_into_a_tunnel(town: Town, sni: str | None) -> None:
    """Another SNI, or none, is decrypted and blocked; the sign-in host hears nothing."""
    before = town.login.counts
    with town.tunnel(town.login, sni=sni) as client:
        reply = client.request("/", host=town.login.host_port)

    assert is_blocked(reply)
    assert before == town.login.counts


@pytest.mark.bypass(45)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_hello_with_two_names_is_not_let_into_a_tunnel(town: Town, is_first: bool) -> None:
    """Of two server_name extensions a server may take the other one."""
    before = town.login.counts
    with town.client() as client:
        client.connect(town.login.host_port)
        client.send(with_another_name(client_hello("login.test"), "out.test", is_first=is_first))
        client.half_close()
        client.read_until_end()

    assert before == town.login.counts


@pytest.mark.bypass(45)
def test_a_tunnel_does_not_carry_another_tunnels_name(town: Town, tmp_path: Path) -> None:
    """Of two hosts that pass undecrypted, neither is a way to the other: each passes for its own name."""
    before = town.login.counts
    policy = town.policy_text(
        scope={"include": ["a.test"], "tunnel": [town.login.host_port, f"sso.test:{town.login.port}"]}
    )
    with (
        Proxy(tmp_path, policy=policy, upstream_ca=town.authority.pem, resolve=[town.login.resolve]) as proxy,
        RawClient(proxy.address) as client,
    ):
        client.connect(town.login.host_port)
        client.start_tls("sso.test", ca=proxy.ca)
        reply = client.request("/", host=town.login.host_port)

    assert is_blocked(reply)
    assert before == town.login.counts


def test_a_tunnel_name_does_not_open_another_destination(town: Town) -> None:
    """CONNECT to a listed host with the tunnel's SNI is blocked, for both hosts."""
    before = town.login.counts, town.inside.counts[1:]
    with town.tunnel(town.inside, sni="login.test") as client:
        reply = client.request("/", host=town.login.host_port)

    assert is_blocked(reply)
    assert before == (town.login.counts, town.inside.counts[1:])


@pytest.mark.bypass(45)
def test_a_tunnel_name_does_not_open_a_stranger(town: Town) -> None:
    """CONNECT to a stranger with the tunnel's SNI is blocked."""
    before = town.login.counts
    with town.tunnel(town.outside, sni="login.test") as client:
        reply = client.request("/", host=town.login.host_port)

    assert is_blocked(reply)
    assert before == town.login.counts
    assert (0, 0, 0) == town.outside.counts


def test_plain_http_in_a_tunnel_is_blocked(town: Town) -> None:
    """HTTP without TLS inside a CONNECT to a tunnel host does not pass."""
    before = town.login.counts
    with town.client() as client:
        client.connect(town.login.host_port)
        reply = client.request("/", host=town.login.host_port)

    assert is_blocked(reply)
    assert before == town.login.counts


def test_plain_http_to_a_tunnel_host_is_blocked(town: Town, row_of: Callable[[str], ExchangeRow]) -> None:
    """A plain request to a tunnel host would be in the clear: it is no tunnel."""
    before = town.login.counts
    url = town.login.url("/plain", scheme="http")
    reply = town.curl(url)

    assert is_blocked(reply)
    assert "block" == row_of(url).decision
    assert before == town.login.counts


@pytest.mark.bypass(45)
@pytest.mark.parametrize(
    "opening", [b"SSH-2.0-OpenSSH_9\r\n", b"\x15\x03\x01\0\2\2\0", b"\0\1\2\3\4\5\6\7", b"\x16"]
)
def test_other_bytes_are_not_let_into_a_tunnel(town: Town, opening: bytes) -> None:
    """What does not begin with a ClientHello is not relayed."""
    before = town.login.counts
    with town.client() as client:
        client.connect(town.login.host_port)
        client.send(opening)
        client.half_close()
        client.read_until_end()

    assert before == town.login.counts


def test_a_hello_in_many_pieces_still_passes(town: Town) -> None:
    """A ClientHello that comes byte by byte is read whole before anything is decided."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=str(town.authority.pem))
    tls = context.wrap_bio(incoming, outgoing, server_hostname="login.test")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = outgoing.read()
    with town.client() as client:
        client.connect(town.login.host_port)
        for at in range(0, len(hello), 100):
            client.send(hello[at : at + 100])
        incoming.write(client.read())
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                incoming.write(client.read())

    assert "TLS" in (tls.version() or "")


def test_a_second_name_after_the_first_is_a_new_connection(town: Town) -> None:
    """Inside one plain connection a CONNECT that was refused does not lend its socket to the next."""
    with town.client() as client:
        client.connect(town.outside.host_port)
        try:
            client.start_tls("login.test", ca=town.authority.pem)
            trusted = True
        except (ssl.SSLError, Disconnected):
            trusted = False

    assert not trusted
    assert (0, 0, 0) == town.outside.counts
