"""Servers that say what they like, when they like: the record has what they were sent, and their answer."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairwitness.model.record import ExchangeRecord
from fairwitness.testing import Authority, RawClient, Town
from fairwitness.testing.scripted import Peer, Scripted

pytestmark = pytest.mark.gate

FIRST, REST = b"u" * (2 << 20), b"v" * (1 << 20)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[Scripted]:
    """One that answers as a test says."""
    with Scripted(authority, address="127.0.0.10") as server:
        yield server


@pytest.fixture(scope="module")
def nobody(authority: Authority) -> Iterator[Scripted]:
    """One that proves no name."""
    with Scripted(authority, "nobody.test", address="127.0.0.11", is_anonymous=True) as server:
        yield server


@pytest.fixture(scope="module")
def certificates(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a client's certificate for another host."""
    folder = tmp_path_factory.mktemp("certificates")
    shutil.copy(authority.leaf(["a tester"]), folder / "in.test.pem")
    return folder


@pytest.fixture(scope="module")
def town(
    authority: Authority,
    server: Scripted,
    nobody: Scripted,
    certificates: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Town]:
    """A town that includes them, has certificates for some servers, and takes every cipher."""
    settings = [f"client_certs={certificates}", "ciphers_server=ALL:@SECLEVEL=0"]
    with Town(
        authority,
        tmp_path_factory.mktemp("crafty"),
        include=lambda _: [server.url("", scheme="http"), server.url(""), nobody.url("")],
        arguments=[
            *(word for each in (server, nobody) for word in ("--resolve", each.resolve)),
            *(word for each in settings for word in ("--set", each)),
        ],
    ) as town:
        yield town


def begin_upload(client: RawClient, town: Town, server: Scripted, path: str) -> None:
    """Send head and first part of an upload inside TLS, and read the early answer."""
    client.connect(server.host)
    client.start_tls(server.name, ca=town.proxy.ca)
    head = f"POST {path} HTTP/1.1\r\nHost: {server.host}\r\nContent-Length: {len(FIRST + REST)}\r\n\r\n"
    client.send(head.encode() + FIRST)
    assert (200, b"ok") == ((reply := client.reply(method="POST")).status, reply.body)


def record_of(town: Town, server: Scripted, path: str) -> ExchangeRecord:
    """What the log has of an upload once its body is told."""
    url = server.url(path)
    row = town.proxy.wait_for_row(
        lambda row: row.url == url and town.proxy.record(row).request_body_sha256 is not None
    )
    return town.proxy.record(row)


@pytest.mark.bypass(73)
def test_what_is_uploaded_after_the_answer_is_on_record(town: Town, server: Scripted) -> None:
    """All of it, with the server's answer; the connection goes on."""

    def answer_at_once(peer: Peer) -> None:
        peer.read_until(b"\r\n\r\n")
        peer.say(ANSWER)
        peer.read_bytes(len(FIRST + REST))
        peer.read_until(b"\r\n\r\n")
        peer.say(ANSWER)

    server.play = answer_at_once
    with town.client() as client:
        begin_upload(client, town, server, "/whole")
        client.send(REST)
        again = client.request("/next", host=server.host)
    record = record_of(town, server, "/whole")

    assert 200 == again.status
    assert (200, "complete") == (record.row.status, record.row.outcome)
    assert hashlib.sha256(FIRST + REST).hexdigest() == record.request_body_sha256
    assert FIRST + REST == record.request_body


@pytest.mark.bypass(73)
@pytest.mark.parametrize("who", ["client", "server"])
def test_what_was_uploaded_until_one_leaves_is_on_record(town: Town, server: Scripted, who: str) -> None:
    """The part that left, with a word that it is not whole; no descriptor stays open."""

    def answer_and_leave(peer: Peer) -> None:
        peer.read_until(b"\r\n\r\n")
        peer.say(ANSWER)
        peer.read_bytes(len(FIRST))
        if who == "client":
            peer.read_to_the_end()

    server.play = answer_and_leave
    with town.client() as client:
        begin_upload(client, town, server, f"/left-by-{who}")
        if who == "server":
            client.read_until_end()
    record = record_of(town, server, f"/left-by-{who}")

    assert (200, "complete") == (record.row.status, record.row.outcome)
    assert FIRST == record.request_body
    assert [value for name, value in record.meta if name == "failure"]


@pytest.mark.bypass(73)
def test_a_second_answer_during_an_upload_is_no_fault(town: Town, server: Scripted) -> None:
    """What comes behind the answer belongs to no request: the upload goes on."""

    def answer_twice(peer: Peer) -> None:
        if not peer.read_until(b"\r\n\r\n"):
            return
        peer.say(ANSWER)
        if b"/twice" in peer.came:
            peer.read_bytes(len(FIRST))
            peer.say(ANSWER.replace(b"ok", b"no"))
            peer.read_to_the_end()

    server.play = answer_twice
    with town.client() as client:
        begin_upload(client, town, server, "/twice")
        client.send(REST)
        again = client.request("/another", host=server.host)
    record = record_of(town, server, "/twice")

    assert (200, b"ok") == (again.status, again.body)
    assert FIRST + REST == record.request_body
    assert [] == [told.text("reason") for told in town.proxy.told if told.text("state") == "warning"]


@pytest.mark.bypass(78)
def test_a_server_that_asks_for_a_certificate_is_shown_its_own_only(
    town: Town, server: Scripted, authority: Authority, certificates: Path
) -> None:
    """The file that is named after it, and none before there is one."""

    def answer(peer: Peer) -> None:
        peer.read_until(b"\r\n\r\n")
        peer.say(ANSWER)

    server.play = answer
    statuses = [town.curl(server.url("/who-are-you")).status]
    shutil.copy(authority.leaf(["a tester"]), certificates / f"{server.name}.pem")
    statuses.append(town.curl(server.url("/who-are-you")).status)

    assert [200, 200] == statuses
    assert [False, True] == [peer.has_certificate for peer in server.peers if b"/who-are-you" in peer.came]


@pytest.mark.bypass(79)
def test_a_server_without_a_certificate_gets_no_request(town: Town, nobody: Scripted) -> None:
    """Some ciphers need none, and then there is nothing to verify."""
    reply = town.curl(nobody.url("/to-nobody"))
    row = town.proxy.wait_for_row(lambda row: row.url == nobody.url("/to-nobody") and row.outcome != "open")

    assert 502 == reply.status
    assert b"has shown none" in reply.body
    assert row.outcome.startswith("failed")
    assert nobody.accepts > 0
    assert [] == [peer.came for peer in nobody.peers if peer.came]
