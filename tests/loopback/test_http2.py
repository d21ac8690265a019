"""HTTP/2 through the gate: each stream is judged by itself (mitmproxy 12; with 11 no HTTP/2 is offered)."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h11
import pytest

from fairwitness.evidence import Reader
from fairwitness.model.record import LogFilter
from fairwitness.testing import PATIENCE_S, Counts, Disconnected, Http2Client, RawClient, Town, is_blocked
from fairwitness.testing.bench.amounts.http2 import (
    continuations,
    empty_continuations,
    empty_data,
    header_bombs,
    long_head,
    rapid_resets,
    unknown_frame,
    unread_answer,
    waiting_resets,
)
from fairwitness.testing.deaf import mute
from fairwitness.testing.hang_up import HangUp, When
from fairwitness.testing.soak.vitals import forget_peak, peak_bytes, resident_bytes

pytestmark = pytest.mark.gate

UNTOUCHED = Counts(0, 0, 0)


@pytest.mark.bypass(12)
@pytest.mark.parametrize("named", ["out.test", "{out}", "OUT.test.:443", "127.0.0.3"])
def test_a_streams_strange_authority_is_blocked_and_the_others_live(town: Town, named: str) -> None:
    """On one HTTP/2 connection a stranger's :authority gets 403; streams beside and after it finish."""
    named = named.replace("{out}", town.outside.host_port)
    with town.tunnel(town.inside, alpn=("h2",)) as raw:
        client = Http2Client(raw)
        beside = client.start("/bytes/300000", authority=town.inside.host_port)
        strange = client.request("/strange", authority=named)
        after = client.request("/after", authority=town.inside.host_port)
        big = client.reply(beside)

    assert is_blocked(strange)
    assert (200, 200, 300_000) == (after.status, big.status, len(big.body))
    assert () == town.inside.requests_for("/strange")
    assert UNTOUCHED == town.outside.counts


@pytest.mark.parametrize(
    "named", ["in.test@{out}", "{in}@{out}", "{in},{out}", "{out}/", "{in}\0.{out}", " "]
)
def test_an_authority_that_is_none_is_not_released(town: Town, named: str) -> None:
    """A malformed :authority is refused, be it with the connection."""
    named = named.replace("{out}", town.outside.host_port).replace("{in}", town.inside.host_port)
    with town.tunnel(town.inside, alpn=("h2",)) as raw:
        client = Http2Client(raw)
        try:
            status = client.request("/malformed", authority=named).status
        except Disconnected:
            status = 0

    assert status in (0, 400, 403)
    assert () == town.inside.requests_for("/malformed")
    assert UNTOUCHED == town.outside.counts


def test_a_streams_upload_to_a_stranger_does_not_stop_the_others(town: Town) -> None:
    """A body that still comes for a blocked stream is thrown away; other streams finish."""
    with town.tunnel(town.inside, alpn=("h2",)) as raw:
        client = Http2Client(raw)
        strange = client.start("/up", authority="out.test", method="POST", body=b"x" * 60_000)
        after = client.request("/after-up", authority=town.inside.host_port)
        blocked = client.reply(strange)

    assert (403, 200) == (blocked.status, after.status)
    assert () == town.inside.requests_for("/up")


@pytest.mark.bypass(12)
def test_a_streams_strange_host_header_is_blocked(town: Town) -> None:
    """A Host header beside a listed :authority must name a listed host too."""
    with town.tunnel(town.inside, alpn=("h2",)) as raw:
        client = Http2Client(raw)
        stream = client.start(
            "/strange-host", authority=town.inside.host_port, headers=[("host", town.outside.host_port)]
        )
        try:
            status = client.reply(stream).status
        except Disconnected:  # a contradiction within one request may end the connection
            status = 0

    assert status in (0, 400, 403)
    assert () == town.inside.requests_for("/strange-host")


@pytest.mark.parametrize(
    ("path", "outcome"), [("/all-then-wait/a", "complete"), ("/head-then-wait/b", "failed")]
)
def test_a_stream_that_is_reset_when_all_has_come_is_complete(town: Town, path: str, outcome: str) -> None:
    """curl resets a stream when Content-Length is reached; without one nobody knows that all has come."""
    with town.tunnel(town.inside, alpn=("h2",)) as raw:
        client = Http2Client(raw)
        client.reset_after(client.start(path, authority=town.inside.host_port), 1)
        row = town.proxy.wait_for_row(lambda row: row.url.endswith(path) and row.outcome != "open")
    town.inside.release(path[-1])

    assert (outcome, 200, 1) == (row.outcome.partition(":")[0], row.status, row.response_bytes)


