"""Compares what origins and clients saw with what the log says."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fairwitness.evidence import Reader
from fairwitness.model.record import ExchangeRecord, ExchangeRow, LogFilter
from fairwitness.testing.soak.ledger import Got
from fairwitness.testing.tally import SeenMessage, SeenRequest, sent_in
from fairwitness.testing.town import Town

_OK = 200
_EMPTY = hashlib.sha256().hexdigest()
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What a soak may be judged by; every tuple should be empty."""

    requests: int
    """That reached an origin in scope."""
    messages: int
    """WebSocket frames and raw bytes that did."""
    outcomes: Mapping[str, int]
    """Of the exchanges in the log."""
    lost: tuple[str, ...]
    """Requests and messages that an origin saw, and the log does not have."""
    without_body: tuple[str, ...]
    """Exchanges that the log calls complete, and whose body is not there or is another."""
    unfinished: tuple[str, ...]
    """Exchanges that the log of an ended proxy still calls open."""
    strayed: tuple[str, ...]
    """What reached an origin out of scope."""
    problems: tuple[str, ...]
    """What verification found in the log."""


def reckon(town: Town, evidence: Path, answers: Mapping[str, Got]) -> Reckoning:
    """Read the whole log of a proxy that has ended."""
    requests = [seen for seen in town.inside.requests if b"soak=" in seen.target]
    messages = [*town.inside.messages, *town.tcp.messages]
    with Reader.open(evidence) as reader:
        rows = {_target(row): row for row in reader.exchanges() if row.host == town.inside.name}
        everything = tuple(reader.exchanges())
        # A snapshot reads what is in no view yet once, not for each exchange.
        wanted = reader.snapshot(LogFilter(), _is_of_interest)
        records = {record.row.exchange: record for record in wanted.records()}
        problems = tuple(f"{each.where}: {each.what}" for each in reader.problems())
    return Reckoning(
        requests=len(requests),
        messages=len(messages),
        outcomes=Counter(row.outcome.partition(":")[0] for row in everything),
        lost=tuple(_lost(requests, rows)) + tuple(_lost_messages(messages, records)),
        without_body=tuple(_without_body(rows, records, requests, answers)),
        unfinished=tuple(row.url for row in everything if row.outcome == "open"),
        strayed=tuple(f"{name} {count}" for name, count in town.outside.counts._asdict().items() if count),
        problems=problems,
    )


def shortened(names: tuple[str, ...]) -> tuple[str, ...]:
    """The first of them, and how many more there are."""
    more = len(names) - _MOST_NAMED
    return names if more <= 0 else (*names[:_MOST_NAMED], f"and {more} more")


def _target(row: ExchangeRow) -> str:
    return "/" + row.url.split("/", 3)[-1]


def _is_of_interest(row: ExchangeRow) -> bool:
    return row.decision != "block" and row.scope_list == "include"


def _lost(requests: list[SeenRequest], rows: Mapping[str, ExchangeRow]) -> Iterator[str]:
    for seen in requests:
        if seen.target.decode("latin-1") not in rows:
            yield f"request {seen.method} {seen.target.decode('latin-1')}"


def _lost_messages(messages: list[SeenMessage], records: Mapping[str, ExchangeRecord]) -> Iterator[str]:
    logged: Counter[bytes] = Counter()
    for record in records.values():
        logged.update(sent_in(record))
    for message in messages:
        if message.kind == "close":
            continue
        logged[message.content] -= 1
        if logged[message.content] < 0:
            yield f"message {message.kind} {message.content[:60]!r}"


def _without_body(
    rows: Mapping[str, ExchangeRow],
    records: Mapping[str, ExchangeRecord],
    requests: list[SeenRequest],
    answers: Mapping[str, Got],
) -> Iterator[str]:
    sent = {seen.target.decode("latin-1"): seen.body_sha256 for seen in requests}
    for target, row in rows.items():
        if row.outcome != "complete" or row.exchange not in records:
            continue
        record = records[row.exchange]
        body = record.response_body
        if record.response_body_bytes and (
            body is None or hashlib.sha256(body).hexdigest() != record.response_body_sha256
        ):
            yield f"{target}: the answer's body is not there"
            continue
        got = answers.get(target)
        if got and got.status == _OK == row.status and got.sha256 != (record.response_body_sha256 or _EMPTY):
            yield f"{target}: the client got another body"
        if sent.get(target) not in (None, record.request_body_sha256 or _EMPTY):
            yield f"{target}: the origin got another body"
