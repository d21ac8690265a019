"""The runs of the proxy that lie in the log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fairwitness.evidence.meta import Pairs, first
from fairwitness.evidence.stored import rare_entries


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """One run of the proxy."""

    session: int
    started_us: int
    ended_us: int | None
    """None while it runs, and where it was cut off."""
    facts: tuple[tuple[str, str], ...]


def sessions_of(connection: sqlite3.Connection) -> Iterator[SessionRow]:
    """All runs, oldest first.

    Raises:
        DamagedError: One is not what was stored.
    """
    running: SessionRow | None = None
    for entry in rare_entries(connection, "session"):
        pairs = entry.pairs() if entry.is_open else []
        if entry.number is not None:
            if running is not None:
                yield running
            running = SessionRow(
                session=entry.number, started_us=entry.time_us, ended_us=None, facts=_facts(pairs)
            )
        elif running is not None:
            ended_us = entry.time_us if first(pairs, "state") == "ended" else running.ended_us
            running = replace(running, ended_us=ended_us, facts=running.facts + _facts(pairs))
    if running is not None:
        yield running


def _facts(pairs: Pairs) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in pairs if pair[0] != "state")
