"""SOCKS5 on the proxy's port: what is asked for there is decided, recorded and refused as over HTTP."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path

import pytest
import wsproto.events

from fairwitness.testing import (
    Authority,
    Counts,
    Disconnected,
    Http2Client,
    Origin,
    RawClient,
    Town,
    is_blocked,
)
from fairwitness.testing.client import Reply, curl
from fairwitness.testing.client_websocket import WebSocketClient
from fairwitness.testing.socks import (
    NOT_ALLOWED,
    NOT_SUPPORTED,
    SUCCEEDED,
    SocksHost,
    read_exactly,
    socks_connect,
    socks_request,
)

pytestmark = pytest.mark.gate

UNTOUCHED = Counts(0, 0, 0)
MITMPROXY_MAJOR = int(version("mitmproxy").split(".")[0])
SSH = 22


@pytest.fixture(scope="module")
def town(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town whose proxy speaks SOCKS5 too; the outside must never have been touched."""
    folder = tmp_path_factory.mktemp("socks")
    dead = ["dead.test:9:127.0.0.2", "out.test:22:127.0.0.3"]
    arguments = ["--mode", "socks5", *(word for each in dead for word in ("--resolve", each))]
    with Town(authority, folder, include=lambda town: ["dead.test:9"], arguments=arguments) as town:
        yield town
    assert UNTOUCHED == town.outside.counts
    assert UNTOUCHED == town.side.counts
    assert "" == town.proxy.stderr


@pytest.fixture(scope="module", autouse=True)
def dawdlers(town: Town) -> Iterator[dict[str, RawClient]]:
    """Connections whose handshakes never end, open since the module began."""
    said = {
        "version": b"\x05",
        "greeting": b"\x05\xff" + bytes(100),
        "request": b"\x05\x01\x00\x05\x01\x00\x03\xff" + b"a" * 100,
    }
    with contextlib.ExitStack() as stack:
        clients = {name: stack.enter_context(town.client()) for name in said}
        for name, client in clients.items():
            client.send(said[name])
        yield clients


@contextlib.contextmanager
def inside_socks(town: Town, host: SocksHost, port: int) -> Iterator[RawClient]:
    """A connection that the proxy says is made."""
    with town.client() as client:
        assert SUCCEEDED == socks_connect(client, host, port)
        yield client


def fetch(
    town: Town,
    path: str,
    *,
    to: Origin,
    host: SocksHost | None = None,
    sni: str | None = None,
    named: str | None = None,
) -> Reply:
    """A GET inside TLS inside SOCKS, whose three names are given apart; the origin's own by default."""
    with inside_socks(town, host or to.name, to.port) as client:
        client.start_tls(sni or to.name, ca=town.proxy.ca)
        return client.request(path, host=named or to.host_port)


def through_curl(town: Town, url: str, *arguments: str, kind: str = "socks5h", user: str = "") -> Reply:
    """What curl gets with --proxy socks5h://, which is --socks5-hostname, or socks5://, which is --socks5."""
    proxy = f"{kind}://{user}{town.proxy.address}"
    return curl(proxy, url, "--cacert", str(town.proxy.ca), *arguments)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_listed_host_passes_and_is_on_record(town: Town, scheme: str) -> None:
    """curl's request arrives and is logged with its answer, its label and its identification."""
    url = town.inside.url(f"/curl-{scheme}", scheme=scheme)
    reply = through_curl(town, url, user="my-tool:any@")

    row = town.proxy.wait_for_row(lambda row: row.url == url and row.outcome == "complete")
    seen = town.inside.requests_for(f"/curl-{scheme}")
    assert 200 == reply.status
    assert ("allow", "include", 200, "my-tool") == (row.decision, row.scope_list, row.status, row.label)
    assert 1 == len(seen)


