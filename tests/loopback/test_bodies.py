"""Big bodies pass through without lying in memory, and are on record by size and hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import pytest

from fairwitness.model.record import ExchangeRow
from fairwitness.testing import RawClient, Reply, Town, pattern_chunks, pattern_sha256

pytestmark = pytest.mark.gate

BIG = 200 << 20
MAX_PEAK_RSS = 120 << 20


@pytest.mark.parametrize(("scheme", "kind"), [("https", "bytes"), ("http", "chunked")])
def test_a_200_mb_download_stays_out_of_memory(
    make_town: Callable[..., Town], scheme: str, kind: str
) -> None:
    """The client gets every byte, the log size and hash, and the proxy never holds it."""
    hasher = hashlib.sha256()
    with make_town() as town:
        with _inside(town, scheme) as (client, prefix):
            client.send(
                f"GET {prefix}/{kind}/{BIG} HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode()
            )
            reply = client.reply(sink=hasher.update)
        row = town.proxy.wait_for_row(lambda row: row.outcome == "complete" and row.method == "GET")
        record = town.proxy.record(row)
        peak = town.proxy.peak_rss_bytes

    assert (200, pattern_sha256(BIG)) == (reply.status, hasher.hexdigest())
    assert (BIG, pattern_sha256(BIG)) == (record.response_body_bytes, record.response_body_sha256)
    assert peak < MAX_PEAK_RSS


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_200_mb_upload_stays_out_of_memory(make_town: Callable[..., Town], scheme: str) -> None:
    """The origin gets every byte, the log size and hash, and the proxy never holds it."""
    with make_town() as town:
        with _inside(town, scheme) as (client, prefix):
            reply = _upload(client, f"{prefix}/up", town.inside.host_port, pattern_chunks(BIG), length=BIG)
        row = town.proxy.wait_for_row(lambda row: row.outcome == "complete" and row.method == "POST")
        record = town.proxy.record(row)
        peak = town.proxy.peak_rss_bytes
        seen = town.inside.requests_for("/up")[0]

    assert 200 == reply.status
    assert (BIG, pattern_sha256(BIG)) == (seen.body_bytes, seen.body_sha256)
    assert (BIG, pattern_sha256(BIG)) == (record.request_body_bytes, record.request_body_sha256)
    assert peak < MAX_PEAK_RSS


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_an_upload_of_unknown_length_above_the_limit_is_refused(town: Town, scheme: str) -> None:
    """Above `limits.request_body` the answer is 413, and nothing of it reaches the origin."""
    path = f"/too-long-{scheme}"
    with _inside(town, scheme) as (client, prefix):
        reply = _upload(client, prefix + path, town.inside.host_port, pattern_chunks(3 << 20), length=None)

    assert 413 == reply.status
    assert () == town.inside.requests_for(path)


def test_an_upload_of_unknown_length_within_the_limit_passes(
    town: Town, row_of: Callable[[str], ExchangeRow]
) -> None:
    """It is gathered, decided whole, logged and sent."""
    with _inside(town, "https") as (client, _):
        reply = _upload(client, "/short-enough", town.inside.host_port, pattern_chunks(500_000), length=None)

    seen = town.inside.requests_for("/short-enough")[0]
    record = town.proxy.record(row_of(town.inside.url("/short-enough")))
    assert 200 == reply.status
    assert (500_000, pattern_sha256(500_000)) == (seen.body_bytes, seen.body_sha256)
    assert b"".join(pattern_chunks(500_000)) == record.request_body


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_uploads_around_the_streaming_size_arrive_whole(
    town: Town, row_of: Callable[[str], ExchangeRow], size: int
) -> None:
    """Just below, at and above 1 MiB the origin and the log agree on size and hash."""
    with _inside(town, "https") as (client, _):
        reply = _upload(client, f"/around-{size}", town.inside.host_port, pattern_chunks(size), length=size)

    seen = town.inside.requests_for(f"/around-{size}")[0]
    record = town.proxy.record(row_of(town.inside.url(f"/around-{size}")))
    assert 200 == reply.status
    assert (size, pattern_sha256(size)) == (seen.body_bytes, seen.body_sha256)
    assert (size, pattern_sha256(size)) == (record.request_body_bytes, record.request_body_sha256)


def test_the_head_of_a_long_upload_is_on_record_before_its_body_ends(town: Town) -> None:
    """While a long upload is still coming, its request is in the log already."""
    path = "/endless"
    with _inside(town, "https") as (client, _):
        head = f"POST {path} HTTP/1.1\r\nHost: {town.inside.host_port}\r\nContent-Length: {BIG}\r\n\r\n"
        client.send(head.encode())
        for chunk in pattern_chunks(2 << 20):
            client.send(chunk)
        town.inside.wait_for(lambda origin: origin.requests_for(path) != (), "the head")
        rows = [row for row in town.proxy.rows() if row.url == town.inside.url(path)]

    assert ["warn"] == [row.decision for row in rows]  # over 100 MB: heavy-request says so
    row = town.proxy.wait_for_row(
        lambda row: row.url == town.inside.url(path) and row.outcome.startswith("failed")
    )
    assert rows[0].exchange == row.exchange


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(town: Town) -> None:
    """curl's Expect header does not hang an upload."""
    body = "x" * 2000
    reply = town.curl(town.inside.url("/expect"), "-H", "Expect: 100-continue", "--http1.1", "--data", body)

    assert 200 == reply.status
    assert 2000 == town.inside.requests_for("/expect")[0].body_bytes


class _inside:  # noqa: N801 - read as a function
    """A connection on which requests to the inside origin can be sent; for http with the URL's prefix."""

    def __init__(self, town: Town, scheme: str) -> None:
        self._client = town.client()
        self._prefix = "" if scheme == "https" else f"http://{town.inside.host_port}"
        if scheme == "https":
            self._client.connect(town.inside.host_port)
            self._client.start_tls("in.test", ca=town.proxy.ca)

    def __enter__(self) -> tuple[RawClient, str]:
        return self._client, self._prefix

    def __exit__(self, *_: object) -> None:
        self._client.close()


def _upload(
    client: RawClient, target: str, host: str, chunks: Iterable[bytes], *, length: int | None
) -> Reply:
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    client.send(f"POST {target} HTTP/1.1\r\nHost: {host}\r\n{framing}\r\n\r\n".encode())
    try:
        for chunk in chunks:
            client.send(chunk if length is not None else f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        if length is None:
            client.send(b"0\r\n\r\n")
    except OSError:
        pass  # answered before the end, as a 413 is
    return client.reply(method="POST")


def test_an_upload_of_unknown_length_under_a_raised_limit_is_logged_whole(
    make_town: Callable[..., Town],
) -> None:
    """What rules do not see of it (above 1 MiB) is in the log all the same, with the hash of the whole."""
    with make_town(limits={"request_body": "4 MiB"}) as town:
        with _inside(town, "https") as (client, _):
            reply = _upload(client, "/raised", town.inside.host_port, pattern_chunks(3 << 20), length=None)
        row = town.proxy.wait_for_row(lambda row: row.url.endswith("/raised") and row.outcome == "complete")
        record = town.proxy.record(row)
        seen = town.inside.requests_for("/raised")[0]

    assert 200 == reply.status
    assert (3 << 20, pattern_sha256(3 << 20)) == (seen.body_bytes, seen.body_sha256)
    assert (3 << 20, pattern_sha256(3 << 20)) == (record.request_body_bytes, record.request_body_sha256)
