"""Desktop notices: what the researcher should know while another window is in front."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import OrderedDict
from dataclasses import asdict, dataclass

from fairwitness.cli.faces import Face
from fairwitness.cli.text import printable
from fairwitness.errors import PolicyError
from fairwitness.model.event import Blocked, Event, FlagRaised, Held, StoreState
from fairwitness.model.flag import Flag, Severity
from fairwitness.model.verdict import Action
from fairwitness.rules import RULES

EVERY_US = 60_000_000  # one notice of a kind about a host in this time; more would be noise
_REMEMBERED = 1_000  # kinds and hosts
_MAX_HOST = 100  # characters
_MAX_SENTENCE = 200  # characters of the program's
_SAID_AT_START = frozenset({"stale-policy", "window", "missing-identification"})
_LIMIT_RULES = frozenset({"request-rate", "concurrency", "budget"})
_BY_RULE = re.compile(r"limits|(?:rules\.|default:)(.+)")
_LAST_WORDS_S = 2.0  # how long leaving waits for notices under way


@dataclass(frozen=True, slots=True)
class Notice:
    """What is shown: names of hosts and rules, and words of rules and programs; never a URL."""

    title: str
    message: str


class Notices:
    """Chooses what is worth a notice.  A class, because it remembers what it told of a minute ago."""

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[str, str], int] = OrderedDict()

    def notice(self, event: Event) -> Notice | None:
        """The notice about an event; None where it is worth none, or there was one just now."""
        found = _notice(event)
        if found is None:
            return None
        kind, host, notice = found
        before = self._told.get((kind, host))
        if before is not None and event.time_us - before < EVERY_US:
            return None
        self._told[kind, host] = event.time_us
        self._told.move_to_end((kind, host))
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return notice


def _notice(event: Event) -> tuple[str, str, Notice] | None:
    match event:
        case Held(state="waiting"):
            host = _host(event.request.host)
            seconds = max(0, event.ends_us - event.time_us) // 1_000_000
            clause = event.verdict.clauses[0].id if event.verdict.clauses else ""
            found = _BY_RULE.fullmatch(clause)
            why = f"Held by {found[1] or 'a limit'}" if found else "Held"
            how = f"fairwitness release {event.hold} | fairwitness deny {event.hold}"
            words = f"A request to {host} waits for you: {seconds} s. {why}: {how}"
            return "hold", host, Notice(f"fairwitness: {event.hold} waits", words)
        case Blocked(verdict=verdict):
            found = _BY_RULE.fullmatch(verdict.clauses[0].id) if verdict.clauses else None
            if found is None:
                return None
            host, rule = _host(event.request.host), found[1] or "a limit"
            return f"block {rule}", host, Notice("fairwitness: blocked", f"{rule} blocks requests to {host}.")
        case FlagRaised(flag=flag):
            return _of_flag(flag)
        case StoreState(state=("gate-closed" | "failed" | "halted") as state):
            words = "halted until you resume" if state == "halted" else "the gate is closed until a new start"
            return state, "", Notice("fairwitness: nothing leaves", f"Everything is blocked: {words}.")
    return None


def _of_flag(flag: Flag) -> tuple[str, str, Notice] | None:
    """Of what only warns: what is held or blocked has a notice of its own, and a hint is worth none.

    A flag names paths and numbers, so its own sentence stays in the terminal; what its rule watches, what the
    program says and what to do now hold nothing of the traffic.
    """
    title = f"fairwitness: {flag.flag}"
    if flag.rule in _LIMIT_RULES:
        words = f"{flag.rule}: 80 % of a limit is used."
        return ("near", flag.rule, Notice(title, words)) if flag.severity is Severity.CHECK else None
    if flag.severity is Severity.INFO or flag.action > Action.WARN or flag.rule in _SAID_AT_START:
        return None
    sees = next((rule.summary for rule in RULES if rule.name == flag.rule), "")
    says = f' The program says: "{flag.clause.says[:_MAX_SENTENCE]}".' if flag.clause.says else ""
    how = f"Details and answer: fairwitness flags, fairwitness answer {flag.flag}"
    return "flag", flag.rule, Notice(title, printable(f"{flag.rule}: {sees}.{says} {flag.advice} {how}"))


def _host(raw: str) -> str:
    """A host that is safe in any notice; those on the wire may hold anything, markup too."""
    return re.sub(r"[^A-Za-z0-9.:_\[\]-]", "?", raw[:_MAX_HOST]) or "?"


class NoticedFace:
    """Shows events as *face* does, and the important ones as desktop notices too.

    The notices are sent by a process of their own, so that neither a desktop that hangs nor a fault of a
    library touches the traffic: what it does not take at once is left out.

    Args:
        face: Who shows them all.
    """

    def __init__(self, face: Face) -> None:
        self._face = face
        self._notices = Notices()
        self._is_lost = False
        self._sender = subprocess.Popen(
            [sys.executable, "-m", "fairwitness.cli.notifier"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C is for the proxy
        )
        assert self._sender.stdin
        os.set_blocking(self._sender.stdin.fileno(), False)

    def tell(self, event: Event) -> None:
        """Show it, and send a notice where it is worth one."""
        self._face.tell(event)
        if self._is_lost:
            return
        notice = self._notices.notice(event)
        if notice is not None:
            assert self._sender.stdin
            try:
                os.write(self._sender.stdin.fileno(), json.dumps(asdict(notice)).encode() + b"\n")
            except BlockingIOError:
                pass  # it is behind; the terminal tells the same
            except OSError:
                self._is_lost = True  # the sender has died; the traffic goes on without it

    def close(self) -> None:
        """Show what waits."""
        self._face.close()
        if self._sender.stdin and not self._sender.stdin.closed:
            self._sender.stdin.close()
        try:
            self._sender.wait(_LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            self._sender.kill()
            self._sender.wait()


def with_notices(face: Face, *, wanted: bool | None) -> Face:
    """*face*, with desktop notices where they can be shown, unless they are not *wanted*."""
    return face if wanted is False or _lacks() is not None else NoticedFace(face)


def check_notices(wanted: bool | None) -> None:
    """Refuse to start without the notices that were asked for.

    Args:
        wanted: None: nobody said anything.

    Raises:
        PolicyError: They were asked for, and cannot be shown.
    """
    lacks = _lacks() if wanted else None
    if lacks is not None:
        raise PolicyError(lacks[0], where="--notices", mend=lacks[1])


def _lacks() -> tuple[str, str] | None:
    """Why no notice can be shown, and what mends it."""
    if importlib.util.find_spec("desktop_notifier") is None:
        return "desktop-notifier is not installed", "Install fairwitness with its extra 'notices'"
    if sys.platform != "darwin" and not os.environ.get("DBUS_SESSION_BUS_ADDRESS", "").startswith("unix:"):
        return "there is no desktop session (DBUS_SESSION_BUS_ADDRESS)", "Start it within one"
    return None