@pytest.mark.bypass(57)
@pytest.mark.parametrize("origin", ["outside", "side", "chatter"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_unlisted_host_is_answered_here(town: Town, scheme: str, origin: str) -> None:
    """curl gets the block's own page inside the connection, and no packet leaves."""
    stranger: Origin = getattr(town, origin)
    url = stranger.url(f"/blocked-{scheme}", scheme=scheme)
    reply = through_curl(town, url)

    row = town.proxy.wait_for_row(lambda row: row.url == url)
    assert is_blocked(reply)
    assert ("block", "blocked") == (row.decision, row.outcome)
    assert UNTOUCHED == stranger.counts


@pytest.mark.bypass(57)
def test_nobody_asks_for_the_address_of_a_blocked_name(town: Town) -> None:
    """A name that has none gets the block, not a resolver's error."""
    reply = through_curl(town, "https://no-such-name.invalid/")

    assert is_blocked(reply)


@pytest.mark.bypass(57)
def test_what_curl_resolves_itself_is_an_address(town: Town) -> None:
    """--socks5 asks for an address: the names inside do not vouch for it, though they are listed."""
    before = town.inside.counts.requests
    reply = through_curl(
        town, town.inside.url("/by-address"), "--resolve", town.inside.resolve, kind="socks5"
    )

    assert is_blocked(reply)
    assert before == town.inside.counts.requests


@pytest.mark.bypass(57)
@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.3", "127.0.0.3.", "127.3", "2130706435", "0177.0.0.3", "0x7f000003", "0X7F.0.0.3"),
        *("[::ffff:127.0.0.3]", "::ffff:127.0.0.3", "::127.0.0.3", "127。0。0。3", "１２７.0.0.3"),
        *("OUT.test", "out.test.", "oUt.tEsT.", " out.test", "out.test ", "in.test\0.out.test"),
        *("in.test@out.test", "in.test:1@out.test", "out.test#in.test", "out.test/in.test", "out.test%00"),
        *("", ".", "localhost", "0", "::1", "xn--", "a" * 255, b"\xff\xfe\x00", "юг.test"),
        *map(ip_address, ("127.0.0.3", "0.0.0.0", "::", "::1", "::ffff:127.0.0.3", "64:ff9b::7f00:3")),
    ],
    ids=repr,
)
def test_no_spelling_of_a_stranger_is_dialled(town: Town, host: SocksHost) -> None:
    """Whatever a client asks for, and whatever listed name it shows inside."""
    before = town.inside.counts.requests
    with town.client() as client:
        if socks_connect(client, host, town.outside.port) == SUCCEEDED:
            reply = client.request("/", host=town.inside.host_port)
            assert is_blocked(reply)

    assert (before, UNTOUCHED) == (town.inside.counts.requests, town.outside.counts)


@pytest.mark.bypass(57)
@pytest.mark.parametrize(
    ("host", "sni", "named"),
    [
        ("out.test", "in.test", "in.test"),
        (ip_address("127.0.0.3"), "in.test", "in.test"),
        ("in.test", "out.test", "in.test"),
        ("in.test", "in.test", "out.test"),
        ("in.test", "telemetry.test", "in.test"),
    ],
)
def test_one_name_that_lies_takes_the_request_down(town: Town, host: SocksHost, sni: str, named: str) -> None:
    """The name asked for, that of the TLS hello and that of the request must all be listed."""
    before = town.inside.counts
    to = town.inside if host == "in.test" else town.outside
    reply = fetch(town, "/lie", to=to, host=host, sni=sni, named=f"{named}:{to.port}")

    assert is_blocked(reply)
    assert (before.hellos + (sni == "in.test" and to is town.inside), before.requests) == (
        town.inside.counts[1:]
    )


def test_a_kept_alive_connection_is_judged_at_each_request(town: Town) -> None:
    """A stranger's Host after a listed one is blocked; the next listed one passes."""
    with inside_socks(town, "in.test", town.inside.port) as client:
        replies = [
            client.request("/first", host=town.inside.host_port),
            client.request("/second", host=town.outside.host_port),
            client.request(town.outside.url("/third", scheme="http"), host=town.outside.host_port),
            client.request("/fourth", host=town.inside.host_port),
        ]

    assert [200, 403, 403, 200] == [reply.status for reply in replies]
    assert [] == [seen for seen in town.inside.requests if seen.path in ("/second", "/third")]


@pytest.mark.bypass(57)
def test_no_second_handshake_inside(town: Town) -> None:
    """Neither CONNECT nor SOCKS inside SOCKS leads anywhere else."""
    before = town.inside.counts.requests
    with inside_socks(town, "in.test", town.inside.port) as client:
        reply = client.connect(town.outside.host_port)
    with inside_socks(town, "in.test", town.inside.port) as client:
        client.send(b"\x05\x01\x00" + socks_request("out.test", town.outside.port))
        rest = client.read_until_end()

    assert 400 <= reply.status < 500
    assert b"\x05\x00" not in rest
    assert before == town.inside.counts.requests


