"""What clients send while their server is dialled waits outside, not in the proxy's memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fairwitness.testing import Authority, Reply, Town, pattern_chunks, pattern_sha256
from fairwitness.testing.bench.amounts.dials import (
    ahead_of_connect,
    ahead_of_socks,
    behind_a_hello,
    into_a_tunnel,
    upload,
)
from fairwitness.testing.deaf import deaf
from fairwitness.testing.soak.vitals import forget_peak, peak_bytes, resident_bytes, waiting_bytes

SENT_MIB = 160
ALLOWED_BYTES = 80 << 20


@pytest.fixture(scope="module")
def town(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One whose proxy speaks SOCKS5 too."""
    with Town(authority, tmp_path_factory.mktemp("dialled"), arguments=["--mode", "socks5"]) as town:
        yield town


@pytest.mark.parametrize("send", [upload, ahead_of_connect, ahead_of_socks, into_a_tunnel, behind_a_hello])
def test_what_comes_while_a_server_is_dialled_is_not_kept(
    town: Town, send: Callable[[Town, int], None]
) -> None:
    """Twice as much is sent as the proxy may grow."""
    forget_peak(town.proxy.pid)
    before = resident_bytes(town.proxy.pid)
    send(town, SENT_MIB)

    assert peak_bytes(town.proxy.pid) - before < ALLOWED_BYTES
    assert 200 == town.curl(town.inside.url("/afterwards")).status


def test_an_upload_goes_on_when_its_server_is_there(town: Town) -> None:
    """It has waited in its client, and arrives whole."""
    size = 12 << 20

    def send() -> Reply:
        head = f"POST {town.inside.url('/late', scheme='http')} HTTP/1.1\r\nHost: {town.inside.host_port}"
        client.send(f"{head}\r\nContent-Length: {size}\r\n\r\n".encode())
        for chunk in pattern_chunks(size):
            client.send(chunk)
        return client.reply(method="POST")

    with ThreadPoolExecutor() as pool, town.client() as client:
        with deaf(town.inside):
            sent = pool.submit(send)
            town.proxy.wait_for_row(lambda row: row.url.endswith("/late"))
            while waiting_bytes(town.proxy.address, client.port) < 256 << 10:
                assert not sent.done()
        reply = sent.result(30)
    town.proxy.wait_for_row(lambda row: row.url.endswith("/late") and row.outcome == "complete")

    assert 200 == reply.status
    assert pattern_sha256(size) == town.inside.requests_for("/late")[0].body_sha256
