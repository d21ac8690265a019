"""Hostile amounts, made short: memory stays far below what was sent (full size: `scripts/bench --bounds`)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fairwitness.testing import Counts, Town
from fairwitness.testing.bench.bounds import (
    blocked_hosts,
    endless_head,
    endless_hello,
    idle,
    long_answer,
    long_heads,
    sent_behind,
)
from fairwitness.testing.soak.vitals import resident_bytes

SENT_MIB = 160
ALLOWED_BYTES = 80 << 20


@pytest.mark.parametrize("send", [endless_head, sent_behind, long_answer])
def test_what_has_no_end_is_not_kept_in_memory(town: Town, send: Callable[[Town, int], None]) -> None:
    """A header, bytes behind a waiting request, an answer: twice as much was sent as the proxy may grow."""
    before = resident_bytes(town.proxy.pid)
    send(town, SENT_MIB)

    assert resident_bytes(town.proxy.pid) - before < ALLOWED_BYTES


def test_after_hostile_amounts_honest_requests_pass(town: Town) -> None:
    """Hellos without end, long heads, silent connections, many strange hosts: none closes the gate."""
    endless_hello(town, 256)
    long_heads(town, 2)
    idle(town, 200)
    blocked_hosts(town, 200)

    assert 200 == town.curl(town.inside.url("/after-it-all")).status
    assert Counts(0, 0, 0) == town.outside.counts
