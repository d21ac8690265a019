"""What the rules knew before a restart: the recent log goes through them again, and nothing is said twice."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import accumulate, takewhile

from fairwitness.errors import EvidenceError
from fairwitness.evidence import Log, Reader, Snapshot
from fairwitness.model.exchange import (
    SEEN_BODY_BYTES,
    STANDARD_PORTS,
    Client,
    Exchange,
    Initiator,
    Metered,
    Request,
    Response,
)
from fairwitness.model.flag import PastFlag
from fairwitness.model.record import ExchangeRecord, ExchangeRow, LogFilter
from fairwitness.model.verdict import Action, ScopeList
from fairwitness.rules import BLOCK_US, Runner

SPAN_US = 60 * 60_000_000  # no rule but the day's budget looks further back
MOST = 1000  # exchanges; reading and judging one costs a millisecond
MOST_BLOCKED = 200  # exchanges more, of those that were blocked
MOST_LAG = 10_000  # entries, a second's work
MOST_BYTES = 64 << 20  # of their bodies, as they were sent

_URL = re.compile(r"(?P<scheme>[a-z]{2,5})://(?P<host>\[[^\]]*\]|[^:/?#]*)(?::(?P<port>[0-9]{1,5}))?")
_CLIENT = re.compile(r"(?P<address>.*):(?P<port>[0-9]{1,5}) (?P<connection>\w+)")


def replay(log: Log, runner: Runner, *, now_us: int) -> str | None:
    """Let the rules see what was logged in the last hour, as they saw it then.

    Flags that still run go on under their names, and blocks stand until they end or were answered: so the log
    tells.  What it no longer holds (erased, pruned, bodies of `load` hosts) is not seen.

    Args:
        log: Opened by this process; nothing of this session is in it yet.
        runner: Fresh.
        now_us: The session's time.

    Returns:
        Why the rules begin with less than they could, for the researcher; None: they do not.
    """
    damaged: list[str] = []
    try:
        with Reader.open(log.folder) as reader:
            past = _Past(since_us=now_us - SPAN_US)
            snapshot = _recent(reader, past)
            try:
                runner.begin_replay(past.flags(log))
                damaged += [
                    f"a bug at exchange {record.row.id}"
                    for record in snapshot.records(damaged.append)
                    if not runner.see_again(partial(_see, runner, record))
                ]
            finally:
                runner.end_replay()
    except EvidenceError as error:
        return f"the rules begin without what was seen before: {error}"
    if damaged:
        return (
            f"the rules begin without {len(damaged)} of the exchanges that were seen before"
            f" (the first: {damaged[0]}); 'fairwitness verify FOLDER' names what is damaged"
        )
    return None


class _Past:
    """What the rows of the last hour tell.

    A class, because the rows pass by once and are not kept.
    """

    def __init__(self, *, since_us: int) -> None:
        self.since_us = since_us
        self._newest: deque[tuple[int, int]] = deque(maxlen=MOST)
        self._blocked: deque[tuple[int, int]] = deque(maxlen=MOST_BLOCKED)
        self._last_us: dict[str, int] = {}
        self._let_go: set[tuple[str, str]] = set()

    def take(self, row: ExchangeRow) -> bool:
        """Look at a row; each may be wanted."""
        self._newest.append((row.id, (row.request_bytes or 0) + (row.response_bytes or 0)))
        for flag in row.flags:
            if flag not in self._last_us and row.outcome != "blocked":
                self._let_go.add((flag, row.exchange))
            self._last_us[flag] = max(self._last_us.get(flag, 0), row.time_us)
        if row.flags and row.outcome == "blocked":
            self._blocked.append((row.id, row.time_us))
        return True

    def wanted(self) -> frozenset[int]:
        """The exchanges to see again: the newest, and those that a block may still be standing for."""
        sums = accumulate(size for _, size in reversed(self._newest))
        count = sum(1 for _ in takewhile(lambda total: total <= MOST_BYTES, sums))
        newest = [number for number, _ in reversed(self._newest)][:count]
        until_us = self.since_us + SPAN_US - BLOCK_US
        return frozenset(newest + [number for number, time_us in self._blocked if time_us >= until_us])

    def flags(self, log: Log) -> Iterator[PastFlag]:
        """The flags whose offences may go on, the oldest first."""
        answers = {answer.flag: answer for answer in log.answers()}
        for flag in log.flags():
            last_us = max(self._last_us.get(flag.flag, 0), flag.time_us)
            if last_us >= self.since_us:
                was_let_go = flag.action is Action.HOLD and (flag.flag, flag.exchange) in self._let_go
                yield PastFlag(
                    flag=flag, last_us=last_us, answer=answers.get(flag.flag), was_let_go=was_let_go
                )


def _recent(reader: Reader, past: _Past) -> Snapshot:
    if reader.lag() > MOST_LAG:
        raise EvidenceError(
            "the list of its exchanges is far behind",
            where=str(reader.folder),
            mend="Nothing: it is brought up to date now",
        )
    snapshot = reader.snapshot(LogFilter(since_us=past.since_us), past.take)
    snapshot.keep(past.wanted())
    return snapshot


def _see(runner: Runner, record: ExchangeRecord) -> None:
    row = record.row
    exchange = exchange_of(record)
    if exchange is None:
        return
    in_scope = row.scope_list == ScopeList.INCLUDE
    request = runner.who(exchange.request, in_scope=in_scope)
    judged_by_rules = row.scope_list in {ScopeList.INCLUDE, ScopeList.LOAD, ScopeList.MINE, ScopeList.TUNNEL}
    if not judged_by_rules:
        return
    judgement = runner.judge_request(request, in_scope=in_scope)
    if row.outcome == "blocked":
        if judgement.action < Action.BLOCK:
            runner.gave_up(request)
        runner.blocked_again(request, row.flags)
        return
    if judgement.waits_for_slot:
        runner.has_slot(request)
    runner.started(request, time_us=row.time_us)
    exchange = replace(exchange, request=request)
    runner.ended(request, time_us=exchange.ended_us)
    runner.learn(exchange, in_scope=in_scope)
    runner.judge_response(exchange)


def exchange_of(record: ExchangeRecord) -> Exchange | None:
    """The exchange as the rules saw it, from what is stored; None for a tunnel and a raw stream."""
    row, meta = record.row, dict(reversed(record.meta))
    place = _URL.match(row.url)
    method, _, rest = record.request_line.partition(b" ")
    target, _, version = rest.rpartition(b" ")
    client = _CLIENT.fullmatch(meta.get("client", ""))
    if place is None or client is None or not target or place["scheme"] not in STANDARD_PORTS:
        return None
    scheme = place["scheme"]
    made_by, _, metered = meta.get("initiator", "").partition(";")[0].partition(" ")
    received_us = int(meta["received-us"]) if meta.get("received-us", "").isdecimal() else row.time_us
    request = Request(
        exchange=row.exchange,
        received_us=min(received_us, row.time_us),
        client=Client(
            connection=client["connection"],
            address=client["address"],
            port=int(client["port"]),
            label=row.label,
            ja4=meta.get("ja4"),
        ),
        method=method.decode("latin-1").upper(),
        scheme=scheme,
        host=row.host,
        port=int(place["port"] or STANDARD_PORTS[scheme]),
        target=target,
        http_version=version.decode("latin-1"),
        headers=record.request_headers,
        destinations=(),
        body=(record.request_body or b"")[:SEEN_BODY_BYTES],
        body_bytes=record.request_body_bytes,
        body_is_cut=record.request_body is not None and len(record.request_body) > SEEN_BODY_BYTES,
        initiator=Initiator(made_by) if made_by in set(Initiator) else Initiator.TOOL,
        page=row.page,
        metered=Metered(metered) if metered in set(Metered) else Metered.TESTING,
        account=row.account,
    )
    ended_us = row.time_us + (row.duration_us or 0)
    return Exchange(
        request=request,
        response=_response(record, meta, ended_us=ended_us),
        failure=None if row.status is not None else row.outcome,
        ended_us=ended_us,
    )


def _response(record: ExchangeRecord, meta: dict[str, str], *, ended_us: int) -> Response | None:
    if record.response_line is None or record.row.status is None:
        return None
    version, _, rest = record.response_line.partition(b" ")
    body = record.response_body or b""
    started_us = int(meta["started-us"]) if meta.get("started-us", "").isdecimal() else ended_us
    return Response(
        http_version=version.decode("latin-1"),
        status=record.row.status,
        reason=rest.partition(b" ")[2].decode("latin-1"),
        headers=record.response_headers,
        started_us=started_us,
        ended_us=ended_us,
        body=body[:SEEN_BODY_BYTES],
        body_bytes=record.response_body_bytes or len(body),
        body_is_cut=len(body) > SEEN_BODY_BYTES,
    )
