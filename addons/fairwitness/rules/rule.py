"""A rule of engagement: one file, one class, one line in ``rules/__init__.py``."""
# ruff: noqa: ARG002 - hooks that do nothing use nothing

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import ClassVar, Self

from fairwitness.model.connection import Callers, Connection
from fairwitness.model.exchange import Exchange, Request
from fairwitness.model.flag import Sighting
from fairwitness.model.message import Message
from fairwitness.model.policy import Policy, Posture, RuleLine
from fairwitness.model.verdict import Action, Clause
from fairwitness.rules.approval import approval_for
from fairwitness.rules.facets import ANY
from fairwitness.rules.judgement import MeterReading
from fairwitness.rules.knowledge import Knowledge

TOOLS_FACTOR = 5  # how much more is free for a labelled tool that was allowed, where the posture is `tools`


class Where(Enum):
    """Which requests a rule is shown."""

    IN_SCOPE = "in scope"
    """Those for hosts that may be tested."""
    ELSEWHERE = "elsewhere"
    """Those for every other host."""
    EVERYWHERE = "everywhere"
    """All."""

    def covers(self, *, in_scope: bool) -> bool:
        """Whether a rule that looks here is shown such a request."""
        return self is Where.EVERYWHERE or in_scope is (self is Where.IN_SCOPE)


def line_of(policy: Policy, name: str) -> RuleLine:
    """The policy's line for a rule; one that the policy does not know may warn."""
    for line in policy.rules:
        if line.rule == name:
            return line
    return RuleLine(rule=name, action=Action.WARN, clause=Clause(f"default:{name}", None, "-"))


class Rule:
    """What a rule may do; it overrides the hooks that it needs and leaves the others.

    A rule sees frozen exchanges and their own times only: no clock, no files, no network, so that a
    recording is judged as live traffic is.  It keeps no more state than it bounds (`bounded.Recent`).
    It yields what it saw; what happens then is the policy's matter and the runner's.
    """

    name: ClassVar[str]
    """As in policy.yaml and docs/rules.md; the file and the class share it."""
    summary: ClassVar[str]
    """What it flags, one line."""
    where: ClassVar[Where] = Where.IN_SCOPE
    acts_without_says: ClassVar[bool] = False
    """Whether it may do more than warn where the program's own sentence is missing (limits, window)."""
    judges_afresh: ClassVar[bool] = False
    """Whether each request is decided by itself: then no block outlasts its cause and no answer lifts it."""

    requests: ClassVar[int] = ANY
    """Which requests `on_request` is shown, as bits of `facets`: those that have any of them."""
    answers: ClassVar[int] = ANY
    """The same for `on_response`."""

    known: Knowledge
    """What all rules know in common; the runner sets it before it calls any hook."""

    def __init__(self, policy: Policy) -> None:
        self.adopt(policy)

    @classmethod
    def for_policy(cls, policy: Policy) -> Self | None:
        """The rule for a policy; None where the policy gives it nothing to watch."""
        return cls(policy)

    @classmethod
    def action(cls, policy: Policy) -> Action:
        """The strictest action that the policy lets this rule take."""
        return line_of(policy, cls.name).action

    @classmethod
    def clause(cls, policy: Policy) -> Clause:
        """The line of the policy that this rule's flags name."""
        return line_of(policy, cls.name).clause

    def adopt(self, policy: Policy) -> None:
        """Follow a policy, the first or a changed one, and keep what was seen."""
        self.policy = policy

    def threshold(self, count: int, request: Request) -> int:
        """From how many on a rule acts: more under `posture: tools`, for a labelled tool with an approval."""
        if self.policy.posture is not Posture.TOOLS or not request.client.label:
            return count
        time_us = request.received_us
        is_approved = approval_for(self.policy, "automated-scanner", host=request.host, time_us=time_us)
        return count * TOOLS_FACTOR if is_approved else count

    def at_start(self, now_us: int) -> Iterable[Sighting]:
        """Said once, when the session begins."""
        return ()

    def on_connection(self, connection: Connection) -> Iterable[Sighting]:
        """A dial, before it is made."""
        return ()

    def on_callers(self, callers: Callers) -> Iterable[Sighting]:
        """The connections of one client address, once a second while some of them are silent."""
        return ()

    def on_request(self, request: Request) -> Iterable[Sighting]:
        """A request, before anything of it leaves."""
        return ()

    def on_response(self, exchange: Exchange) -> Iterable[Sighting]:
        """A released request with its response or failure."""
        return ()

    def on_message(self, message: Message, request: Request) -> Iterable[Sighting]:
        """A WebSocket or TCP message, one that is sent before it leaves."""
        return ()

    def on_started(self, request: Request, time_us: int) -> None:
        """The request was released, at this moment."""

    def on_ended(self, request: Request, time_us: int) -> None:
        """Its answer's last byte, or its failure."""

    def on_gave_up(self, request: Request) -> None:
        """It was never released."""

    def has_slot(self, request: Request, now_us: int | None) -> bool:
        """Whether the request may be released now; yes takes the slot.  Asked right before the release.

        Only here a rule learns the time of something that is no exchange's own, and only live: a
        recording is judged by what was tried, so there it is None.
        """
        return True

    def readings(self, now_us: int) -> Iterable[MeterReading]:
        """How far this rule's meters are used."""
        return ()
