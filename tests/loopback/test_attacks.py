"""Attempts to get something past the gate; what the origins counted decides."""

from __future__ import annotations

import contextlib
import secrets
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from wsproto.events import TextMessage

from fairwitness.testing import (
    Counts,
    Disconnected,
    Proxy,
    RawClient,
    Town,
)
from fairwitness.testing.faults import FaultDoor

pytestmark = pytest.mark.gate

UNTOUCHED = Counts(0, 0, 0)
LEFT = (Disconnected, OSError, ssl.SSLError, ValueError)
BIG = 64 << 20
MakeTown = Callable[..., Town]


# What is under way when it is halted, or when its host leaves the policy


def _halt(town: Town) -> None:
    assert 0 == town.proxy.command("halt", "--reason", "a test").returncode


def _narrow(town: Town) -> None:
    """Exclude what is included, and the sign-in host."""
    inside = town.inside.host_port
    entries = [f"http://{inside}", f"https://{inside}", town.tcp.host_port, town.login.host_port]
    excluded = "".join(f"  - {entry}\n" for entry in entries)
    text = town.policy_text().replace("  exclude: []\n", f"  exclude:\n{excluded}")
    town.proxy.policy_file.write_text(text)
    told = town.proxy.wait_for(lambda told: told.kind == "policy", "the change")
    assert "in-force" == told.text("state")


STOPS = pytest.mark.parametrize("stop", [_halt, _narrow], ids=["halted", "removed"])


@STOPS
def test_an_upload_under_way_stops(make_town: MakeTown, stop: Callable[[Town], None]) -> None:
    """A long upload that has begun never arrives whole; three at once do not close the gate for good."""
    with make_town() as town, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(town.tunnel(town.inside)) for _ in range(3)]
        for number, client in enumerate(clients):
            head = f"POST /up-{number} HTTP/1.1\r\nHost: {town.inside.host_port}\r\nContent-Length: {BIG}\r\n"
            client.send(head.encode() + b"\r\n" + b"u" * (2 << 20))
        town.inside.wait_for(lambda it: len(it.requests_below("/up-")) == 3, "the heads")
        stop(town)
        for client in clients:
            with contextlib.suppress(*LEFT):
                client.send(b"u" * (BIG - (2 << 20)))
            with contextlib.suppress(*LEFT):
                client.reply(method="POST")
        rows = [
            town.proxy.wait_for_row(lambda row, n=n: row.url.endswith(f"/up-{n}") and row.outcome != "open")
            for n in range(3)
        ]
        states = {told.text("state") for told in town.proxy.told if told.kind == "store"}
        seen = town.inside.requests_below("/up-")

    assert [None] * 3 == [each.body_sha256 for each in seen]
    assert ["failed"] * 3 == [row.outcome[:6] for row in rows]
    assert "gate-closed" not in states


@pytest.mark.parametrize("through", ["decrypted", "tunnel"])
def test_a_download_under_way_stops_when_halted(make_town: MakeTown, through: str) -> None:
    """A long download ends before its end, in a tunnel too."""
    with make_town() as town:
        origin = town.inside if through == "decrypted" else town.login
        ca = town.proxy.ca if through == "decrypted" else town.authority.pem
        got = 0
        with town.client() as client:
            client.connect(origin.host_port)
            client.start_tls(origin.name, ca=ca)
            client.send(f"GET /bytes/{BIG} HTTP/1.1\r\nHost: {origin.host_port}\r\n\r\n".encode())
            got += len(client.read())
            _halt(town)
            with contextlib.suppress(*LEFT):
                while data := client.read():
                    got += len(data)

    assert 0 < got < BIG


@STOPS
@pytest.mark.parametrize("secure", [True, False], ids=["wss", "ws"])
def test_a_websocket_under_way_stops(make_town: MakeTown, stop: Callable[[Town], None], secure: bool) -> None:
    """No message goes to a host that is halted or no longer listed."""
    with make_town() as town:
        with town.websocket(town.inside, secure=secure) as (socket, _):
            socket.send(TextMessage(data="before"))
            socket.receive()
            stop(town)
            with contextlib.suppress(*LEFT):
                socket.send(TextMessage(data="after"))
                socket.receive()
        said = [each.content for each in town.inside.messages if each.kind == "text"]

    assert [b"before"] == said