def test_a_websocket_passes_and_its_messages_are_on_record(town: Town) -> None:
    """In the clear, as browsers with a SOCKS proxy do it."""
    with inside_socks(town, "in.test", town.inside.port) as client:
        web_socket = WebSocketClient(client)
        reply = web_socket.handshake("/ws", host=town.inside.host_port)
        web_socket.send(wsproto.events.TextMessage(data="through socks"))
        answer = web_socket.receive()

    assert 101 == reply.status
    assert b"through socks" in answer.content


def test_a_tunnel_host_passes_undecrypted_and_only_for_its_own_name(town: Town) -> None:
    """With its own SNI the client sees the origin's certificate; with another one nothing arrives."""
    with inside_socks(town, "login.test", town.login.port) as client:
        client.start_tls("login.test", ca=town.authority.pem, expects="login.test")
        reply = client.request("/by-socks", host=town.login.host_port)
    seen = town.login.counts
    refused = fetch(town, "/by-socks", to=town.login, sni="in.test")

    assert 200 == reply.status
    assert is_blocked(refused)
    assert seen == town.login.counts
    assert 1 == len(town.login.requests_for("/by-socks"))


def test_raw_bytes_pass_only_where_host_and_port_are_named(town: Town) -> None:
    """A server that greets first is heard where the entry says so; elsewhere the bytes end here."""
    before = town.inside.messages
    with inside_socks(town, "tcp.test", town.tcp.port) as client:
        greeting = client.read()
        client.send(b"to the echo")
        echo = read_exactly(client, len(b"to the echo"))
    with inside_socks(town, "in.test", town.inside.port) as client:
        client.send(b"SSH-2.0-x\r\n")
        rest = client.read_until_end()

    assert (b"SSH-2.0-lab\r\n", b"to the echo", b"") == (greeting, echo, rest)
    assert before == town.inside.messages
    row = town.proxy.wait_for_row(lambda row: row.method == "TCP" and row.outcome != "open")
    assert ("allow", town.tcp.host_port) == (row.decision, row.url.removeprefix("tcp://").rstrip("/"))


def test_a_refused_port_whose_servers_greet_first_is_told_by_the_reply(town: Town) -> None:
    """An answer inside would never be read: "not allowed by ruleset", and it is on record."""
    with town.client() as client:
        code = socks_connect(client, "out.test", SSH)
        rest = client.read_until_end()

    row = town.proxy.wait_for_row(lambda row: row.url == f"out.test:{SSH}")
    assert (NOT_ALLOWED, b"", "block") == (code, rest, row.decision)


def test_a_server_that_is_away_is_told_inside(town: Town) -> None:
    """The listed host does not listen: 502, with the reason."""
    reply = through_curl(town, "http://dead.test:9/")

    assert 502 == reply.status


@pytest.mark.skipif(MITMPROXY_MAJOR < 12, reason="no HTTP/2 is offered there")
def test_coalesced_streams_are_judged_one_by_one(town: Town) -> None:
    """On one HTTP/2 connection a stranger's :authority is blocked, and the listed ones pass."""
    with inside_socks(town, "in.test", town.inside.port) as client:
        client.start_tls("in.test", ca=town.proxy.ca, alpn=("h2",))
        streams = Http2Client(client)
        strange = streams.request("/h2-strange", authority=town.outside.host_port)
        listed = streams.request("/h2-listed", authority=town.inside.host_port)

    assert is_blocked(strange)
    assert 200 == listed.status
    assert () == town.inside.requests_for("/h2-strange")


@pytest.mark.parametrize("command", [0, 2, 3, 4, 0xFF])
def test_only_connect_is_known(town: Town, command: int) -> None:
    """BIND and UDP ASSOCIATE would carry what nobody judges: "command not supported"."""
    with town.client() as client:
        client.send(b"\x05\x01\x00" + socks_request("in.test", town.inside.port, command=command))
        said = client.read_until_end()

    assert bytes([5, 0, 5, NOT_SUPPORTED]) == said[:4]


