"""The conduct report's rare entries: sessions, policies, notes, flags, dials."""

from __future__ import annotations

import contextlib
import sqlite3
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fairwitness.evidence.answers import newest_answers
from fairwitness.evidence.conduct_rows import ALLOWED_LISTS
from fairwitness.evidence.flagmeta import flag_of
from fairwitness.evidence.layout import DamagedError
from fairwitness.evidence.meta import Pairs, first, server_of, whole
from fairwitness.evidence.records import body_of
from fairwitness.evidence.stored import StoredEntry, entries_at, rare_entries
from fairwitness.model.conduct import (
    ConductFlag,
    Dials,
    Facts,
    PolicyChange,
    PolicyDigest,
    Remark,
    Span,
    Stray,
)
from fairwitness.model.flag import Answer, Flag

Digest = Callable[[bytes], PolicyDigest | None]
"""Reads a policy's text; None where it cannot be read."""

_ADDRESSES = 5  # kept of each host
_CHUNK = 500
_PREFIXES = (
    ("the gate was closed: ", "gate"),
    ("the machine's clock was stepped", "clock"),
    ("fairwitness stood still for ", "standstill"),
    ("bug in ", "fault"),
    ("rule ", "fault"),
    ("halted: ", "halt"),
    ("resumed: ", "resume"),
    ("declare ", "declare"),
)
GAPS = ("gate", "clock", "standstill", "fault", "erased")


