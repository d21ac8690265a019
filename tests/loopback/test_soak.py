"""The soak itself: it finds nothing where nothing is wrong, and what it is there to find."""

from __future__ import annotations

import dataclasses
import socket
from pathlib import Path

import pytest

from fairwitness.testing import GREETING, curl
from fairwitness.testing.soak.reckoning import reckon
from fairwitness.testing.soak.soak import soak
from fairwitness.testing.soak.stage import staged
from fairwitness.testing.soak.table import faulty, is_good, table
from fairwitness.testing.soak.used import used_bytes


def test_a_few_seconds_of_random_traffic_and_faults_lose_nothing(tmp_path: Path) -> None:
    """Nothing lost, left open, hung or leaked; the table says so."""
    outcome = soak(
        tmp_path, minutes=0.05, seed=5, workers=6, per_s=60, fault_s=(0.3, 1), may_mount=False, say=print
    )

    assert {name: () for name, _ in faulty(outcome)} == dict(faulty(outcome))
    assert is_good(outcome)
    assert outcome.reckoning.requests > 0
    assert sum(outcome.faults.values()) >= 1
    assert "all is as it should be" in table(outcome)
    for kept, is_too_much in ((4096, True), (500, False)):
        life = dataclasses.replace(
            outcome.lives[0], used=[(errands, 40e6 + kept * errands) for errands in (3000.0, 6000.0, 9000.0)]
        )
        assert is_too_much == bool(
            dict(faulty(dataclasses.replace(outcome, lives=(life,))))["too much memory"]
        )


@pytest.mark.parametrize("piece_bytes", [100, 4096, 1 << 20])
def test_what_is_kept_counts_as_used_and_what_is_forgotten_does_not(piece_bytes: int) -> None:
    """Whatever its size; within a tenth."""
    count = (8 << 20) // piece_bytes
    before = used_bytes()
    if not before:
        pytest.skip("this C library does not tell")
    kept = [bytearray(piece_bytes) for _ in range(count)]
    while_kept = used_bytes()
    kept.clear()

    assert while_kept - before > 0.9 * piece_bytes * count
    assert used_bytes() - before < 0.1 * piece_bytes * count


def test_what_reached_an_origin_past_the_proxy_is_called_lost(tmp_path: Path) -> None:
    """Requests and messages that the log lacks, and a touched host out of scope, are told by the reckoning.

    The log has the message's words, but a server's: it greets every client with them.
    """
    with staged(tmp_path, may_mount=False) as stage:
        town = stage.town
        for origin in (town.inside, town.outside):
            past = f"http://{origin.address}:{origin.port}/past?soak=1"
            curl(None, past)
        stage.town.curl(town.inside.url("/through?soak=2"))
        with socket.create_connection((town.tcp.address, town.tcp.port)) as past_it:
            past_it.sendall(GREETING)
            town.tcp.wait_for(lambda it: len(it.messages) == 1, "the message")
        with town.client() as client:
            client.connect(town.tcp.host_port)
            client.read()
        stage.end()
        came = reckon(town, town.proxy.evidence, {})

    assert ("request GET /past?soak=1", f"message tcp {GREETING!r}") == came.lost
    assert ("accepts 1", "requests 1") == came.strayed
    assert 2 == came.requests
    assert () == came.problems
