"""One line of the exchange view, and how each kind of entry changes it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from fairwitness.evidence.layout import DamagedError
from fairwitness.evidence.meta import Pairs, body_size, every, first, is_cut, server_of, status_of, whole
from fairwitness.evidence.stored import StoredEntry
from fairwitness.model.exchange import url_of
from fairwitness.model.record import ExchangeRow

UNREADABLE = "[unreadable]"
_NO_EXCHANGE = bytes(16)
_MOST = 1 << 62  # what SQLite takes, whatever a strange log says


@dataclass(slots=True)
class ViewRow:
    """A row of the view's table, column by column.  Not frozen: later entries add to it."""

    id: int
    exchange: bytes
    time_us: int
    session: int
    method: str = UNREADABLE
    url: str = UNREADABLE
    host: str = ""
    status: int | None = None
    decision: str = "allow"
    clause: str | None = None
    reason: str = ""
    initiator: str = "tool"
    page: str | None = None
    label: str | None = None
    account: str | None = None
    client: str = ""
    flags: str = ""
    """Names of its flags, each with a space before it."""
    request_bytes: int | None = None
    response_bytes: int | None = None
    duration_us: int | None = None
    outcome: str = "open"
    scope_list: str | None = None
    times: int = 1
    """How many identical blocks it stands for."""
    metered: str = ""
    """Which meter it counted on."""
    cut: int = 0
    """How many of its bodies are stored in part only."""

    def columns(self) -> tuple[Any, ...]:
        """Its values, in the order of `COLUMNS`."""
        return tuple([sql_text(value) if isinstance(value, str) else value for value in _values_of(self)])

    def add_flag(self, flag: str) -> bool:
        """Take a flag on; whether it was new here."""
        if f" {flag} " in f"{self.flags} ":
            return False
        self.flags += f" {flag}"
        return True

    def add_times(self, count: int) -> None:
        """Take folded blocks on."""
        self.times = min(self.times + count, _MOST)

    def frozen(self, *, is_held: bool) -> ExchangeRow:
        """The row as readers see it.

        Args:
            is_held: Whether a process still writes the log, which could end what is open.
        """
        return ExchangeRow(
            id=self.id,
            exchange=self.exchange.hex(),
            time_us=self.time_us,
            method=self.method,
            url=self.url,
            status=self.status,
            decision=self.decision,
            clause=self.clause,
            reason=self.reason,
            initiator=self.initiator,
            page=self.page,
            label=self.label,
            account=self.account,
            client=self.client,
            flags=tuple(self.flags.split()),
            request_bytes=self.request_bytes,
            response_bytes=self.response_bytes,
            duration_us=self.duration_us,
            session=self.session,
            outcome="unknown" if self.outcome == "open" and not is_held else self.outcome,
            host=self.host,
            scope_list=self.scope_list,
        )

    def begin_request(self, start: Sequence[bytes], pairs: Pairs, *, is_blocked: bool) -> None:
        """Take what a request's entry says.

        Raises:
            DamagedError: The entry does not say it.
        """
        scheme, host, port = server_of(pairs)
        self.method = _text(start[0][:-1]) if start else UNREADABLE
        self.url = url_of(scheme, host, port, method=self.method, target=b"".join(start[1:-1]))
        self._decided(pairs)
        self.host = first(pairs, "host") or host
        made_by = (first(pairs, "initiator") or "tool").partition("; ")[0]
        self.initiator, _, self.metered = made_by.partition(" ")
        self.cut += is_cut(pairs)
        self.page, self.account = first(pairs, "page"), first(pairs, "account")
        size, _ = body_size(pairs)
        # An upload that streams is as large as it was announced to be, until its end says more.
        self.request_bytes = whole(pairs, "body-announced") if first(pairs, "body-follows") else size or 0
        if is_blocked:
            self.outcome = "blocked"

    def begin_connection(self, pairs: Pairs) -> None:
        """Take what a dial's entry says, where the dial is a line of its own.

        Raises:
            DamagedError: The entry does not say it.
        """
        purpose, host, port = server_of(pairs)
        self.method = "CONNECT" if purpose == "tunnel" else "TCP"
        self.url = url_of("", host, port, method="CONNECT", target=b"")
        self._decided(pairs)
        self.host = first(pairs, "host") or host
        if self.decision in ("block", "halt"):
            self.outcome = "blocked"

    def _decided(self, pairs: Pairs) -> None:
        decided, _, self.reason = (first(pairs, "verdict") or "").partition("; ")
        self.decision, _, scope_list = decided.partition(" ")
        self.scope_list = scope_list if scope_list != "-" else None
        clause = first(pairs, "clause")
        self.clause = clause.partition(" ")[0] if clause else None
        self.client = (first(pairs, "client") or "").partition(" ")[0]
        self.label = first(pairs, "label")
        for flag in every(pairs, "flag"):
            self.add_flag(sql_text(flag))

    def end_request(self, pairs: Pairs, time_us: int) -> None:
        """Take what a response's entry says."""
        status, size = status_of(pairs)
        self.cut += is_cut(pairs)
        if status is not None:
            self.status, self.response_bytes = status, size
        self._end(pairs, time_us)

    def end_carried(self, pairs: Pairs) -> None:
        """Take what the end of the dial says that carried the bytes of this tunnel or raw stream."""
        self.request_bytes = whole(pairs, "bytes-sent")
        self.response_bytes = whole(pairs, "bytes-received")

    def end_connection(self, pairs: Pairs) -> None:
        """Take what the end of a dial says."""
        if self.outcome == "blocked":
            return
        self.request_bytes = whole(pairs, "bytes-sent")
        self.response_bytes = whole(pairs, "bytes-received")
        self._end(pairs, whole(pairs, "closed-us"))

    def _end(self, pairs: Pairs, ended_us: int | None) -> None:
        if first(pairs, "outcome") is not None:
            self.outcome = "unknown"
            return
        failure = first(pairs, "failure")
        self.outcome = "complete" if failure is None else f"failed: {failure}"
        if ended_us is not None:
            self.duration_us = min(max(0, ended_us - self.time_us), _MOST)


