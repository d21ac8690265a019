"""Every name that a request carries is checked: one that lies takes the request down with it."""

from __future__ import annotations

import random

import pytest

from fairwitness.testing import Counts, Disconnected, RawClient, Town, is_blocked

pytestmark = pytest.mark.gate

UNTOUCHED = Counts(0, 0, 0)
OUTSIDE_LITERALS = [
    "127.0.0.3",
    "127.0.0.3.",
    "127.3",
    "127.0.3",
    "2130706435",
    "017700000003",
    "0177.0.0.3",
    "0x7f000003",
    "0X7F.0.0.3",
    "0x7f.3",
    "[::ffff:127.0.0.3]",
    "[::ffff:7f00:3]",
    "[::FFFF:127.0.0.3]",
    "[0:0:0:0:0:ffff:7f00:0003]",
    "[::127.0.0.3]",
    "[64:ff9b::127.0.0.3]",
    "127。0。0。3",
    "１２７.0.0.3",
]


@pytest.mark.bypass(30)
@pytest.mark.parametrize("literal", OUTSIDE_LITERALS)
def test_an_address_in_any_notation_is_a_stranger(town: Town, literal: str) -> None:
    """However an unlisted address is written, over http and CONNECT, it is not dialled."""
    authority = f"{literal}:{town.outside.port}".encode()
    with town.client() as client:
        client.send(b"GET http://%b/ HTTP/1.1\r\nHost: %b\r\n\r\n" % (authority, authority))
        plain = _status(client)
    with town.client() as client:
        client.send(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (authority, authority))
        status = _status(client, method="CONNECT")
        if status == 200:
            client.send(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % authority)
            status = _status(client)

    assert plain in (0, 400, 403)
    assert status in (0, 400, 403)
    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(31)
@pytest.mark.parametrize("spelling", ["OUT.test", "out.test.", "oUT.tEST."])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_other_spellings_of_a_stranger_are_strangers(town: Town, scheme: str, spelling: str) -> None:
    """Case and a trailing dot do not help."""
    reply = town.curl(town.outside.url("/", scheme=scheme, host=spelling))

    assert is_blocked(reply)
    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(32)
