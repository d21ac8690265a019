"""What of the session a screen may have to show: bounded, whatever comes."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, replace

from fairwitness.model.event import (
    AccountSeen,
    Blocked,
    Event,
    ExchangeEnded,
    FlagAnswered,
    FlagRaised,
    Held,
    PolicyChanged,
    Ready,
    Stopped,
    StoreState,
    Throttled,
)
from fairwitness.model.exchange import Initiator, Request
from fairwitness.model.flag import Flag
from fairwitness.model.verdict import Verdict

_LINES = 200
_FLAGS = 300
_WANTED = 2_000
_ACCOUNTS = 20
_MAX_PLACE = 400  # characters of host and path that are kept
_STANDARD = (80, 443)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One exchange, or a run of equal blocks."""

    time_us: int
    id: int | None
    verdict: str
    status: int | None
    """None: none came; then `reason` says why."""
    initiator: str
    who: str
    """Account, else label; empty where neither is known."""
    method: str
    place: str
    """Host, port where it is not the standard one, and path."""
    size_bytes: int | None
    duration_us: int | None
    reason: str
    """Why it was blocked, delayed or failed; empty where all went well."""
    count: int = 1


@dataclass(frozen=True, slots=True)
class FlagLine:
    """A flag, how often it was seen, and whether it is answered."""

    flag: Flag
    count: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence about the session, the newest of which is shown."""

    text: str
    is_bad: bool


class Memory:
    """Takes events and remembers the newest.  A class, because equal blocks fold into one line.

    Keeps no body and no header of anything: a screen that is stopped costs no memory.
    """

    def __init__(self) -> None:
        self._lines: OrderedDict[object, Line] = OrderedDict()
        self._flags: OrderedDict[str, FlagLine] = OrderedDict()
        self._holds: dict[str, Held] = {}
        self._accounts: OrderedDict[str, AccountSeen] = OrderedDict()
        self.wanted: Counter[tuple[str, str]] = Counter()
        """How often a page (second) asked for a host (first) that is on no list."""
        self.waiting_policy: PolicyChanged | None = None
        """The policy that waits to be confirmed."""
        self.remark: Remark | None = None
        """The newest remark."""

    @property
    def lines(self) -> tuple[Line, ...]:
        """The newest last."""
        return tuple(self._lines.values())

    @property
    def flags(self) -> tuple[FlagLine, ...]:
        """The newest first."""
        return tuple(reversed(self._flags.values()))

    @property
    def holds(self) -> tuple[Held, ...]:
        """Those that wait, the oldest first."""
        return tuple(self._holds.values())

    @property
    def accounts(self) -> tuple[AccountSeen, ...]:
        """Sign-ins that nobody has said anything about."""
        return tuple(self._accounts.values())

    def forget_account(self, identity: str) -> None:
        """It was answered."""
        self._accounts.pop(identity, None)

    def take(self, event: Event) -> None:
        """Take note of what happened."""
        match event:
            case ExchangeEnded():
                self._exchange(event)
            case Blocked():
                self._block(event)
            case Throttled():
                self._throttle(event)
            case FlagRaised(flag=flag):
                self._flags[flag.flag] = FlagLine(flag, 1, is_open=True)
                _shorten(self._flags, _FLAGS)
            case FlagAnswered(answer=answer):
                if answer.flag in self._flags:
                    self._flags[answer.flag] = replace(self._flags[answer.flag], is_open=False)
            case Held():
                self._hold(event)
            case PolicyChanged():
                self._policy(event)
            case StoreState(state=state, reason=reason):
                if state not in ("gate-open", "halted", "gate-closed"):  # the header shows those
                    self.remark = Remark(f"{state}: {reason}", is_bad=state not in ("resumed", "recovered"))
            case AccountSeen():
                self._accounts.setdefault(event.identity, event)
                _shorten(self._accounts, _ACCOUNTS)
            case Ready() | Stopped():
                pass

    def _throttle(self, event: Throttled) -> None:
        """Shown until the exchange ends, which then says the same and more."""
        line = _line(event.time_us, event.request, event.verdict)
        self._lines[event.request.exchange] = replace(line, duration_us=event.delay_us)
        _shorten(self._lines, _LINES)

    def _exchange(self, event: ExchangeEnded) -> None:
        line = _line(event.time_us, event.request, event.verdict)
        self._lines.pop(event.request.exchange, None)
        self._lines[event.request.exchange] = replace(
            line,
            id=event.id,
            status=event.status,
            size_bytes=event.response_bytes,
            duration_us=event.duration_us,
            reason=event.failure or "",
        )
        _shorten(self._lines, _LINES)
        self._count(event.verdict)

    def _block(self, event: Blocked) -> None:
        request, verdict = event.request, event.verdict
        host = verdict.host or request.host
        clause = verdict.clauses[0].id if verdict.clauses else ""
        self._lines.pop(request.exchange, None)
        line = _line(event.time_us, request, verdict)
        # The line says whose it is already.
        reason = verdict.reason.removeprefix(f"{host} ").removeprefix(f"{host}:{request.port} ")
        self._fold(("block", host, clause), replace(line, id=event.id, reason=reason))
        self._count(verdict)
        if verdict.scope_list is None and request.initiator is Initiator.PAGE and request.page:
            named = request.host if request.port in _STANDARD else f"{request.host}:{request.port}"
            if len(self.wanted) < _WANTED or (named, request.page) in self.wanted:
                self.wanted[named, request.page[:_MAX_PLACE]] += 1

    def _fold(self, fold: object, line: Line) -> None:
        before = self._lines.pop(fold, None)
        self._lines[fold] = replace(line, count=before.count + 1) if before else line
        _shorten(self._lines, _LINES)

    def _count(self, verdict: Verdict) -> None:
        for name in verdict.flags:
            found = self._flags.get(name)
            if found is not None:
                self._flags[name] = replace(found, count=found.count + 1)

    def _hold(self, event: Held) -> None:
        if event.state == "waiting":
            self._holds[event.hold] = event
            return
        self._holds.pop(event.hold, None)
        self.remark = Remark(f"{event.hold} {event.state}", is_bad=False)

    def _policy(self, event: PolicyChanged) -> None:
        if event.state == "broken":
            self.remark = Remark(f"the changed policy is broken, the old one stays: {event.summary}", True)
        elif event.state == "waits-for-confirmation":
            self.waiting_policy = event
        else:
            self.waiting_policy = None
            self.remark = Remark(f"policy {event.sha256[:12]} in force: {event.summary}", is_bad=False)


def _line(time_us: int, request: Request, verdict: Verdict) -> Line:
    return Line(
        time_us=time_us,
        id=None,
        verdict=verdict.action.word,
        status=None,
        initiator=request.initiator.value,
        who=request.account or request.client.label or "",
        method=request.method[:20],
        place=_place(request),
        size_bytes=None,
        duration_us=None,
        reason=verdict.reason,
    )


def _place(request: Request) -> str:
    host = f"[{request.host}]" if ":" in request.host else request.host
    named = host if request.port in _STANDARD and request.method != "CONNECT" else f"{host}:{request.port}"
    return (named + request.target[:_MAX_PLACE].decode("latin-1"))[:_MAX_PLACE]


def _shorten(
    kept: OrderedDict[object, Line] | OrderedDict[str, FlagLine] | OrderedDict[str, AccountSeen], most: int
) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
