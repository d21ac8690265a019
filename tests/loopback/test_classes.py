"""The other lists: load keeps nothing personal, raw TCP needs host and port, addresses are guarded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from wsproto.events import TextMessage

from fairwitness.model.record import ExchangeRow
from fairwitness.testing import GREETING, Authority, Counts, Origin, Town

pytestmark = pytest.mark.gate

MakeOrigin = Callable[..., Origin]
SECRETS = (b"cookie-9f27", b"bearer-1c55", b"query-77aa", b"body-e1d0", b"origin-secret", b"message-40b2")


def test_a_load_host_is_reached_without_identification(
    town: Town, row_of: Callable[[str], ExchangeRow]
) -> None:
    """What pages load from elsewhere passes, and strangers do not learn who tests."""
    url = town.cdn.url("/library.js")

    reply = town.curl(url)

    assert 200 == reply.status
    assert ("allow", "load") == (row_of(url).decision, row_of(url).scope_list)
    assert town.cdn.requests_for("/library.js")[0].header("x-bug-bounty") is None


def test_nothing_personal_of_a_load_host_is_stored(town: Town) -> None:
    """Bodies, credentials and query values of a load host are nowhere in the evidence folder."""
    with town.tunnel(town.cdn) as client:
        reply = client.request(
            "/sign-in?token=query-77aa",
            host=town.cdn.host_port,
            method="POST",
            headers=[("Cookie", "a=cookie-9f27"), ("Authorization", "Bearer bearer-1c55")],
            body=b"password=body-e1d0",
        )
    row = town.proxy.wait_for_row(
        lambda row: "/sign-in" in row.url and row.scope_list == "load" and row.outcome == "complete"
    )
    record = town.proxy.record(row)
    stored = b"".join(
        [
            record.request_line,
            *(name + value for name, value in (*record.request_headers, *record.response_headers)),
            row.url.encode(),
            _everything(town.proxy.evidence),
        ]
    )

    seen = town.cdn.requests_for("/sign-in")[0]
    assert 200 == reply.status
    assert ("a=cookie-9f27", b"password=body-e1d0") == (seen.header("cookie"), seen.body)
    assert (None, None) == (record.request_body, record.response_body)
    assert (18, seen.body_sha256) == (record.request_body_bytes, record.request_body_sha256)
    assert [] == [secret for secret in SECRETS if secret in stored]


def test_messages_of_a_load_host_are_not_stored(town: Town) -> None:
    """A WebSocket to a load host passes; its messages' content stays out of the log."""
    with town.websocket(town.cdn, secure=True) as (socket, reply):
        socket.send(TextMessage(data="message-40b2"))
        echo = socket.receive()
    row = town.proxy.wait_for_row(
        lambda row: row.url.startswith("wss://cdn.test") and row.outcome == "complete"
    )

    record = town.proxy.record(row)
    assert (101, b"message-40b2") == (reply.status, echo.content)
    assert [] == [m for m in record.messages if b"40b2" in m.content]
    assert b"message-40b2" not in _everything(town.proxy.evidence)


def test_raw_tcp_passes_where_an_entry_names_host_and_port(town: Town) -> None:
    """A server that speaks first is heard, the echo comes, and both are in the log."""
    with town.client() as client:
        opened = client.connect(town.tcp.host_port)
        client.send(b"SSH-2.0-client\r\n")
        received = client.read()
        while b"client" not in received:
            received += client.read()

    row = town.proxy.wait_for_row(lambda row: row.method == "TCP" and row.outcome == "complete")
    record = town.proxy.record(row)
    sent = b"".join(m.content for m in record.messages if m.direction == "sent")
    answered = b"".join(m.content for m in record.messages if m.direction == "received")
    assert 200 == opened.status
    assert GREETING + b"SSH-2.0-client\r\n" == received
    assert (b"SSH-2.0-client\r\n", received) == (sent, answered)
    assert ("allow", "include") == (row.decision, row.scope_list)