@pytest.mark.parametrize("size", [100, 1_500_000])
def test_trailers_leave_only_where_they_are_on_record(town: Town, size: int) -> None:
    """Those of a short upload pass, and are found in the log; those of a long one come too late."""
    path, trailer = f"/trailers-{size}", f"trailer-of-{size}"
    with town.tunnel(town.inside, alpn=("h2",)) as raw:
        client = Http2Client(raw)
        stream = client.start(
            path,
            authority=town.inside.host_port,
            method="POST",
            headers=[("content-length", str(size))],
            body=b"b" * size,
            trailers=[("x-trail", trailer)],
        )
        reply = client.reply(stream)
    seen = town.inside.requests_for(path)[0]
    with Reader.open(town.proxy.evidence) as reader:
        found = [row.url for row in reader.exchanges(LogFilter(words=(trailer,)))]

    assert (200, size) == (reply.status, seen.body_bytes)
    assert len(found) == len(seen.trailers) == (1 if size == 100 else 0)


def test_a_server_that_came_back_is_reached_on_the_same_connection(town: Town) -> None:
    """A dial that failed fails its own streams; what is asked later on the connection is dialled anew."""
    with town.tunnel(town.inside, alpn=("h2",)) as raw:
        client = Http2Client(raw)
        statuses = [client.request("/before", authority=town.inside.host_port).status]
        town.inside.die()
        try:
            statuses += [client.request(f"/away-{n}", authority=town.inside.host_port).status for n in (1, 2)]
        finally:
            town.inside.come_back()
        statuses.append(client.request("/back", authority=town.inside.host_port).status)
        town.inside.die()
        town.inside.come_back()
        town.inside.hangs_up = HangUp(When.AFTER_THE_HELLO, is_reset=False)
        statuses.append(client.request("/in-tls", authority=town.inside.host_port).status)
        town.inside.hangs_up = None
        statuses.append(client.request("/again", authority=town.inside.host_port).status)
    row = town.proxy.wait_for_row(lambda row: row.url.endswith("/away-2") and row.outcome != "open")

    assert [200, 502, 502, 200, 502, 200] == statuses
    assert row.outcome.startswith("failed")


def _answer_one(listener: socket.socket, certificate: Path) -> bytes:
    """Take a connection, speak HTTP/1 on it, answer the first request and give its body."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    http, body = h11.Connection(h11.SERVER), b""
    with listener.accept()[0] as plug, context.wrap_socket(plug, server_side=True) as secure:
        while not isinstance(event := http.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                http.receive_data(secure.recv(1 << 16))
            elif isinstance(event, h11.Data):
                body += event.data
        secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    return body


@pytest.mark.bypass(81)
@pytest.mark.parametrize("trailers", [(), [("x-sum", "1")]])
def test_a_body_without_a_length_is_no_request_to_an_http1_server(
    town: Town, trailers: Sequence[tuple[str, str]]
) -> None:
    """A server that agreed on HTTP/2 comes back with HTTP/1: the body stays the body."""
    hidden = f"GET /hidden HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode()
    with town.tunnel(town.inside, alpn=("h2",)) as raw, ThreadPoolExecutor() as pool:
        client = Http2Client(raw)
        client.request("/before", authority=town.inside.host_port)
        with mute(town.inside) as listener:
            listener.settimeout(PATIENCE_S)
            served = pool.submit(_answer_one, listener, town.inside.certificate)
            stream = client.start(
                "/outer", authority=town.inside.host_port, method="POST", body=hidden, trailers=trailers
            )
            status = client.reply(stream).status

    assert 200 == status
    assert hidden == served.result()


def _answer_and_reset(listener: socket.socket, certificate: Path) -> None:
    """Take a connection, answer its first request at once, say that no more of it is wanted, and read on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2"])
    http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    http.initiate_connection()
    with listener.accept()[0] as plug, context.wrap_socket(plug, server_side=True) as secure:
        while data := secure.recv(1 << 16):
            for event in http.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    http.send_headers(event.stream_id, [(":status", "200")], end_stream=True)
                    http.reset_stream(event.stream_id, error_code=0)
            secure.sendall(http.data_to_send())


@pytest.mark.bypass(73)
def test_what_a_server_no_longer_wants_is_not_on_record_as_sent(town: Town) -> None:
    """It answers an upload and resets the stream: the client gets the answer, the rest stays here."""
    path, upload = "/unwanted", b"u" * (3 << 20)
    with ThreadPoolExecutor() as pool, mute(town.inside) as listener, town.client() as raw:
        served = pool.submit(_answer_and_reset, listener, town.inside.certificate)
        raw.connect(town.inside.host_port)
        raw.start_tls("in.test", ca=town.proxy.ca, alpn=("h2",))
        client = Http2Client(raw)
        pseudo = [(":method", "POST"), (":scheme", "https"), (":authority", town.inside.host_port)]
        stream = client.begin([*pseudo, (":path", path), ("content-length", str(len(upload)))])
        client.upload(stream, upload)
        status = client.reply(stream).status
    served.result()
    row = town.proxy.wait_for_row(
        lambda row: (
            row.url == town.inside.url(path)
            and row.outcome != "open"
            and "failure" in dict(town.proxy.record(row).meta)
        )
    )
    record = town.proxy.record(row)

    assert (200, "complete") == (status, record.row.outcome)
    assert 0 < (record.request_body_bytes or 0) < len(upload)