@STOPS
def test_a_raw_stream_under_way_stops(make_town: MakeTown, stop: Callable[[Town], None]) -> None:
    """No byte goes to a host that is halted or no longer listed."""
    with make_town() as town:
        with town.client() as client:
            client.connect(town.tcp.host_port)
            client.send(b"SSH-2.0-before\r\n")
            town.tcp.wait_for(lambda it: len(it.messages) == 1, "the first bytes")
            stop(town)
            with contextlib.suppress(*LEFT):
                client.send(b"after")
                client.read_until_end()
        said = b"".join(each.content for each in town.tcp.messages)

    assert b"SSH-2.0-before\r\n" == said


@STOPS
@pytest.mark.bypass(54)
def test_a_tunnel_under_way_stops(make_town: MakeTown, stop: Callable[[Town], None]) -> None:
    """No request goes through a tunnel whose host is halted or no longer listed."""
    with make_town() as town:
        with town.client() as client:
            client.connect(town.login.host_port)
            client.start_tls("login.test", ca=town.authority.pem)
            client.request("/before", host=town.login.host_port)
            stop(town)
            with contextlib.suppress(*LEFT):
                client.request("/after", host=town.login.host_port)
        seen = [each.path for each in town.login.requests]

    assert ["/before"] == seen
    assert frozenset() == town.strangers_asked_for


@STOPS
@pytest.mark.bypass(54)
def test_a_kept_alive_connection_stops(make_town: MakeTown, stop: Callable[[Town], None]) -> None:
    """The next request on open connections, plain and TLS, is refused."""
    with make_town() as town, town.tunnel(town.inside) as secure, town.client() as plain:
        secure.request("/before", host=town.inside.host_port)
        plain.request(town.inside.url("/before", scheme="http"), host=town.inside.host_port)
        stop(town)
        for client, target in ((secure, "/after"), (plain, town.inside.url("/after", scheme="http"))):
            with contextlib.suppress(*LEFT):
                client.request(target, host=town.inside.host_port)
        seen = [each.path for each in town.inside.requests]

    assert ["/before", "/before"] == seen
    assert frozenset() == town.strangers_asked_for


# What two readers could read in two ways: whatever the origin makes of it, each request is on record