@pytest.mark.bypass(29)
def test_a_name_that_resolves_to_this_machine_is_refused(
    make_town: Callable[..., Town], make_origin: MakeOrigin
) -> None:
    """A listed name whose address is loopback is not dialled: no --resolve and no address entry says so."""
    local = make_origin("localhost", address="127.0.0.1")
    with make_town(include=lambda town: ["localhost:*", f"localhost:{local.port}"]) as town:
        replies = [town.curl(local.url("/guarded", scheme=scheme)) for scheme in ("http", "https")]
        with town.client() as client:
            if client.connect(local.host_port).status == 200:
                client.send(b"SSH-2.0-x\r\n")
                client.read_until_end()
        row = town.proxy.wait_for_row(lambda row: "/guarded" in row.url)

    assert {reply.status for reply in replies} <= {403, 502}
    assert any(b"127.0.0.1" in reply.body for reply in replies)
    assert Counts(0, 0, 0) == local.counts
    assert 200 != row.status


def test_a_request_whose_address_was_refused_is_recorded_as_not_sent(
    make_town: Callable[..., Town], make_origin: MakeOrigin
) -> None:
    """It was let go before its name was looked up: log and client are told that it went nowhere."""
    local = make_origin("localhost", address="127.0.0.1")
    with make_town(include=lambda town: ["localhost:*"]) as town:
        reply = town.curl(local.url("/nowhere", scheme="http"))
        row = town.proxy.wait_for_row(lambda row: row.outcome.startswith("failed"))

    refused = "localhost resolves to 127.0.0.1, which is loopback; in a lab of your own, list 127.0.0.1"
    assert row.outcome.startswith(f"failed: not sent: {refused}")
    assert refused.encode() in reply.body
    assert Counts(0, 0, 0) == local.counts


@pytest.fixture(scope="module")
def home(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town whose policy lists this machine's own addresses."""
    listed = ["localhost:*", "127.0.0.0/8", "127.0.0.1:*", "127.0.0.11:*"]
    with Town(authority, tmp_path_factory.mktemp("home"), include=lambda town: listed) as town:
        yield town


def test_an_address_entry_lifts_the_guard(home: Town, make_origin: MakeOrigin) -> None:
    """Whoever lists the loopback address itself may reach the listed name there."""
    local = make_origin("localhost", address="127.0.0.1")
    reply = home.curl(local.url("/lifted"))

    assert 200 == reply.status
    assert 1 == len(local.requests_for("/lifted"))


@pytest.mark.parametrize("literal", ["127.0.0.11", "127.11", "2130706443", "0x7f.11"])
def test_a_listed_address_is_reached_in_any_notation(
    home: Town, make_origin: MakeOrigin, literal: str
) -> None:
    """Notations of one address are one host, also for what is allowed."""
    local = make_origin("127.0.0.11", address="127.0.0.11")
    with home.client() as client:
        reply = client.request(f"http://{literal}:{local.port}/n", host=f"{literal}:{local.port}")

    assert 200 == reply.status
    assert 1 == len(local.requests_for("/n"))


@pytest.mark.bypass(56)
def test_the_proxys_own_port_is_never_dialled(home: Town) -> None:
    """Even a listed address does not make the proxy talk to itself."""
    reply = home.curl(f"http://{home.proxy.address}/")
    with home.client() as client:
        opened = client.connect(home.proxy.address)
        inner = client.request("/", host=home.proxy.address) if opened.status == 200 else opened

    assert reply.status in (403, 502)
    assert inner.status in (403, 502)


@pytest.mark.bypass(53)
def test_a_wrong_certificate_gets_no_request(make_town: Callable[..., Town], make_origin: MakeOrigin) -> None:
    """A server that cannot prove its name sees a handshake and no request."""
    local = make_origin("somebody-else.test", address="127.0.0.11")
    resolve = f"claimed.test:{local.port}:127.0.0.11"
    with make_town(include=lambda town: ["claimed.test:*"], arguments=["--resolve", resolve]) as town:
        reply = town.curl(local.url("/", host="claimed.test"))

    assert reply.status in (0, 502)
    assert 0 == local.counts.requests


def test_a_closed_window_lets_nothing_out(make_town: Callable[..., Town]) -> None:
    """Outside of the permitted dates every listed host is blocked before it is dialled."""
    with make_town(window={"from": "2020-01-01", "until": "2020-12-31"}) as town:
        replies = [town.curl(town.inside.url("/", scheme=scheme)) for scheme in ("http", "https")]
        with town.client() as client:
            client.connect(town.inside.host_port)
        counts = town.inside.counts

    assert [403, 403] == [reply.status for reply in replies]
    assert Counts(0, 0, 0) == counts


def _everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