class Ranges:
    """Which session an entry belongs to.

    A class, because it remembers where each began.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        begun = [each for each in rare_entries(connection, "session") if each.number is not None]
        self._starts = [each.index for each in begun]
        self._numbers = [each.number or 0 for each in begun]

    def session(self, index: int) -> int:
        """The session of an entry, 0 before the first."""
        place = bisect_right(self._starts, index)
        return self._numbers[place - 1] if place else 0


def policy_changes(
    connection: sqlite3.Connection, bodies: Path, ranges: Ranges, digest: Digest
) -> tuple[PolicyChange, ...]:
    """All policies of the log, oldest first; each text is read once."""
    changes: list[PolicyChange] = []
    digests: dict[str, PolicyDigest | None] = {}
    before: Facts = ()
    for entry in rare_entries(connection, "policy"):
        with contextlib.suppress(DamagedError):
            pairs = entry.pairs()
            sha256 = first(pairs, "sha256") or ""
            if sha256 not in digests:
                text = body_of(entry, entry.segments(), connection=connection, bodies=bodies)
                digests[sha256] = digest(text) if text is not None else None
            read = digests[sha256]
            now = read.entries if read is not None else before
            why = first(pairs, "why") or ""
            changes.append(
                PolicyChange(
                    time_us=entry.time_us,
                    session=ranges.session(entry.index),
                    sha256=sha256,
                    why=why,
                    is_waiting=why.startswith("changed: waits-for-confirmation"),
                    reviewed=first(pairs, "reviewed"),
                    added=tuple(each for each in now if each not in set(before)),
                    removed=tuple(each for each in before if each not in set(now)),
                    digest=read,
                )
            )
            before = now
    return tuple(changes)


def remarks(connection: sqlite3.Connection, ranges: Ranges, span: Span) -> Iterator[Remark]:
    """The notes of the span by their kind, and what was erased."""
    for entry in rare_entries(connection, "note"):
        session = ranges.session(entry.index)
        if span.has(entry.time_us, session):
            with contextlib.suppress(DamagedError):
                says = first(entry.pairs(), "note") or ""
                yield Remark(kind=_kind(says), time_us=entry.time_us, session=session, says=says)
    for entry in rare_entries(connection, "erase"):
        session = ranges.session(entry.index)
        if span.has(entry.time_us, session):
            yield Remark(
                kind="erased", time_us=entry.time_us, session=session, says="something was erased on purpose"
            )


def _kind(says: str) -> str:
    for prefix, kind in _PREFIXES:
        if says.startswith(prefix) and (prefix != "rule " or " failed: " in says):
            return kind
    return "release" if says.endswith(" was released by the researcher") else "note"


def flag_facts(
    connection: sqlite3.Connection, seen: dict[str, tuple[int, int, int, int]], ranges: Ranges, span: Span
) -> tuple[ConductFlag, ...]:
    """The flags that were raised or continued in the span, oldest first."""
    answers = newest_answers(connection)
    found: list[ConductFlag] = []
    for entry in rare_entries(connection, "flag"):
        with contextlib.suppress(DamagedError):
            flag = flag_of(entry.pairs(), exchange=entry.exchange.hex(), time_us=entry.time_us)
            here = seen.get(flag.flag)
            if here is not None or span.has(flag.time_us, ranges.session(entry.index)):
                found.append(_flag_fact(flag, here, answers.get(flag.flag)))
    return tuple(found)


def _flag_fact(flag: Flag, seen: tuple[int, int, int, int] | None, answer: Answer | None) -> ConductFlag:
    count, first_id, last_id, exchanges = seen or (1, None, None, 0)
    return ConductFlag(
        flag=flag.flag,
        rule=flag.rule,
        severity=flag.severity.word,
        action=flag.action.word,
        clause=flag.clause.id,
        where=flag.clause.where,
        sentence=flag.clause.says,
        says=flag.says,
        initiator=flag.initiator.value,
        time_us=flag.time_us,
        count=count,
        first_id=first_id,
        last_id=last_id,
        exchanges=exchanges,
        answered_as=answer.answered_as.value if answer else None,
        answer_note=answer.note if answer else None,
    )


@dataclass(slots=True)
class DialCount:
    """What was dialled.  Not frozen: it counts."""

    by_list: Counter[str] = field(default_factory=Counter)
    overridden: int = 0
    tunnels: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0
    strays: list[Stray] = field(default_factory=list)
    addresses: dict[str, list[str]] = field(default_factory=dict)

    def take(self, pairs: Pairs, entry: StoredEntry) -> None:
        """Count one entry of a dial."""
        purpose, host, _ = server_of(pairs)
        host = first(pairs, "host") or host
        if first(pairs, "state") == "ended":
            peer = (first(pairs, "peer") or "").rpartition(":")[0]
            known = self.addresses.setdefault(host, [])
            if peer and peer not in known and len(known) < _ADDRESSES:
                known.append(peer)
            if purpose == "tunnel":
                self.sent_bytes += whole(pairs, "bytes-sent") or 0
                self.received_bytes += whole(pairs, "bytes-received") or 0
            return
        decided = (first(pairs, "verdict") or "").partition(" ")[0]
        if decided in ("hold", "block", "halt"):
            return
        listed = first(pairs, "listed") or "none"
        self.by_list[listed] += 1
        self.overridden += first(pairs, "resolved-by") == "override"
        self.tunnels += purpose == "tunnel"
        if listed not in ALLOWED_LISTS:
            self.strays.append(
                Stray(
                    id=entry.number,
                    connection=entry.exchange.hex(),
                    time_us=entry.time_us,
                    method="DIAL",
                    host=host,
                    scope_list=listed,
                    decision=decided,
                )
            )

    def frozen(self) -> Dials:
        """The counts."""
        return Dials(
            total=sum(self.by_list.values()),
            by_list=tuple(sorted(self.by_list.items())),
            overridden=self.overridden,
            tunnels=self.tunnels,
            tunnel_sent_bytes=self.sent_bytes,
            tunnel_received_bytes=self.received_bytes,
        )


def dials(connection: sqlite3.Connection, ranges: Ranges, span: Span, size: int) -> DialCount:
    """All dials of the span, among the first *size* entries."""
    counted = DialCount()
    at = -1
    while True:
        found = connection.execute(
            "SELECT idx, time_us FROM entry WHERE kind = 'connection' AND idx > ? AND idx < ?"
            " ORDER BY idx LIMIT ?",
            (at, size, _CHUNK),
        ).fetchall()
        wanted = [index for index, time_us in found if span.has(time_us, ranges.session(index))]
        for entry in entries_at(connection, wanted):
            with contextlib.suppress(DamagedError):
                counted.take(entry.pairs(), entry)
        if len(found) < _CHUNK:
            return counted
        at = found[-1][0]
