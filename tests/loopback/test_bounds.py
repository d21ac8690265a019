"""Hostile amounts, made short: memory stays far below what was sent (full size: `scripts/bench --bounds`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fairwitness.proxy.spares import MOST
from fairwitness.testing import Counts, Town
from fairwitness.testing.bench.amounts.bombs import answers
from fairwitness.testing.bench.amounts.http1 import (
    endless_chunk_line,
    endless_head,
    endless_hello,
    endless_trailers,
    idle,
    long_answer,
    long_heads,
    sent_behind,
    servers_endless_announcement,
    servers_endless_chunk_line,
    servers_endless_trailers,
)
from fairwitness.testing.bench.amounts.names import ask_listed, blocked_hosts, many_listed
from fairwitness.testing.bench.amounts.policies import saved
from fairwitness.testing.bench.amounts.websockets import (
    empty_fragments,
    endless_message,
    fragments,
    long_pongs,
    pongs,
    server_message,
    server_messages,
)
from fairwitness.testing.client_websocket import WebSocketClient
from fairwitness.testing.deaf import mute
from fairwitness.testing.soak import watched_run
from fairwitness.testing.soak.vitals import (
    connections_to,
    forget_peak,
    peak_bytes,
    resident_bytes,
    vitals_of,
    waiting_bytes,
)

Send = Callable[[Town, int], object]
SENT_MIB = 160
ALLOWED_BYTES = 80 << 20
BOMB_MIB = 64


def grown_bytes(town: Town, send: Send, count: int) -> int:
    """How much the proxy grew at most while so much was sent."""
    forget_peak(town.proxy.pid)
    before = resident_bytes(town.proxy.pid)
    send(town, count)
    return peak_bytes(town.proxy.pid) - before


@pytest.mark.parametrize(
    "send",
    [
        endless_chunk_line,
        endless_head,
        endless_message,
        endless_trailers,
        fragments,
        long_answer,
        sent_behind,
        server_message,
        servers_endless_announcement,
        servers_endless_chunk_line,
        servers_endless_trailers,
    ],
)
def test_what_has_no_end_is_not_kept_in_memory(town: Town, send: Send) -> None:
    """Heads, lines, bytes sent ahead, answers, WebSocket messages: twice as much is sent as it may grow."""
    assert grown_bytes(town, send, SENT_MIB) < ALLOWED_BYTES


def test_a_servers_own_words_are_quoted_in_short(town: Town) -> None:
    """Why an exchange failed stands in every list: 500 characters of it."""
    with mute(town.inside) as listener, town.client() as client:
        url = town.inside.url("/wordy", scheme="http")
        client.send(f"GET {url} HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
        server, _ = listener.accept()
        with server:
            server.recv(1 << 16)
            server.sendall(b"no HTTP " * 8_000)
        client.read()
    row = town.proxy.wait_for_row(lambda row: "unexpected server response" in row.outcome)

    assert len(row.outcome) < 520


def test_a_flood_of_messages_waits_outside(town: Town) -> None:
    """What comes faster than it can be put on record stays in the kernel, not in the proxy's memory."""
    told = len(town.inside.messages)
    flood, pong_bytes = long_pongs(24_000), len(long_pongs(1))
    arrived = sent_bytes = 0
    held_bytes = []
    with town.client() as client:
        WebSocketClient(client).handshake(
            town.inside.url("/ws/flood", scheme="http"), host=town.inside.host_port
        )
        while arrived < 800:
            sent_bytes += client.send_what_fits(flood[sent_bytes:])
            arrived = len(town.inside.messages) - told
            waiting = waiting_bytes(town.proxy.address, client.port)
            held_bytes.append(sent_bytes - waiting - arrived * pong_bytes)

    assert max(held_bytes) < 1 << 20


def test_floods_that_are_taken_cost_little_memory(town: Town) -> None:
    """Messages of a client, of a server, and empty fragments."""
    told = len(town.inside.messages)
    grown = grown_bytes(town, pongs, 500)

    town.inside.wait_for(
        lambda origin: 500 == sum(each.content == b"anybody" for each in origin.messages[told:]), "all pongs"
    )
    assert grown < 16 << 20
    assert grown_bytes(town, server_messages, 500) < 16 << 20
    assert grown_bytes(town, empty_fragments, 50_000) < 16 << 20


def test_after_hostile_amounts_honest_requests_pass(town: Town) -> None:
    """Hellos without end, long heads, silent connections, many strange hosts: none closes the gate."""
    endless_hello(town, 256)
    long_heads(town, 2)
    idle(town, 200)
    blocked_hosts(town, 200)

    assert 200 == town.curl(town.inside.url("/after-it-all")).status
    assert Counts(0, 0, 0) == town.outside.counts


def test_few_servers_stay_connected_behind_one_client(make_town: Callable[..., Town], tmp_path: Path) -> None:
    """Who asks a hundred hosts on one connection is answered; the oldest are closed and forgotten."""
    told = tmp_path / "vitals.json"
    with make_town(include=many_listed, program=(watched_run.__file__, str(told))) as town:
        with town.client() as client:
            ask_listed(town, client, 100)
            open_ones = connections_to(town.inside.port)
            remembered = vitals_of(town.proxy.pid, told).kept["mitmproxy.connection.Server"]

        assert 1 <= open_ones <= MOST + 4
        assert remembered <= 2 * MOST


def test_a_policy_with_many_entries_is_taken_while_it_runs(make_town: Callable[..., Town]) -> None:
    """Saved, confirmed and made narrower, while requests go on; it costs little memory."""
    with make_town() as town:
        assert grown_bytes(town, saved, 1000) < 32 << 20


def test_bombs_are_kept_packed_and_read_within_bounds(town: Town, tmp_path: Path) -> None:
    """64 MiB of nothing in every coding, as answers: neither the proxy nor who reads the log unpacks it."""
    grown = grown_bytes(town, answers, BOMB_MIB)
    bombs = [row for row in town.proxy.rows() if "/bomb/" in row.url]
    har = tmp_path / "bombs.har"
    exported = town.proxy.command("export", "--format", "har", "--output", str(har))
    shown = town.proxy.command("show", str(bombs[0].id))
    audited = town.proxy.command("audit", str(har), "--policy", str(town.proxy.policy_file))

    assert 8 == len(bombs)
    assert grown < BOMB_MIB << 20
    assert (0, 0) == (exported.returncode, shown.returncode)
    assert audited.returncode in (0, 1)
    assert len(shown.stdout) < 1 << 20
    assert har.stat().st_size < 4 << 20