COLUMNS = tuple(field.name for field in fields(ViewRow))
_values_of = attrgetter(*COLUMNS)


_NULLABLE = (
    "status",
    "clause",
    "page",
    "label",
    "account",
    "request_bytes",
    "response_bytes",
    "duration_us",
    "scope_list",
)
_WHOLE = (
    "id",
    "time_us",
    "session",
    "status",
    "request_bytes",
    "response_bytes",
    "duration_us",
    "times",
    "cut",
)
_TYPES = tuple(
    (bytes if name == "exchange" else int if name in _WHOLE else str, name in _NULLABLE) for name in COLUMNS
)


def begins_exchange(entry: StoredEntry) -> bool:
    """Whether an entry is the first of an exchange."""
    return entry.number is not None and entry.exchange != _NO_EXCHANGE


def begun_row(
    entry: StoredEntry, *, session: int, said: tuple[Pairs, Sequence[bytes]] | None = None
) -> ViewRow | None:
    """The row of the exchange that an entry begins; None where it begins none.

    Args:
        entry: It.
        session: The run that it belongs to.
        said: Its meta lines and the pieces of its start line, where they were read.
    """
    if entry.number is None or entry.exchange == _NO_EXCHANGE:
        return None
    row = ViewRow(entry.number, entry.exchange, entry.time_us, session)
    with contextlib.suppress(DamagedError):  # it keeps its line and number; `problems` names the damage
        pairs, start = entry.beginning() if said is None else said
        if pairs and entry.kind == "connection":
            row.begin_connection(pairs)
        elif pairs:
            row.begin_request(start, pairs, is_blocked=entry.kind == "blocked")
    row.url = sql_text(row.url)
    return row


def read_row(values: Sequence[Any]) -> ViewRow:
    """The row of the table's *values*.

    Raises:
        sqlite3.DatabaseError: Their types are not those that were written.
    """
    for value, (wanted, may_be_null) in zip(values, _TYPES, strict=True):
        if not isinstance(value, wanted) and not (value is None and may_be_null):
            raise sqlite3.DatabaseError("the exchange view is damaged")
    return ViewRow(*values)


def sql_text(text: str) -> str:
    """A text as SQLite takes it: bytes of the wire that are no characters are written as ``\\udc80``."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
