"""What mitmproxy stumbles over: trailers, 1xx, malformed answers.  Nobody hangs, and the record is there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fairwitness.evidence import Reader
from fairwitness.model.record import ExchangeRecord, LogFilter
from fairwitness.testing import Answer, Disconnected, Http2Client, RawClient, Reply, Town
from fairwitness.testing.hang_up import HangUp, When
from fairwitness.testing.soak.errands import rough
from fairwitness.testing.soak.errands.rough import ANSWERS

pytestmark = pytest.mark.gate


@pytest.fixture(autouse=True, scope="module")
def rough_town(town: Town) -> None:
    """The town, whose inside can answer badly."""
    town.inside.behave("rough", rough)


@pytest.fixture
def client(town: Town) -> Iterator[RawClient]:
    """A connection inside TLS."""
    with town.tunnel(town.inside) as client:
        yield client


def record_of(town: Town, path: str) -> ExchangeRecord:
    """What the log has of an exchange that has ended."""
    url = town.inside.url(path)
    return town.proxy.record(town.proxy.wait_for_row(lambda row: row.url == url and row.outcome != "open"))


@pytest.mark.bypass(27)
def test_trailers_of_an_answer_reach_the_client_and_the_record(town: Town, client: RawClient) -> None:
    """The body, then the trailers, as the server sent them; words of them are found in the log."""
    client.send(f"GET /rough/trailers HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
    said = b""
    while not said.endswith(b"X-Sum: 1\r\n\r\n"):
        said += client.read() or pytest.fail(f"it ended after {said!r}")
    record = record_of(town, "/rough/trailers")
    with Reader.open(town.proxy.evidence) as reader:
        found = [row.exchange for row in reader.exchanges(LogFilter(words=("X-Sum: 1",)))]

    assert said.endswith(b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")
    assert ("complete", b"hello") == (record.row.outcome, record.response_body)
    assert ((b"X-Sum", b"1"),) == record.response_trailers
    assert record.row.exchange in found


@pytest.mark.bypass(27)
@pytest.mark.parametrize("is_inside", [True, False])
def test_trailers_of_an_upload_leave_and_are_on_record(town: Town, is_inside: bool) -> None:
    """An upload in chunks with trailers arrives; its trailers are found in the log."""
    path = f"/trailed-{is_inside}"
    with town.tunnel(town.inside) if is_inside else town.client() as client:
        target = path if is_inside else town.inside.url(path, scheme="http")
        head = (
            f"POST {target} HTTP/1.1\r\nHost: {town.inside.host_port}\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        client.send(f"{head}3\r\nabc\r\n0\r\nX-Trail: {is_inside}-trail\r\n\r\n".encode())
        reply = client.reply(method="POST")
        again = client.request(target + "-next", host=town.inside.host_port)
    with Reader.open(town.proxy.evidence) as reader:
        found = [row.url for row in reader.exchanges(LogFilter(words=(f"{is_inside}-trail",)))]

    assert (200, 200) == (reply.status, again.status)
    seen = town.inside.requests_for(path)[0]
    assert 3 == seen.body_bytes
    assert [f"{is_inside}-trail".encode()] == [value for _, value in seen.trailers]
    assert [True] == [url.endswith(path) for url in found]


@pytest.mark.bypass(26)
@pytest.mark.parametrize("name", ["early-hints", "hints-in-one-piece", "unasked-continue"])
def test_an_answer_behind_informational_ones_is_the_answer(town: Town, client: RawClient, name: str) -> None:
    """The client gets the 200, and so does the record, which tells what came before it."""
    path = f"/rough/{name}"
    reply = client.request(path, host=town.inside.host_port)
    record = record_of(town, path)
    announced = {"early-hints": "103", "hints-in-one-piece": "102 103", "unasked-continue": "100"}[name]

    assert (200, b"hi") == (reply.status, reply.body)
    assert (200, "complete", b"hi") == (record.row.status, record.row.outcome, record.response_body)
    assert ("announced", announced) in record.meta


def test_an_answer_that_is_only_announced_fails(town: Town, client: RawClient) -> None:
    """The client is told, and the record says what came."""
    reply = client.request("/rough/only-hints", host=town.inside.host_port)
    record = record_of(town, "/rough/only-hints")

    assert 502 == reply.status
    assert record.row.outcome.startswith("failed")
    assert "(after 103)" in record.row.outcome


def test_an_answer_that_is_announced_without_end_is_given_up(town: Town, client: RawClient) -> None:
    """A server that sends one 103 after the other does not keep its client for ever."""
    town.inside.put("/endless", "", answer=Answer(is_raw=True, body=ANSWERS["only-hints"][0] * 100))
    reply = client.request("/endless", host=town.inside.host_port)
    record = record_of(town, "/endless")

    assert 502 == reply.status
    assert "again and again" in record.row.outcome


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_no_rough_answer_hangs_its_client_or_stays_open(town: Town, name: str) -> None:
    """Whatever a server says, the client gets an answer or an end, and so does the record."""
    path = f"/rough/{name}?all"
    with town.client() as client:
        reply = _try(client, town.inside.url(path, scheme="http"), town.inside.host_port)
        row = town.proxy.wait_for_row(
            lambda row: row.url == town.inside.url(path, scheme="http") and row.outcome != "open"
        )

    assert reply is None or reply.status >= 200 or "upgrade" in name
    assert row.outcome == "complete" or row.outcome.startswith("failed")
    assert "NotImplementedError" not in "".join(told.text("reason") for told in town.proxy.told)


@pytest.mark.parametrize("alpn", ["http/1.1", "h2"])
@pytest.mark.parametrize("when", When)
def test_a_server_that_hangs_up_hangs_nobody(town: Town, when: When, alpn: str) -> None:
    """At whichever moment it goes, by FIN or RST: every request is answered or ended, and on record."""
    for is_reset in (False, True):
        paths = [
            f"/gone-{alpn}-{when.name}-{is_reset}-{number}" for number in range(12 if alpn == "h2" else 1)
        ]
        town.inside.hangs_up = HangUp(when, is_reset)
        try:
            statuses = _ask(town, alpn, paths)
        finally:
            town.inside.hangs_up = None
        rows = [record_of(town, path).row for path in paths]

        assert set(statuses) <= {0, 502}
        assert all(row.outcome.startswith("failed") or row.clause == "unreachable" for row in rows)


def _ask(town: Town, alpn: str, paths: list[str]) -> list[int]:
    """The statuses of requests inside a CONNECT; with HTTP/2 they are sent all at once."""
    with town.client() as client:
        before = town.inside.counts.accepts
        client.connect(town.inside.host_port)
        town.inside.wait_for(lambda it: it.counts.accepts > before, "the dial")
        agreed = client.start_tls("in.test", ca=town.proxy.ca, alpn=(alpn, "http/1.1"))
        if agreed == "h2":
            http = Http2Client(client)
            streams = [http.start(path, authority=town.inside.host_port) for path in paths]
            return [http.reply(stream).status for stream in streams]
        return [client.request(path, host=town.inside.host_port).status for path in paths]


def _try(client: RawClient, url: str, host: str) -> Reply | None:
    try:
        return client.request(url, host=host)
    except Disconnected:
        return None