HELD_BYTES = 20 << 20


class _Upload:
    """An upload of `HELD_BYTES` that is not read, on a connection whose other streams are asked beside it."""

    def __init__(self, town: Town, raw: RawClient, *, method: str, path: str) -> None:
        self._town, self._path = town, path
        self._client, self._authority = Http2Client(raw), town.inside.host_port
        self._client.request("/free", authority=self._authority)
        self._before = resident_bytes(town.proxy.pid)
        pseudo = [(":method", method), (":scheme", "https"), (":authority", self._authority)]
        self._stream = self._client.begin([*pseudo, (":path", path), ("content-length", str(HELD_BYTES))])
        self._body = bytes(HELD_BYTES)
        self.sent = 0
        self.beside: list[int] = []

    def go_on(self, times: int) -> None:
        """Send what windows are open for, and a request beside it, so often."""
        for number in range(times):
            self.sent += self._client.upload_some(self._stream, self._body[self.sent :], is_whole=True)
            self.beside.append(self._client.request(f"/beside-{number}", authority=self._authority).status)

    def grown_bytes(self) -> int:
        """How much more memory the proxy holds than before."""
        return resident_bytes(self._town.proxy.pid) - self._before

    def end(self) -> tuple[int, int]:
        """Send the rest; the status, and how much of the body arrived."""
        self._client.upload(self._stream, self._body[self.sent :])
        status = self._client.reply(self._stream).status
        (seen,) = self._town.inside.requests_for(self._path)
        return status, seen.body_bytes


def test_a_held_upload_stops_its_own_stream_only(make_town: Callable[..., Town]) -> None:
    """Its window closes, so that it waits in its client, while ten requests beside it are answered."""
    rules = {"destructive-request": {"action": "hold", "says": "Ask before you delete."}}
    with make_town(rules=rules) as town, town.tunnel(town.inside, alpn=("h2",)) as raw:
        upload = _Upload(town, raw, method="DELETE", path="/items/7")
        upload.go_on(10)
        told = town.proxy.wait_for(lambda each: each.kind == "hold", "a hold")
        upload.go_on(5)

        assert [200] * 15 == upload.beside
        assert 1 << 20 < upload.sent < 4 << 20
        assert upload.grown_bytes() < 12 << 20
        town.proxy.command("release", told.text("hold"))
        assert (200, HELD_BYTES) == upload.end()


def test_an_answer_that_its_client_does_not_read_is_not_collected(town: Town) -> None:
    """A paused download stays with its server; other requests are answered."""
    forget_peak(town.proxy.pid)
    before = resident_bytes(town.proxy.pid)
    unread_answer(town, 64)

    assert peak_bytes(town.proxy.pid) - before < 24 << 20


def test_an_upload_that_its_server_does_not_read_is_not_collected(make_town: Callable[..., Town]) -> None:
    """It waits in its client, while requests beside it are answered, and arrives whole at last."""
    with make_town() as town, town.tunnel(town.inside, alpn=("h2",)) as raw:
        upload = _Upload(town, raw, method="POST", path="/unread/slow")
        upload.go_on(100)

        assert [200] * 100 == upload.beside
        assert 1 << 20 < upload.sent < 4 << 20
        assert upload.grown_bytes() < 12 << 20
        town.inside.release("slow")
        assert (200, HELD_BYTES) == upload.end()


def test_of_streams_that_were_reset_and_still_wait_few_are_read(make_town: Callable[..., Town]) -> None:
    """A client may have 100 open, and could reset them and open more for ever."""
    with make_town() as town:
        with waiting_resets(town, "/wait/reset", 600) as client:
            town.inside.wait_for(lambda it: bool(it.requests_for("/wait/reset")), "the first of them")
            read = client.send_while_read(unknown_frame(), 1_024)
            beside = town.curl(town.inside.url("/beside")).status  # so it is not merely slow
            read_then = client.send_while_read(unknown_frame(), 1)
        town.inside.release("reset")

        assert 1_024 > read
        assert (200, 0) == (beside, read_then)
        assert 200 == town.curl(town.inside.url("/afterwards"), "--http2").status


def test_after_http2_floods_honest_requests_pass(town: Town) -> None:
    """Heads without end, of 1 MiB and of bombs, streams reset at once: little memory, no hang."""
    forget_peak(town.proxy.pid)
    before = resident_bytes(town.proxy.pid)
    continuations(town, 4)
    empty_continuations(town, 5_000)
    long_head(town, 1)
    header_bombs(town, 50)
    rapid_resets(town, 100)
    empty_data(town, 5_000)

    assert peak_bytes(town.proxy.pid) - before < 24 << 20
    assert 200 == town.curl(town.inside.url("/after-it-all"), "--http2").status
