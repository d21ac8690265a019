"""What can be asked of the running proxy, and who does it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from fairwitness.control.policy_file import PolicyFile, Taker
from fairwitness.control.remarks import EXPORT, FINDING, read_export, read_finding
from fairwitness.control.server import JOIN
from fairwitness.control.wire import Question, Value, WireError
from fairwitness.model.clock import iso_us
from fairwitness.model.event import Held
from fairwitness.model.flag import AnswerAs
from fairwitness.model.remark import Remark
from fairwitness.model.verdict import ScopeList
from fairwitness.policy import add_hosts, add_scope

if TYPE_CHECKING:
    from fairwitness.witness import Status


class Conductor(Taker, Protocol):
    """What of the conductor can be steered from another terminal."""

    def status(self) -> Status:
        """How it is doing."""

    def halt(self, reason: str) -> None:
        """Block everything."""

    def resume(self, reason: str) -> None:
        """End a halt."""

    def pending(self) -> tuple[Held, ...]:
        """What waits."""

    def release(self, hold: str) -> None:
        """Let it go."""

    def deny(self, hold: str) -> None:
        """Refuse it."""

    def answer(self, flag: str, answered_as: AnswerAs, note: str) -> None:
        """Record the researcher's answer."""

    def remark(self, remark: Remark) -> None:
        """Record what another command did."""

    def note(self, text: str) -> None:
        """Record a note."""

    def register_account(self, name: str, *identities: str) -> None:
        """Take identities for the researcher's own."""

    def remove_account(self, name: str) -> None:
        """Forget an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """What another command needs in order to send its traffic through the running proxy."""

    listen: str
    ca: str
    mode: str
    password: str | None
    evidence: str
    note: str | None = None
    """The session's, as it was started."""


class Desk:
    """Answers questions.

    Args:
        conductor: Who runs the proxy.
        policy_file: Its policy file.
        joining: How the proxy is reached.
        policy_sha256: The hash of the policy in force, asked anew each time.
        commit: Makes everything recorded so far visible to readers.
    """

    def __init__(
        self,
        conductor: Conductor,
        policy_file: PolicyFile,
        joining: Joining,
        *,
        policy_sha256: Callable[[], str],
        commit: Callable[[], None],
    ) -> None:
        self._conductor = conductor
        self._policy_file = policy_file
        self._joining = joining
        self._policy_sha256 = policy_sha256
        self._commit = commit
        self._operations: dict[str, Callable[[Question], Value]] = {
            "status": self._status,
            JOIN: self._join,
            "commit": self._commit_now,
            "halt": self._halt,
            "resume": self._resume,
            "pending": lambda _: [_held(each) for each in conductor.pending()],
            "release": self._release,
            "deny": self._deny,
            "confirm": self._confirm,
            "answer": self._answer,
            FINDING: lambda question: conductor.remark(read_finding(question)),
            EXPORT: lambda question: conductor.remark(read_export(question)),
            "account-add": self._account_add,
            "account-remove": self._account_remove,
        }
        self._edits: dict[str, Callable[[Question], Callable[[bytes], bytes]]] = {
            "allow": _allow,
            "scope-add": _scope_add,
        }

    async def answer(self, question: Question) -> Value:
        """Do what is asked; only for an edit of the policy file does it wait, beside the traffic.

        Raises:
            FairwitnessError: It cannot be done.
            WireError: Nobody knows this question.
        """
        edit = self._edits.get(question.do)
        if edit is not None:
            return plain(await self._policy_file.edit(edit(question)))
        operation = self._operations.get(question.do)
        if operation is None:
            raise WireError(f"the running proxy does not know {question.do!r}")
        return operation(question)

    def _status(self, _question: Question) -> Value:
        status = self._conductor.status()
        form = plain(status)
        assert isinstance(form, dict)
        del form["started_us"], form["now_us"]
        return {
            "pid": os.getpid(),
            "started": iso_us(status.started_us),
            "listen": self._joining.listen,
            "evidence": self._joining.evidence,
            "ca": self._joining.ca,
            "note": self._joining.note,
            **form,
        }

    def _join(self, _question: Question) -> Value:
        return {**dataclasses.asdict(self._joining), "policy_sha256": self._policy_sha256()}

    def _commit_now(self, _question: Question) -> Value:
        self._commit()
        return None

    def _halt(self, question: Question) -> Value:
        self._conductor.halt(question.text("reason"))
        return None

    def _resume(self, question: Question) -> Value:
        self._conductor.resume(question.text("reason"))
        return None

    def _release(self, question: Question) -> Value:
        self._conductor.release(question.text("hold"))
        return None

    def _deny(self, question: Question) -> Value:
        self._conductor.deny(question.text("hold"))
        return None

    def _confirm(self, question: Question) -> Value:
        return {"sha256": self._policy_file.confirm(question.text("sha256")).sha256}

    def _answer(self, question: Question) -> Value:
        try:
            answered_as = AnswerAs(question.text("as"))
        except ValueError as error:
            raise WireError("an answer is accident, authorised or false-alarm") from error
        self._conductor.answer(question.text("flag"), answered_as, question.text("note"))
        return None

    def _account_add(self, question: Question) -> Value:
        self._conductor.register_account(question.text("name"), *question.texts("identities"))
        return None

    def _account_remove(self, question: Question) -> Value:
        self._conductor.remove_account(question.text("name"))
        return None


def _allow(question: Question) -> Callable[[bytes], bytes]:
    additions = read_additions(question.texts("entries"))
    return lambda text: add_hosts(text, additions)


def _scope_add(question: Question) -> Callable[[bytes], bytes]:
    host, says = question.text("host"), question.text("says")
    return lambda text: add_scope(text, host, says=says)


def read_additions(entries: Sequence[str]) -> tuple[tuple[ScopeList, str], ...]:
    """Additions to the policy as they travel: ``load cdn.example``.

    Raises:
        WireError: One is none.
    """
    additions = []
    for entry in entries:
        word, _, host = entry.partition(" ")
        if word not in ("load", "tunnel", "noise") or not host:
            raise WireError("an addition is a list and a host")
        additions.append((ScopeList(word), host))
    return tuple(additions)


def plain(form: object) -> Value:
    """A dataclass as JSON can say it: numbers as they are, verdicts and severities by their word."""
    if isinstance(form, Enum):
        word = getattr(form, "word", form.value)
        return word if isinstance(word, str | int) else str(word)
    if isinstance(form, bytes):
        return form.decode("utf-8", "backslashreplace")
    if form is None or isinstance(form, str | int | float | bool):
        return form
    if isinstance(form, list | tuple):
        return [plain(each) for each in form]
    if dataclasses.is_dataclass(form):
        return {each.name: plain(getattr(form, each.name)) for each in dataclasses.fields(form)}
    raise TypeError(f"no JSON for {type(form).__name__}")


def _held(held: Held) -> Value:
    return {
        "hold": held.hold,
        "exchange": held.request.exchange,
        "method": held.request.method,
        "url": held.request.url,
        "decision": held.verdict.action.word,
        "clause": held.verdict.clauses[0].id if held.verdict.clauses else None,
        "reason": held.verdict.reason,
        "flags": list(held.verdict.flags),
        "initiator": held.request.initiator.value,
        "time": iso_us(held.time_us),
        "ends": iso_us(held.ends_us),
        "state": held.state,
    }
