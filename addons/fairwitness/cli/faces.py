"""How a running proxy's events look: lines for people, or JSON lines."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from fairwitness.cli.forms import event_form
from fairwitness.cli.printer import Printer
from fairwitness.cli.text import clause_words, done_words, machine, moment, plural, printable, size
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
from fairwitness.model.flag import Flag, Severity
from fairwitness.model.verdict import ScopeList, Verdict

_MAX_FOLDS = 10_000  # different blocks that are told apart; beyond that counting starts anew
_HINTS = 3  # info flags of a rule that are shown one by one; then the 10th, the 100th, ...
_ANSWERS = "accident|authorised|false-alarm"
_MAX_URL = 160  # characters of a URL on a line


class Face(Protocol):
    """Whoever watches the running proxy."""

    def tell(self, event: Event) -> None:
        """Show what happened."""

    def close(self) -> None:
        """Show what waits."""


class ReadyFirst:
    """Holds events back until the proxy accepts, so that whoever reads them learns first where it is.

    Args:
        face: Who shows them then.
    """

    def __init__(self, face: Face) -> None:
        self._face = face
        self._held_back: list[Event] | None = []

    def tell(self, event: Event) -> None:
        """Show the event, or keep it until `Ready` has come."""
        if self._held_back is None:
            self._face.tell(event)
        elif isinstance(event, Ready):
            self._face.tell(event)
            self._let_go()
        elif not isinstance(event, Stopped):  # what never ran has not stopped; the error says why
            self._held_back.append(event)

    def close(self) -> None:
        """Show what waits, also where the proxy never came to accept."""
        self._let_go()
        self._face.close()

    def _let_go(self) -> None:
        for event in self._held_back or ():
            self._face.tell(event)
        self._held_back = None


class JsonFace:
    """Every event as a JSON line."""

    def __init__(self, printer: Printer, *, session: int) -> None:
        self._printer = printer
        self._session = session

    def tell(self, event: Event) -> None:
        """Write the event."""
        self._printer.line(machine(event_form(event, session=self._session)))

    def close(self) -> None:
        """Write what waits."""
        self._printer.close()


class PlainFace:
    """One line a block, flag, hold, throttle and state change; exchanges only when asked for.

    A block that repeats is said the 1st, 10th, 100th, ... time.

    Args:
        printer: Where lines go.
        verbose: Whether to show exchanges.
    """

    def __init__(self, printer: Printer, *, verbose: bool) -> None:
        self._printer = printer
        self._verbose = verbose
        self._blocks: Counter[tuple[str, str]] = Counter()
        self._hints: Counter[str] = Counter()

    def tell(self, event: Event) -> None:
        """Write the event's line, if it has one."""
        text = self._words(event)
        if text:
            self._printer.line(f"{moment(event.time_us)[11:]}  {printable(text)}")

    def close(self) -> None:
        """Write what waits."""
        self._printer.close()

    def _words(self, event: Event) -> str | None:
        match event:
            case ExchangeEnded():
                return _exchange_words(event) if self._verbose else None
            case Blocked(verdict=verdict):
                is_quiet = verdict.scope_list is ScopeList.NOISE and not self._verbose
                return None if is_quiet else self._block_words(event.request, verdict)
            case FlagRaised(flag=flag):
                return self._flag_words(flag)
            case FlagAnswered(answer=answer):
                return f"answer    {answer.flag} {answer.answered_as.value}: {answer.note}"
            case Held():
                return _held_words(event)
            case Throttled():
                delay = f"{event.delay_us / 1e6:.1f} s"
                return f"throttle  {delay}: {_request_words(event.request)}: {event.verdict.reason}"
            case PolicyChanged():
                return _policy_words(event)
            case StoreState(state="gate-open"):
                return None
            case StoreState():
                return f"{event.state:<9} {event.reason}".rstrip()
            case AccountSeen():
                return f"account   {event.identity} signed in at {event.host} and is not registered"
            case Stopped():
                return f"stopped   {event.reason}".rstrip()
            case Ready():
                return None

    def _flag_words(self, flag: Flag) -> str | None:
        """What was seen, by which clause, what to do, how to answer; hints that repeat are folded."""
        count = 0
        if flag.severity is Severity.INFO:
            self._hints[flag.rule] += 1
            count = self._hints[flag.rule]
            if count > _HINTS and str(count).strip("0") != "1":
                return None
        page = ", made by a page" if flag.initiator is Initiator.PAGE else ""
        action = "" if flag.severity is Severity.INFO else f", action {flag.action.word}"
        what = f"{flag.flag} {flag.rule} ({flag.severity.word}{action}{page})"
        words = f"flag      {what}: {_ended(flag.says)} {flag.advice} {done_words(flag)}".rstrip()
        if flag.severity is not Severity.INFO:
            how = f"fairwitness answer {flag.flag} --as {_ANSWERS}"
            return f"{words} [{clause_words(flag.clause)}] Answer: {how}"
        return f"{words} ({count} such hints so far: fairwitness flags)" if count > _HINTS else words

    def _block_words(self, request: Request, verdict: Verdict) -> str | None:
        fold = (verdict.host or request.host, verdict.clauses[0].id if verdict.clauses else "")
        if len(self._blocks) >= _MAX_FOLDS and fold not in self._blocks:
            self._blocks.clear()
        self._blocks[fold] += 1
        count = self._blocks[fold]
        if str(count).strip("0") != "1":
            return None
        times = f" ({count} times so far)" if count > 1 else ""
        word = "failed" if verdict.clauses and verdict.clauses[0].id == "unreachable" else "block"
        return f"{word:<9} {_request_words(request)}: {verdict.reason}{times}"


def missed_line(count: int) -> str:
    """What people read when their terminal was stopped for too long."""
    return f"({plural(count, 'line')} left out: the terminal did not take them)"


def missed_form(count: int) -> str:
    """The same for a program."""
    return machine({"event": "missed", "count": count})


def _request_words(request: Request) -> str:
    url = request.url
    return f"{request.method} {url if len(url) <= _MAX_URL else url[: _MAX_URL - 3] + '...'}"


def _exchange_words(event: ExchangeEnded) -> str:
    outcome = str(event.status) if event.status is not None else f"failed ({event.failure})"
    return (
        f"exchange  {event.id} {_request_words(event.request)} -> {outcome}, {size(event.response_bytes)} "
        f"in {event.duration_us / 1000:.0f} ms"
    )


def _held_words(event: Held) -> str:
    if event.state != "waiting":
        return f"hold      {event.hold} {event.state}"
    seconds = max(0, event.ends_us - event.time_us) // 1_000_000
    return (
        f"hold      {event.hold} {_request_words(event.request)}: {_ended(event.verdict.reason)} "
        f"Within {seconds} s: fairwitness release {event.hold} | fairwitness deny {event.hold}"
    )


def _policy_words(event: PolicyChanged) -> str:
    if event.state == "waits-for-confirmation":
        how = f"fairwitness confirm {event.sha256[:12]}"
        return f"policy    waits: {_ended(event.summary)} To put it in force: {how}"
    return f"policy    {event.state}: {event.summary}".rstrip()


def _ended(sentence: str) -> str:
    return f"{sentence.rstrip('.')}."