HIDDEN = "GET /hidden-{mark} HTTP/1.1\r\nHost: {out}\r\n\r\n"
SHAPES = [
    "POST {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nTransfer-Encoding: chunked\r\n"
    "Content-Length: 6\r\n\r\n0\r\n\r\n",
    "POST {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "POST {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "POST {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "POST {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "POST {at}/s-{mark} HTTP/1.0\r\nHost: {in}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nContent-Length: 0\r\nContent-Length: 60\r\n\r\n",
    "POST {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nContent-Length: 0,60\r\n\r\n",
    "POST {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nContent-Length: -1\r\n\r\n",
    "POST {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nContent-Length: 0x10\r\n\r\n",
    "POST {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nContent-Length: 1_0\r\n\r\n",
    "POST {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nTransfer-Encoding: chunked\r\n\r\n0;x\r\n\r\n",
    "POST {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nTransfer-Encoding: chunked\r\n\r\n0\n\n",
    "GET {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nX: a\nTransfer-Encoding: chunked\r\n\r\n",
    "GET {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nX: a\rContent-Length: 40\r\n\r\n",
    "GET {at}/s-{mark} HTTP/1.1\nHost: {in}\n\n",
    "GET {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nContent-Length: 0\r\n\r\n",
    "GET {at}/s-{mark} HTTP/0.9\r\nHost: {in}\r\n\r\n",
    "GET {at}/s-{mark}\r\nHost: {in}\r\n\r\n",
    "GET {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nConnection: Upgrade, Host\r\nUpgrade: x\r\n\r\n",
    "GET {at}/s-{mark}\tHTTP/1.1\r\nHost: {in}\r\n\r\n",
    "GET {at}/s-{mark} HTTP/1.1 HTTP/1.1\r\nHost: {in}\r\n\r\n",
    "GET {at}/s-{mark} HTTP/1.1\r\n Host: {out}\r\nHost: {in}\r\n\r\n",
    "GET {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nHost : {out}\r\n\r\n",
    "GET {at}/s-{mark} HTTP/1.1\r\nHost:\r\n\r\n",
    "GET {at}/s-{mark} HTTP/1.1\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TRACE {at}/s-{mark} HTTP/1.1\r\nHost: {in}\r\nMax-Forwards: 0\r\n\r\n",
    "GET * HTTP/1.1\r\nHost: {in}\r\n\r\n",
]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("shape", SHAPES, ids=range(len(SHAPES)))
def test_whatever_the_origin_reads_is_on_record(town: Town, shape: str, scheme: str) -> None:
    """Two requests in one packet, the first of a doubtful shape, the second a stranger's."""
    mark = secrets.token_hex(8)
    at = f"http://{town.inside.host_port}" if scheme == "http" else ""
    text = shape + HIDDEN
    for name, value in (("at", at), ("mark", mark), ("in", town.inside.host_port)):
        text = text.replace(f"{{{name}}}", value)
    text = text.replace("{out}", town.outside.host_port)
    with contextlib.suppress(*LEFT), town.client() as client:
        if scheme == "https":
            client.connect(town.inside.host_port)
            client.start_tls("in.test", ca=town.proxy.ca)
        client.send(text.encode("latin-1"))
        with contextlib.suppress(*LEFT):
            client.reply()
            client.half_close()
        client.read_until_end()
    seen = [each.target.decode("latin-1") for each in town.inside.requests if mark in each.path]
    rows = [
        row.url.split("/", 3)[3] for row in town.proxy.rows() if row.decision != "block" and mark in row.url
    ]

    assert [] == [target for target in seen if target[1:] not in rows]
    assert len(seen) == len(set(seen))
    assert f"/hidden-{mark}" not in seen
    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(55)
def test_a_refused_connect_lends_its_connection_to_nobody(town: Town) -> None:
    """After a CONNECT that was refused at once, so is all that comes on its connection, wherever it leads."""
    statuses = []
    for second in (town.outside, town.inside):
        with town.client() as client:
            statuses += [client.connect("out.test:22").status, client.connect(second.host_port).status]
            client.start_tls("in.test", ca=town.proxy.ca)
            statuses.append(client.request("/lent", host=town.inside.host_port).status)

    assert [403, 200, 403] * 2 == statuses
    assert () == town.inside.requests_for("/lent")
    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(44)
@pytest.mark.parametrize(
    "inner", ["CONNECT {out} HTTP/1.1\r\nHost: {out}\r\n\r\n", "GET http://{out}/ HTTP/1.1\r\n\r\n"]
)
def test_a_connect_inside_a_connect_is_not_obeyed(town: Town, inner: str) -> None:
    """Inside a listed host's CONNECT a second CONNECT, or another host's URL, reaches nobody."""
    before = town.inside.counts.requests
    with town.client() as client:
        client.connect(town.inside.host_port)
        client.send(inner.replace("{out}", town.outside.host_port).encode())
        with contextlib.suppress(*LEFT):
            client.reply()

    assert before == town.inside.counts.requests
    assert UNTOUCHED == town.outside.counts


def test_tls_to_the_proxy_itself_changes_nothing(town: Town) -> None:
    """A client that speaks TLS to the proxy, then CONNECT to a stranger: refused as ever."""
    with town.client() as client, contextlib.suppress(*LEFT):
        client.start_tls("in.test", ca=town.proxy.ca)
        client.connect(town.outside.host_port)
        client.request("/over-tls", host=town.inside.host_port)
    with town.client() as client, contextlib.suppress(*LEFT):
        client.start_tls(None, ca=town.proxy.ca)
        client.request(town.outside.url("/", scheme="http"), host=town.inside.host_port)

    assert () == town.inside.requests_for("/over-tls")
    assert UNTOUCHED == town.outside.counts


def test_a_half_closed_client_is_on_record_or_unheard(town: Town) -> None:
    """Who closes its side at once: what reaches the origin is on record."""
    with town.client() as client:
        url = town.inside.url("/half", scheme="http")
        client.send(f"GET {url} HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
        client.half_close()
        client.read_until_end()
    logged = {row.url for row in town.proxy.rows() if row.decision != "block"}

    assert not town.inside.requests_for("/half") or url in logged


def test_a_chunked_upload_that_turns_bad_midway_stays_here(town: Town) -> None:
    """Chunks that stop being chunks: nothing of the request arrives."""
    with town.tunnel(town.inside) as client:
        head = f"POST /bad-midway HTTP/1.1\r\nHost: {town.inside.host_port}\r\n"
        client.send(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        client.send(b"5\r\nhello\r\nzz\r\nGET /hidden HTTP/1.1\r\n\r\n")
        with contextlib.suppress(*LEFT):
            client.reply(method="POST")

    assert () == town.inside.requests_for("/bad-midway")
    assert () == town.inside.requests_for("/hidden")


@pytest.mark.parametrize(
    "garbage",
    [b"\0" * 4096, b"A" * 4096, b"GET " + b"/" * 4092],
    ids=["zeros", "letters", "long-target"],
)
def test_ten_megabytes_of_garbage_harm_nobody(town: Town, garbage: bytes) -> None:
    """The proxy lives, keeps its memory, and goes on serving."""
    with contextlib.suppress(*LEFT), town.client() as client:
        for _ in range((10 << 20) // len(garbage)):
            client.send(garbage)
    reply = town.curl(town.inside.url("/after-garbage"))

    assert 200 == reply.status
    assert town.proxy.peak_rss_bytes < 300 << 20
    assert UNTOUCHED == town.outside.counts


def test_huge_headers_are_on_record_or_refused(town: Town) -> None:
    """A header of one MB, and fifty thousand small ones."""
    with town.client() as client, contextlib.suppress(*LEFT):
        many = "".join(f"X-{n}: {n}\r\n" for n in range(50_000))
        for number, more in enumerate([f"X: {'x' * (1 << 20)}\r\n", many]):
            url = town.inside.url(f"/huge-{number}", scheme="http")
            client.send(f"GET {url} HTTP/1.1\r\nHost: {town.inside.host_port}\r\n{more}\r\n".encode())
            client.reply()
    logged = {row.url for row in town.proxy.rows() if row.decision != "block"}
    seen = town.inside.requests_below("/huge-")

    assert [] == [each.path for each in seen if town.inside.url(each.path, scheme="http") not in logged]
    assert 200 == town.curl(town.inside.url("/after-huge")).status


@pytest.mark.bypass(28)
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("ending", ["\r", "\0", "\x0b\r"], ids=["cr", "nul", "vt-cr"])
def test_a_header_within_a_header_stays_here(town: Town, scheme: str, ending: str) -> None:
    """A lenient server could read a bare line end as one, and a stranger's Host behind it."""
    mark = secrets.token_hex(8)
    at = f"http://{town.inside.host_port}" if scheme == "http" else ""
    head = f"GET {at}/{mark} HTTP/1.1\r\nHost: {town.inside.host_port}\r\nX: a{ending}Host: out.test\r\n\r\n"
    with town.client() as client, contextlib.suppress(*LEFT):
        if scheme == "https":
            client.connect(town.inside.host_port)
            client.start_tls("in.test", ca=town.proxy.ca)
        client.send(head.encode("latin-1"))
        client.reply()
    row = town.proxy.wait_for_row(lambda row: row.url.endswith(f"/{mark}"))

    assert "block" == row.decision
    assert () == town.inside.requests_for(f"/{mark}")


@pytest.mark.bypass(22)
def test_an_unasked_switch_of_protocols_carries_nothing(town: Town) -> None:
    """A server that answers 101 again and again neither opens a raw stream nor closes the gate."""
    for _ in range(4):
        with contextlib.suppress(*LEFT), town.tunnel(town.inside) as client:
            client.send(f"GET /status/101 HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
            client.send(b"raw bytes after an unasked 101")
            client.read_until_end()

    assert 200 == town.curl(town.inside.url("/after-101")).status
    assert () == tuple(each for each in town.inside.messages if b"raw bytes" in each.content)


# Names that resolve to what must not be dialled


@pytest.fixture
def resolving_proxy(town: Town, tmp_path: Path) -> Iterator[Callable[..., Proxy]]:
    """Starts a proxy for which names resolve as the test says, without --resolve."""
    with contextlib.ExitStack() as stack:

        def start(names: dict[str, Sequence[str]], *, include: Sequence[str]) -> Proxy:
            door = stack.enter_context(FaultDoor(names=names))
            return stack.enter_context(
                Proxy(
                    tmp_path,
                    policy=town.policy_text(more_include=include),
                    upstream_ca=town.authority.pem,
                    program=door.program,
                )
            )

        yield start


@pytest.mark.bypass(29)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_one_forbidden_answer_spoils_them_all(
    town: Town, resolving_proxy: Callable[..., Proxy], scheme: str
) -> None:
    """A listed name of two addresses, one of them loopback without an entry: neither is dialled."""
    port = town.side.port
    entries = [f"two.test:{port}", "one.test:" + str(port), "127.0.0.9:" + str(port)]
    names = {"two.test": ["127.0.0.9", "127.0.0.3"], "one.test": ["127.0.0.9"]}
    proxy = resolving_proxy(names, include=[*entries, f"two.test:{town.outside.port}"])
    with RawClient(proxy.address) as client:
        if scheme == "https":
            client.connect(f"two.test:{town.outside.port}")
            client.start_tls("two.test", ca=proxy.ca)
            reply = client.request("/", host=f"two.test:{town.outside.port}")
        else:
            reply = client.request(
                f"http://two.test:{town.outside.port}/", host=f"two.test:{town.outside.port}"
            )

    assert reply.status in (403, 502)
    assert UNTOUCHED == town.outside.counts
    assert UNTOUCHED == town.side.counts


@pytest.mark.bypass(29)
def test_a_name_that_moves_into_this_machine_is_dialled_no_more(town: Town, tmp_path: Path) -> None:
    """DNS rebinding: allowed by its first answer, then the same name has an address that no entry names."""
    there, port = town.inside.address, town.inside.port
    names, include = {"moves.test": [there]}, [f"http://moves.test:{port}", f"{there}:{port}"]
    statuses = []
    with (
        socket.create_server(("127.0.0.12", port)) as within,
        FaultDoor(names=names) as door,
        Proxy(tmp_path, policy=town.policy_text(more_include=include), program=door.program) as proxy,
    ):
        for address in (there, "127.0.0.12", there):
            door.rename({"moves.test": [address]})
            with RawClient(proxy.address) as client:
                place = f"moves.test:{port}"
                statuses.append(client.request(f"http://{place}/moved", host=place).status)
        within.setblocking(False)
        with pytest.raises(BlockingIOError):
            within.accept()

    assert [200, 502, 200] == statuses
    assert 2 == len(town.inside.requests_for("/moved"))


@pytest.mark.bypass(56)
def test_the_proxys_own_port_in_another_notation_is_not_dialled(
    resolving_proxy: Callable[..., Proxy],
) -> None:
    """A listed name that resolves to this machine as IPv6 writes it: the proxy would ask itself for ever."""
    proxy = resolving_proxy({"home.test": ["::ffff:127.0.0.1"]}, include=["home.test:*", "127.0.0.1:*"])
    place = f"home.test:{proxy.address.rpartition(':')[2]}"
    with RawClient(proxy.address) as client:
        reply = client.request(f"http://{place}/", host=place)
    asked = [row for row in proxy.rows() if row.decision != "block"]

    assert 502 == reply.status
    assert b"is this proxy itself" in reply.body
    assert 1 == len(asked)
