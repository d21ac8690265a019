"""Judges a recording as live traffic is judged; nothing waits, nothing is written, nothing is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from fairwitness.model.account import Account
from fairwitness.model.exchange import Exchange, Headers, Request
from fairwitness.model.flag import Flag, Pointer
from fairwitness.model.policy import Policy
from fairwitness.model.record import FlagRow
from fairwitness.model.recording import Asked, Moment, Told
from fairwitness.model.verdict import Action, ScopeList, Verdict
from fairwitness.policy import Scope, site_of
from fairwitness.rules import Judgement, Knowledge, Runner
from fairwitness.witness.combine import combine
from fairwitness.witness.heads import head_verdict

_HOSTS = 10_000  # names out of scope that are counted apart; a recording may be made of nothing else
_POSITIONS = 20_000  # exchanges that a pointer of a later flag may name, as many as the runner remembers
_OPEN = 20_000  # exchanges open at once whose answers are judged; no tool has as many connections
_MOST_SHOWN = 500  # bytes: a flag shows the place, not the whole page
_FAILURES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What a recording amounts to."""

    exchanges: int
    first_us: int | None
    """When the first request was made; None where there is none."""
    last_us: int | None
    decisions: tuple[tuple[str, int], ...]
    """All six verdicts, from mild to strict, and how often each would have been given."""
    strangers: tuple[tuple[str, int], ...]
    """Hosts that would have been refused, and how often, most often first; noise is not among them,
    and of more than 10,000 hosts only the first that came."""
    flags: tuple[FlagRow, ...]
    """Their exchanges, and those of their pointers, are positions in the recording, from 1."""
    refused: int
    """Requests that would not have left whatever the rules say; noise is not counted."""
    failures: tuple[str, ...]
    """What was not judged: rules that failed, and where in their code; answers that came too late."""

    @property
    def asks_for_a_look(self) -> bool:
        """Whether there is anything that a researcher has to explain: more than hints and browser noise."""
        loud = any(row.flag.severity for row in self.flags)
        return loud or self.refused > 0 or bool(self.failures)


@dataclass(slots=True)
class _Run:
    """A flag and where it was seen."""

    flag: Flag
    text: tuple[str, ...]
    count: int
    positions: list[int]


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was found of a request; the rest of it is with the recording."""

    request: Request
    """Without its body."""
    in_scope: bool
    is_released: bool
    """By scope and head; the rules' refusals change nothing of what was recorded."""


class Audit:
    """One recording under one policy.

    A class, because judging goes from moment to moment as live traffic does.
    """

    def __init__(self, policy: Policy, accounts: Iterable[Account] = ()) -> None:
        self._scope = Scope(policy)
        self._runner = Runner(policy, next_flag=1, now_us=0, known=Knowledge(accounts, site_of=site_of))
        self._open: dict[int, _Judged] = {}
        self._positions: dict[str, int] = {}
        self._runs: dict[str, _Run] = {}
        self._decisions: Counter[Action] = Counter()
        self._strangers: Counter[str] = Counter()
        self._refused = 0
        self._failures: list[str] = []
        self._forgotten = 0
        self._times: tuple[int, int] | None = None
        self.count = 0
        """How many requests were judged so far."""

    def judge(self, moment: Moment) -> None:
        """Judge the next moment, in the order of the times."""
        if isinstance(moment, Asked):
            self._ask(moment.position, moment.request)
        elif isinstance(moment, Told):
            self._tell(moment)
        else:
            self._end(moment.position, moment.exchange)
        if moment.is_last:
            self._open.pop(moment.position, None)

    def request(self, position: int) -> Request:
        """A request that was asked for and is not over, with who made it; without its body.

        Raises:
            KeyError: There is none at this position.
        """
        return self._open[position].request

    def result(self) -> Audited:
        """What was found so far."""
        first_us, last_us = self._times or (None, None)
        return Audited(
            exchanges=self.count,
            first_us=first_us,
            last_us=last_us,
            decisions=tuple((action.word, self._decisions[action]) for action in Action),
            strangers=tuple(self._strangers.most_common()),
            flags=tuple(
                FlagRow(
                    flag=run.flag,
                    count=run.count,
                    first=run.positions[0],
                    last=run.positions[-1],
                    exchanges=tuple(run.positions),
                    shown_by_text=run.text,
                    answer=None,
                )
                for run in self._runs.values()
            ),
            refused=self._refused,
            failures=(*self._failures, *self._what_was_forgotten()),
        )

    def _ask(self, position: int, request: Request) -> None:
        self._remember(position, request)
        scoped = self._scope.decide(request.destinations)
        verdict = _of_head(request, scoped)
        if verdict.host:
            request = replace(request, host=verdict.host)
        in_scope = verdict.scope_list is ScopeList.INCLUDE
        request = self._runner.who(request, in_scope=in_scope)
        is_released = verdict.is_released
        if is_released:
            judgement = self._runner.judge_request(request, in_scope=in_scope)
            self._note(judgement, position, Exchange(request=request, response=None))
            verdict = combine(verdict, judgement)
            if judgement.waits_for_slot:
                self._runner.has_slot(request)  # nothing waits: its place is that of its attempt
            self._runner.started(request)
        elif verdict.scope_list is not ScopeList.NOISE:
            self._refused += 1
            if not scoped.is_released:
                self._count_stranger(self._stranger_of(request) or verdict.host or request.host)
        self._decisions[verdict.action] += 1
        self._open[position] = _Judged(replace(request, body=b""), in_scope, is_released)
        if len(self._open) > _OPEN:
            self._forget(next(iter(self._open)), time_us=request.received_us)

    def _forget(self, position: int, *, time_us: int) -> None:
        """A recording may leave all of its exchanges open; the oldest ends unanswered."""
        judged = self._open.pop(position)
        self._forgotten += 1
        if judged.is_released:
            self._runner.ended(judged.request, time_us=time_us)

    def _what_was_forgotten(self) -> tuple[str, ...]:
        if not self._forgotten:
            return ()
        return (
            f"more than {_OPEN:,} exchanges were open at once: {self._forgotten:,} answers were not judged",
        )

    def _tell(self, moment: Told) -> None:
        judged = self._open.get(moment.position)
        if judged is None or not judged.is_released:
            return
        judgement = self._runner.judge_message(moment.message, judged.request)
        self._note(judgement, moment.position, Exchange(request=judged.request, response=None))

    def _end(self, position: int, exchange: Exchange) -> None:
        judged = self._open.get(position)
        if judged is None or not judged.is_released:
            return
        request = replace(judged.request, body=exchange.request.body)
        exchange = replace(exchange, request=request)
        self._runner.ended(request, time_us=exchange.ended_us)
        self._runner.learn(exchange, in_scope=judged.in_scope)
        self._note(self._runner.judge_response(exchange), position, exchange)

    def _remember(self, position: int, request: Request) -> None:
        self.count += 1
        first_us, last_us = self._times or (request.received_us, request.received_us)
        self._times = (min(first_us, request.received_us), max(last_us, request.received_us))
        self._positions[request.exchange] = position
        if len(self._positions) > _POSITIONS:
            del self._positions[next(iter(self._positions))]

    def _stranger_of(self, request: Request) -> str:
        """The name that may not be asked; it can stand in a header of a request to one that may."""
        alone = ((each, self._scope.decide((each,))) for each in request.destinations)
        return next((verdict.host or each.host for each, verdict in alone if not verdict.is_released), "")

    def _count_stranger(self, host: str) -> None:
        if host in self._strangers or len(self._strangers) < _HOSTS:
            self._strangers[host] += 1

    def _note(self, judgement: Judgement, position: int, exchange: Exchange) -> None:
        for flag in judgement.new_flags:
            self._runs[flag.flag] = _Run(self._by_position(flag), _shown(flag, exchange), 0, [])
        for name in judgement.flags:
            run = self._runs.get(name)
            if run is not None:
                run.count += 1
                if not run.positions or run.positions[-1] != position:
                    run.positions.append(position)
        for failure in judgement.failures[: _FAILURES - len(self._failures)]:
            self._failures.append(f"{failure.rule}: {failure.error}")

    def _by_position(self, flag: Flag) -> Flag:
        def place(exchange: str) -> str:
            return str(self._positions.get(exchange, ""))

        pointers = tuple(replace(each, exchange=place(each.exchange)) for each in flag.shown_by)
        return replace(flag, exchange=place(flag.exchange), shown_by=pointers)


