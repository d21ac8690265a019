"""How the running proxy is doing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MeterStatus:
    """How far one meter is used."""

    name: str
    host: str
    metered: str
    used: int
    limit: int
    per: str
    waiting: int = 0
    """Requests that wait for their place; none of them is used yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceStatus:
    """How far the log has come."""

    entries: int
    bytes: int
    """On the disk."""
    waiting: int
    """Entries that are not committed yet."""
    not_durable: int
    """Entries that a power cut could still take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What ``fairwitness status`` shows."""

    gate: str
    """``starting`` | ``open`` | ``halted`` | ``closed``."""
    reason: str
    """Why it is not open."""
    program: str
    policy_sha256: str
    policy_waiting_sha256: str | None
    session: int
    started_us: int
    now_us: int
    released: int
    blocked: int
    flags: int
    flags_open: int
    """Of this session, not answered yet."""
    held: int
    throttled: int
    """Waiting right now."""
    open_requests: int
    log: EvidenceStatus
    meters: tuple[MeterStatus, ...]