@pytest.mark.parametrize(
    "target",
    [
        "http://in.test@{out}/",
        "http://{in}@{out}/",
        "http://in.test:x@{out}/",
        "http://{out}\\@{in}/",
        "http://{out}#@{in}/",
        "http://{out}?@{in}/",
        "http://{in}#@{out}/",
        "http://in.test%2f@{out}/",
        "http://{out};@{in}/",
        "http://{in}\\.{out}/",
        "http://in.test\t.{out}/",
        "http:/{out}/",
        "http:{out}/",
        "//{out}/",
        "http://in.test%00.{out}/",
    ],
)
def test_no_way_of_writing_a_url_reaches_a_stranger(town: Town, target: str) -> None:
    """User names, back-slashes, fragments and missing slashes in the target are judged or refused."""
    before = town.inside.counts.requests
    target = target.replace("{in}", town.inside.host_port).replace("{out}", town.outside.host_port)
    with town.client() as client:
        client.send(f"GET {target} HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
        status = _status(client)

    assert UNTOUCHED == town.outside.counts
    assert status in (0, 400, 403) or town.inside.counts.requests == before + 1


@pytest.mark.bypass(32)
@pytest.mark.parametrize("named", ["in.test@{out}", "{in}@{out}", "{out}/{in}", "{in} {out}", "{out},{in}"])
def test_no_way_of_writing_a_connect_reaches_a_stranger(town: Town, named: str) -> None:
    """The same inside the authority of CONNECT."""
    before = town.inside.counts.requests
    named = named.replace("{in}", town.inside.host_port).replace("{out}", town.outside.host_port)
    with town.client() as client:
        client.send(f"CONNECT {named} HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
        status = _status(client, method="CONNECT")
        if status == 200:
            client.send(f"GET / HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
            status = _status(client)

    assert status in (0, 400, 403)
    assert (before, UNTOUCHED) == (town.inside.counts.requests, town.outside.counts)


@pytest.mark.bypass(76)
@pytest.mark.parametrize("framing", [("Content-Length", "500"), ("Transfer-Encoding", "chunked")])
def test_a_connect_with_a_body_is_refused(town: Town, framing: tuple[str, str]) -> None:
    """Its bytes would be taken for what comes inside, without the body's framing; an empty one is none."""
    before = town.inside.counts
    inner = f"GET /in-a-body HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n"
    with town.client() as client:
        refused = client.connect(town.inside.host_port, headers=[framing])
        client.send(f"{len(inner):x}\r\n{inner}\r\n0\r\n\r\n".encode())
        client.half_close()
        client.read_until_end()
    with town.client() as client:
        empty = client.connect(town.inside.host_port, headers=[("Content-Length", "0")])

    assert is_blocked(refused)
    assert before.requests == town.inside.counts.requests
    assert () == town.inside.requests_for("/in-a-body")
    assert 200 == empty.status


@pytest.mark.bypass(9)
def test_another_server_name_than_connect_is_blocked(town: Town) -> None:
    """CONNECT to a listed host with a stranger's SNI: 403 inside TLS, and neither origin hears of it."""
    before = town.inside.counts
    with town.tunnel(town.inside, sni="out.test") as client:
        reply = client.request("/", host=town.inside.host_port)

    assert is_blocked(reply)
    assert (before.hellos, before.requests) == town.inside.counts[1:]
    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(11)
def test_a_strangers_connect_is_not_vouched_for_by_sni_and_host(town: Town) -> None:
    """CONNECT to a stranger with a listed SNI and Host is blocked."""
    with town.tunnel(town.outside, sni="in.test") as client:
        reply = client.request("/", host=town.inside.host_port)

    assert is_blocked(reply)
    assert UNTOUCHED == town.outside.counts


def test_a_stranger_without_server_name_is_blocked(town: Town) -> None:
    """CONNECT to a stranger, and TLS without SNI."""
    with town.tunnel(town.outside, sni=None) as client:
        reply = client.request("/", host=town.outside.host_port)

    assert is_blocked(reply)
    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(11)
def test_an_address_is_not_vouched_for_by_sni_and_host(town: Town) -> None:
    """CONNECT to an unlisted address with a listed SNI and Host is blocked."""
    with town.tunnel(town.outside, connect=f"127.0.0.3:{town.outside.port}", sni="in.test") as client:
        reply = client.request("/", host=town.inside.host_port)

    assert is_blocked(reply)
    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(8)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_strangers_host_header_is_blocked(town: Town, scheme: str) -> None:
    """The right destination with a stranger's Host header (domain fronting) is not released."""
    before = town.inside.counts.requests
    if scheme == "https":
        with town.tunnel(town.inside) as client:
            reply = client.request("/", host=town.outside.host_port)
    else:
        with town.client() as client:
            reply = client.request(town.inside.url("/", scheme="http"), host=town.outside.host_port)

    assert is_blocked(reply)
    assert before == town.inside.counts.requests
    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(13)
def test_a_listed_host_header_does_not_open_a_stranger(town: Town) -> None:
    """A stranger's URL with a listed Host header is blocked."""
    with town.client() as client:
        reply = client.request(town.outside.url("/", scheme="http"), host=town.inside.host_port)

    assert is_blocked(reply)
    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(10)
@pytest.mark.parametrize("target", ["https://{out}/", "http://{out}/"])
def test_absolute_form_inside_a_tunnel_is_blocked(town: Town, target: str) -> None:
    """A stranger's URL in the request line of a listed host's tunnel is not passed on."""
    before = town.inside.counts.requests
    target = target.replace("{out}", town.outside.host_port)
    with town.tunnel(town.inside) as client:
        reply = client.request(target, host=town.inside.host_port)

    assert is_blocked(reply)
    assert (before, UNTOUCHED) == (town.inside.counts.requests, town.outside.counts)


@pytest.mark.bypass(13)
def test_a_second_request_elsewhere_on_one_connection_is_blocked(town: Town) -> None:
    """On a kept-alive proxy connection each request is judged by itself, whatever its Host says."""
    with town.client() as client:
        first = client.request(town.inside.url("/first", scheme="http"), host=town.inside.host_port)
        second = client.request(town.outside.url("/", scheme="http"), host=town.inside.host_port)

    assert 200 == first.status
    assert is_blocked(second)
    assert UNTOUCHED == town.outside.counts


def test_a_block_does_not_end_a_kept_alive_connection(town: Town) -> None:
    """After a block, the next listed request on the same connection passes."""
    with town.client() as client:
        first = client.request(town.outside.url("/", scheme="http"), host=town.outside.host_port)
        second = client.request(town.inside.url("/second", scheme="http"), host=town.inside.host_port)

    assert is_blocked(first)
    assert 200 == second.status


@pytest.mark.bypass(47)
def test_pipelined_requests_are_judged_one_by_one(town: Town) -> None:
    """Two requests in one segment: the listed one passes, the stranger's does not."""
    path = "/pipelined"
    listed = f"GET {town.inside.url(path, scheme='http')} HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n"
    strange = f"GET {town.outside.url('/', scheme='http')} HTTP/1.1\r\nHost: {town.outside.host_port}\r\n\r\n"
    with town.client() as client:
        client.send((listed + strange).encode())
        first, second = client.reply(), client.reply()

    assert 200 == first.status
    assert is_blocked(second)
    assert UNTOUCHED == town.outside.counts


@pytest.mark.bypass(46)
@pytest.mark.parametrize("order", ["in-out", "out-in"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_two_host_headers_are_not_released(town: Town, scheme: str, order: str) -> None:
    """Of two Host headers one could win at the server: neither is believed."""
    before = town.inside.counts.requests
    hosts = [town.inside.host_port, town.outside.host_port]
    if order == "out-in":
        hosts.reverse()
    target = "/" if scheme == "https" else town.inside.url("/", scheme="http")
    head = f"GET {target} HTTP/1.1\r\nHost: {hosts[0]}\r\nHost: {hosts[1]}\r\n\r\n".encode()
    with town.client() as client:
        if scheme == "https":
            client.connect(town.inside.host_port)
            client.start_tls("in.test", ca=town.proxy.ca)
        client.send(head)
        status = _status(client)

    assert status in (0, 400, 403)
    assert (before, UNTOUCHED) == (town.inside.counts.requests, town.outside.counts)


@pytest.mark.bypass(20, 22)
@pytest.mark.parametrize("protocol", ["h2c", "TLS/1.0", "irc", "h2c, websocket"])
def test_no_upgrade_but_websocket_reaches_the_server(town: Town, protocol: str) -> None:
    """An upgrade would put bytes on the wire that nobody judges: it is stripped or the request refused."""
    path = f"/upgrade-{protocol.replace(', ', '-')}"
    with town.tunnel(town.inside) as client:
        client.request(
            path,
            host=town.inside.host_port,
            headers=[
                ("Connection", "Upgrade, HTTP2-Settings"),
                ("Upgrade", protocol),
                ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"),
            ],
        )

    assert [] == [seen for seen in town.inside.requests_for(path) if seen.header("upgrade")]


@pytest.mark.bypass(70)
def test_only_a_websocket_is_taken_for_one(town: Town) -> None:
    """Of two Upgrade headers the server may take either; by another method than GET it is a plain request."""
    ways = [
        ("GET", [("Upgrade", "h2c"), ("Upgrade", "websocket")]),
        ("GET", [("Upgrade", "websocket"), ("Upgrade", "")]),
        ("POST", [("Upgrade", "websocket")]),
    ]
    with town.tunnel(town.inside) as client:
        replies = [
            client.request(
                "/as-websocket",
                host=town.inside.host_port,
                method=method,
                headers=[("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"), *headers],
            )
            for method, headers in ways
        ]

    assert all(map(is_blocked, replies))
    assert () == town.inside.requests_for("/as-websocket")


@pytest.mark.bypass(28)
@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 4\r\nContent-Length: 40\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Content-Length: +4\r\n",
    ],
)
def test_a_smuggled_request_is_not_released(town: Town, framing: str) -> None:
    """Framing that two servers could read in two ways does not leave, and is on record."""
    mark = framing.encode().hex()[:99]
    hidden = f"GET /hidden HTTP/1.1\r\nHost: {town.outside.host_port}\r\n\r\n"
    head = f"POST /smuggle HTTP/1.1\r\nHost: {town.inside.host_port}\r\n{framing}\r\n0\r\n\r\n{hidden}"
    with town.tunnel(town.inside) as client:
        client.send(head.replace("/smuggle", f"/smuggle-{mark}").encode())
        _status(client)
    row = town.proxy.wait_for_row(lambda row: row.url.endswith(f"/smuggle-{mark}"))

    assert "block" == row.decision
    assert () == town.inside.requests_for("/hidden")
    assert () == town.inside.requests_for(f"/smuggle-{mark}")


@pytest.mark.parametrize("seed", range(4))
def test_mutated_requests_open_nothing_and_close_nothing(town: Town, seed: int) -> None:
    """Bytes put in, taken out or doubled reach no stranger, and the gate stays open for honest requests."""
    chance = random.Random(seed)
    inside, outside = town.inside.host_port, town.outside.host_port
    templates = [
        f"GET http://{outside}/ HTTP/1.1\r\nHost: {inside}\r\n\r\n",
        f"GET http://{inside}@{outside}/ HTTP/1.1\r\nHost: {inside}\r\nX-A: b\r\n\r\n",
        f"CONNECT {outside} HTTP/1.1\r\nHost: {inside}\r\n\r\nGET / HTTP/1.1\r\nHost: {inside}\r\n\r\n",
        f"CONNECT {inside} HTTP/1.1\r\nHost: {inside}\r\n\r\nGET http://{outside}/ HTTP/1.1\r\n"
        f"Host: {outside}\r\n\r\n",
        f"POST / HTTP/1.1\r\nHost: {outside}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ]
    for _ in range(100):
        mutated = bytearray(chance.choice(templates).encode())
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(mutated))
            piece = bytes(mutated[at : at + chance.randint(1, 6)])
            byte = chance.choice(b"\0\t\r\n /:@#?%\\[].\x7f\x80\xff0aA")
            mutated[at : at + chance.randint(0, 2)] = chance.choice([bytes([byte]), piece * 2, b""])
        with town.client() as client:
            client.send(bytes(mutated))
            client.half_close()
            client.read_until_end()

    assert UNTOUCHED == town.outside.counts
    assert 200 == town.curl(town.inside.url("/still-open")).status


def _status(client: RawClient, *, method: str = "GET") -> int:
    """0 where the proxy ended the connection instead of answering."""
    try:
        return client.reply(method=method).status
    except Disconnected:
        return 0