@pytest.mark.parametrize(
    "said",
    [
        b"\x04\x01" + (80).to_bytes(2, "big") + bytes([127, 0, 0, 3]) + b"me\0",
        b"\x04\x01" + (80).to_bytes(2, "big") + bytes([0, 0, 0, 1]) + b"me\0out.test\0",
        b"\x05\x00",
        b"\x05\x01\x01",
        b"\x05\x02\x01\xff",
        b"\x05\x01\x00\x04\x01\x00\x03\x08out.test\x00\x50",
        b"\x05\x01\x00\x05\x01\x07\x03\x08out.test\x00\x50",
        b"\x05\x01\x00\x05\x01\x00\x02\x08out.test\x00\x50",
        b"\x05\x01\x00\x05\x01\x00\x05\x08out.test\x00\x50",
        b"\x05\x01\x02\x05\x01a\x01a",
        b"\x06\x01\x00\r\n\r\n",
    ],
    ids=repr,
)
def test_what_is_no_socks5_request_ends_the_connection(town: Town, said: bytes) -> None:
    """SOCKS4, unknown ways of signing in, other versions and address types: refused, nobody is dialled."""
    with town.client() as client:
        client.send(said)
        rest = client.read_until_end()

    assert b"\x05\x00\x00\x01" not in rest
    assert b"\x00\x5a" != rest[:2]


@pytest.mark.parametrize("seed", range(2))
def test_mutated_handshakes_open_nothing_and_close_nothing(town: Town, seed: int) -> None:
    """Bytes put in, taken out or doubled reach no stranger, and honest requests still pass."""
    chance = random.Random(seed)
    inside = town.inside.counts.requests
    template = b"\x05\x02\x00\x02\x01\x01a\x01b" + socks_request("out.test", town.outside.port)
    for _ in range(60):
        mutated = bytearray(template + b"GET / HTTP/1.1\r\nHost: in.test\r\n\r\n")
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(mutated))
            mutated[at : at + chance.randint(0, 2)] = chance.choice(
                [bytes([chance.randrange(256)]), bytes(mutated[at : at + 6]) * 2, b""]
            )
        with town.client() as client:
            client.send(bytes(mutated))
            client.half_close()
            client.read_until_end()

    assert inside == town.inside.counts.requests
    assert 200 == through_curl(town, town.inside.url("/still-open")).status


def test_a_handshake_may_come_in_pieces_or_in_one(town: Town) -> None:
    """Byte by byte, or with the request behind it in one segment."""
    request = f"GET /pieces HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode()
    whole = b"\x05\x01\x00" + socks_request("in.test", town.inside.port) + request
    for step in (1, len(whole)):
        with town.client() as client:
            for at in range(0, len(whole), step):
                client.send(whole[at : at + step])
            read_exactly(client, 12)
            assert 200 == client.reply().status


def test_http_is_still_spoken_on_the_same_port(town: Town) -> None:
    """Programs that know no SOCKS go on as ever: plain, through CONNECT, and blocked."""
    assert 200 == town.curl(town.inside.url("/as-ever")).status
    assert 200 == town.curl(town.inside.url("/as-ever", scheme="http")).status
    assert is_blocked(town.curl(town.outside.url("/as-ever")))


def test_with_a_password_nobody_comes_in_without_it(authority: Authority, tmp_path: Path) -> None:
    """No authentication, a wrong one and an empty one are refused before a host is named."""
    arguments = ["--mode", "socks5", "--proxy-password", "right"]
    with Town(authority, tmp_path / "town", arguments=arguments) as town:
        for login in (None, ("me", "wrong"), ("me", ""), ("right", "right\0"), ("", "Right")):
            with town.client() as client, pytest.raises(Disconnected):
                socks_connect(client, "in.test", town.inside.port, login=login)
        untouched = town.inside.counts
        with town.client() as client:
            code = socks_connect(client, "in.test", town.inside.port, login=("me", "right"))
            reply = client.request("/in", host=town.inside.host_port)
        by_curl = through_curl(town, town.inside.url("/in"), user="me:right@")

    assert UNTOUCHED == untouched
    assert (SUCCEEDED, 200, 200) == (code, reply.status, by_curl.status)


def test_an_unfinished_handshake_is_closed(town: Town, dawdlers: dict[str, RawClient]) -> None:
    """However far it came: the client has seconds, then its connection ends."""
    for client in dawdlers.values():
        assert b"\x05\x00\x00" not in client.read_until_end()
