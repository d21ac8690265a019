"""What the researcher orders with a key; each is what a command of the program would do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fairwitness.control.wire import Question, Value, WireError
from fairwitness.errors import FairwitnessError
from fairwitness.policy import Suggestion

_HALT_REASON = "halted by the researcher at the live terminal"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to the running proxy, as another terminal would ask it."""

    question: Question
    done: str
    """What is said when it is done."""


@dataclass(frozen=True, slots=True)
class Added(Asked):
    """Hosts to add; each must have been seen."""

    hosts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Declared:
    """The answer to a declared rule."""

    rule: str
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Registered:
    """A sign-in was the researcher's own, into the account *name*; None: it was not."""

    identity: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Stop:
    """End the run."""


Order = Asked | Declared | Registered | Stop


def answer_hold(hold: str, *, release: bool) -> Order:
    """Let a held request go, or refuse it."""
    do, done = ("release", "released") if release else ("deny", "denied")
    return Asked(Question(do, {"hold": hold}), f"{hold} {done}")


def allow(suggestions: tuple[Suggestion, ...]) -> Added:
    """Add hosts where they suit; a suggestion never names include."""
    entries = tuple(
        dict.fromkeys(
            f"{each.scope_list.value} {f'preset:{each.preset}' if each.preset else each.host}"
            for each in suggestions
        )
    )
    words = f"added {len(entries)}: {', '.join(entries)}"
    return Added(Question("allow", {"entries": entries}), words, frozenset(each.host for each in suggestions))


def confirm(sha256: str) -> Order:
    """Put the waiting policy in force."""
    return Asked(Question("confirm", {"sha256": sha256}), f"policy {sha256[:12]} is in force")


def halt() -> Order:
    """Block everything."""
    return Asked(Question("halt", {"reason": _HALT_REASON}), "halted")


def resume(reason: str) -> Order:
    """End a halt."""
    return Asked(Question("resume", {"reason": reason}), "resumed")


def answer_flag(flag: str, answered_as: str, note: str) -> Order:
    """Answer a flag."""
    question = Question("answer", {"flag": flag, "as": answered_as, "note": note})
    return Asked(question, f"{flag} answered: {answered_as}")


async def carry_out(order: Asked, ask: Callable[[Question], Awaitable[Value]]) -> str:
    """Ask the running proxy; what to say of it."""
    try:
        reply = await ask(order.question)
    except (FairwitnessError, WireError) as error:
        return f"not done: {error}"
    if isinstance(reply, dict) and reply.get("state") == "waits-for-confirmation":
        return "written, but the file held other changes that wait: c confirms all"
    if isinstance(reply, dict) and reply.get("state") == "same":
        return "they are listed already"
    return order.done
