"""What the rules knew before a restart: the recent log goes through them again, and nothing is said twice."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import accumulate, takewhile

from fairwitness.errors import EvidenceError
from fairwitness.evidence import Log, Reader
from fairwitness.model.exchange import (
    SEEN_BODY_BYTES,
    Client,
    Exchange,
    Initiator,
    Metered,
    Request,
    Response,
)
from fairwitness.model.flag import Answer
from fairwitness.model.record import ExchangeRecord, ExchangeRow, LogFilter
from fairwitness.model.verdict import Action, ScopeList
from fairwitness.rules import Runner

SPAN_US = 60 * 60_000_000  # no rule but the day's budget looks further back
MOST = 1000  # exchanges; reading and judging one costs a millisecond
MOST_LAG = 10_000  # entries, a second's work
MOST_BYTES = 64 << 20  # of their bodies, as they were sent

_URL = re.compile(r"(?P<scheme>[a-z]{2,5})://(?P<host>\[[^\]]*\]|[^:/?#]*)(?::(?P<port>[0-9]{1,5}))?")
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_CLIENT = re.compile(r"(?P<address>.*):(?P<port>[0-9]{1,5}) (?P<connection>\w+)")


def replay(log: Log, runner: Runner, *, now_us: int) -> str | None:
    """Let the rules see what was logged in the last hour, as they saw it then.

    Flags that still run go on under their names, and blocks stand until they end or were answered.  What the
    log no longer holds (erased, pruned, bodies of `load` hosts) is not seen.

    Args:
        log: Opened by this process; nothing of this session is in it yet.
        runner: Fresh.
        now_us: The session's time.

    Returns:
        Why the rules begin with less than they could, for the researcher; None: they do not.
    """
    try:
        runner.begin_replay(log.flags_since(now_us - SPAN_US))
        try:
            with Reader.open(log.folder) as reader:
                _replay(reader, runner, log.answers(), now_us=now_us)
        finally:
            runner.end_replay()
    except EvidenceError as error:
        return f"the rules begin without what was seen before: {error}"
    return None


def _replay(reader: Reader, runner: Runner, answers: Iterable[Answer], *, now_us: int) -> None:
    waiting = sorted(answers, key=lambda answer: answer.time_us)
    for record in _recent(reader, now_us=now_us):
        exchange = exchange_of(record)
        if exchange is None:
            continue
        while waiting and waiting[0].time_us <= exchange.request.received_us:
            runner.answer(waiting.pop(0))
        _see(runner, record, exchange)
    for answer in waiting:
        runner.answer(answer)


def _recent(reader: Reader, *, now_us: int) -> Iterator[ExchangeRecord]:
    if reader.lag() > MOST_LAG:
        raise EvidenceError(
            "the list of its exchanges is far behind",
            where=str(reader.folder),
            mend="Nothing: it is brought up to date now",
        )
    sizes: deque[int] = deque(maxlen=MOST)

    def is_wanted(row: ExchangeRow) -> bool:
        sizes.append((row.request_bytes or 0) + (row.response_bytes or 0))
        return True

    snapshot = reader.snapshot(LogFilter(since_us=now_us - SPAN_US), is_wanted)
    sums = accumulate(reversed(sizes))
    snapshot.keep_newest(sum(1 for _ in takewhile(lambda total: total <= MOST_BYTES, sums)))
    yield from snapshot.records()


def _see(runner: Runner, record: ExchangeRecord, exchange: Exchange) -> None:
    row = record.row
    in_scope = row.scope_list == ScopeList.INCLUDE
    request = runner.known.who(exchange.request, in_scope=in_scope)
    judged_by_rules = row.scope_list in {ScopeList.INCLUDE, ScopeList.LOAD, ScopeList.MINE, ScopeList.TUNNEL}
    if not judged_by_rules:
        return
    judgement = runner.judge_request(request, in_scope=in_scope)
    if row.outcome == "blocked":
        if judgement.action < Action.BLOCK:
            runner.gave_up(request)
        return
    if judgement.waits_for_slot:
        runner.has_slot(request)
    runner.started(request, time_us=row.time_us)
    exchange = Exchange(
        request=request, response=exchange.response, failure=exchange.failure, ended_us=exchange.ended_us
    )
    runner.ended(request, time_us=exchange.ended_us)
    runner.known.learn(exchange, in_scope=in_scope)
    runner.judge_response(exchange)


def exchange_of(record: ExchangeRecord) -> Exchange | None:
    """The exchange as the rules saw it, from what is stored; None for a tunnel and a raw stream."""
    row, meta = record.row, dict(reversed(record.meta))
    place = _URL.match(row.url)
    method, _, rest = record.request_line.partition(b" ")
    target, _, version = rest.rpartition(b" ")
    client = _CLIENT.fullmatch(meta.get("client", ""))
    if place is None or client is None or not target or place["scheme"] not in _PORTS:
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
        method=method.decode("latin-1"),
        scheme=scheme,
        host=row.host,
        port=int(place["port"] or _PORTS[scheme]),
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