def audit(moments: Iterable[Moment], policy: Policy, accounts: Iterable[Account] = ()) -> Audited:
    """Judge a recording.

    Rules see what was tried: what they would have refused was sent all the same, and its answer is looked at.
    What the policy's scope refuses is counted, and nobody looks at its answer, since live there is none.

    Args:
        moments: Of one recording, in the order of their times.
        policy: The program's.
        accounts: The researcher's own.
    """
    judge = Audit(policy, accounts)
    for moment in moments:
        judge.judge(moment)
    return judge.result()


def _of_head(request: Request, verdict: Verdict) -> Verdict:
    if not verdict.is_released or request.scheme == "tcp":
        return verdict
    head: list[bytes] = [request.method.encode("utf-8", "surrogatepass"), request.target]
    for name, value in request.headers:
        head += (name, value)
    upgrade = (request.header("upgrade") or "").strip().lower()
    return head_verdict(
        verdict,
        head,
        upgrade="" if upgrade == "h2c" else upgrade,  # the proxy takes that offer out
        is_legible=request.scheme in {"http", "ws"},
    )


def _shown(flag: Flag, exchange: Exchange) -> tuple[str, ...]:
    return tuple(_text(pointer, exchange) for pointer in flag.shown_by)


def _text(pointer: Pointer, exchange: Exchange) -> str:
    """What a pointer names, where that is in the exchange at hand."""
    if pointer.exchange != exchange.request.exchange:
        return ""
    content = _part(pointer.part, exchange)
    end = pointer.end if pointer.end > pointer.start else len(content)
    return content[pointer.start : min(end, pointer.start + _MOST_SHOWN)].decode("utf-8", "replace")


def _part(part: str, exchange: Exchange) -> bytes:
    request, response = exchange.request, exchange.response
    if part == "head":
        start = f"{request.method} ".encode("utf-8", "surrogatepass") + request.target
        return _head(start + f" {request.http_version}".encode("utf-8", "surrogatepass"), request.headers)
    if part == "body":
        return request.body
    if response is not None and part == "response-head":
        line = f"{response.http_version} {response.status} {response.reason}"
        return _head(line.encode("utf-8", "surrogatepass"), response.headers)
    return response.body if response is not None and part == "response-body" else b""


def _head(start: bytes, headers: Headers) -> bytes:
    return b"".join([start, b"\r\n", *(name + b": " + value + b"\r\n" for name, value in headers)])


def loudest(flags: Sequence[FlagRow]) -> tuple[FlagRow, ...]:
    """The flags, those that weigh most first."""
    return tuple(sorted(flags, key=lambda row: -row.flag.severity))
