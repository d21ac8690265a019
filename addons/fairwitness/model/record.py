"""What the log shows of an exchange: the nouns that readers, lists and exports share."""

from __future__ import annotations

from dataclasses import dataclass

from fairwitness.model.exchange import Headers
from fairwitness.model.flag import Answer, Flag
from fairwitness.model.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRow:
    """One line of ``fairwitness log``; blocked attempts and tunnels are lines too."""

    id: int
    """Stable in this folder, in order of the exchange's first entry, from 1."""
    exchange: str
    time_us: int
    """When the request was released or blocked."""
    method: str
    """``CONNECT`` for tunnels and refused tunnels, ``TCP`` for raw streams."""
    url: str
    status: int | None
    """The server's status; None where there is none (blocked, failed, outcome unknown)."""
    decision: str
    """One of the six verdicts."""
    clause: str | None
    reason: str
    initiator: str
    page: str | None
    """URL of the page that made it, where one did."""
    label: str | None
    account: str | None
    client: str
    """Address and port of the client."""
    flags: tuple[str, ...]
    request_bytes: int | None
    response_bytes: int | None
    duration_us: int | None
    session: int
    outcome: str
    """``complete`` | ``blocked`` | ``failed: why`` | ``open`` | ``unknown`` (cut off by a crash)."""
    host: str
    scope_list: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRecord:
    """One exchange with everything that is stored of it."""

    row: ExchangeRow
    request_line: bytes
    request_headers: Headers
    request_body: bytes | None
    """None where it was not stored (blocked, load host, erased, over the cap)."""
    request_body_bytes: int | None
    request_body_sha256: str | None
    response_line: bytes | None
    response_headers: Headers
    response_body: bytes | None
    response_body_bytes: int | None
    response_body_sha256: str | None
    messages: tuple[Message, ...]
    meta: tuple[tuple[str, str], ...]
    """All meta lines of all its entries, in order."""
    request_trailers: Headers = ()
    response_trailers: Headers = ()
    is_pruned: bool = False
    """Whether the response's body was stored once, and dropped by ``prune``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagRow:
    """One line of ``fairwitness flags``: a flag with what later entries add to it."""

    flag: Flag
    count: int
    first: int
    """Exchange id."""
    last: int
    exchanges: tuple[int, ...]
    shown_by_text: tuple[str, ...]
    """The bytes that each pointer of the flag names, as text; empty where erased."""
    answer: Answer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which exchanges are wanted; None: not filtered by this."""

    host: str | None = None
    method: str | None = None
    status: str | None = None
    """``404`` or ``5xx``."""
    decision: str | None = None
    flag: str | None = None
    """A rule's name or a flag's."""
    finding: str | None = None
    account: str | None = None
    label: str | None = None
    initiator: str | None = None
    session: int | None = None
    since_us: int | None = None
    until_us: int | None = None
    first_id: int | None = None
    last_id: int | None = None
    words: tuple[str, ...] = ()
    """Free words, all of which must occur in URL, headers or bodies."""
