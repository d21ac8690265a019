"""What the rules say of one exchange, dial or message."""

from __future__ import annotations

from dataclasses import dataclass

from fairwitness.model.flag import Flag
from fairwitness.model.verdict import Action, Clause


@dataclass(frozen=True, slots=True)
class RuleFailure:
    """A bug in a rule: this rule did not judge this exchange."""

    rule: str
    exchange: str
    error: str
    """Kind and place of the error, never its message: that may quote the traffic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What all rules together say; the strictest wins."""

    action: Action = Action.ALLOW
    clauses: tuple[Clause, ...] = ()
    """The deciding one first; empty where no rule saw anything."""
    reason: str = ""
    """What the deciding rule saw, one sentence; empty where no rule saw anything."""
    new_flags: tuple[Flag, ...] = ()
    flags: tuple[str, ...] = ()
    """Ids of all flags that were raised or continued."""
    delay_us: int = 0
    """How long it must wait, from when it was received, to keep within the limits."""
    waits_for_slot: bool = False
    """Ask `Runner.has_slot` right before the release, after every wait, until it says yes."""
    retry_after_us: int = 0
    """Above zero: answer 429 with this Retry-After."""
    failures: tuple[RuleFailure, ...] = ()
    reach: str = ""
    """What a block covers: this actor and endpoint."""
    undo: str = ""
    """What a block covers, when it ends, and how it is lifted; empty where only its cause ends it."""
    shape_only: bool = False
    """Whether a rule asks to keep the body as a shape only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterReading:
    """How far a meter is used, for people who watch."""

    name: str
    """The rule: ``request-rate``, ``concurrency``, ``budget``."""
    host: str
    """``*`` for a total over all hosts."""
    metered: str
    """``testing`` | ``browsing``."""
    used: int
    limit: int
    per: str
    """``5/s`` for rates (used and limit are then of the burst), ``open`` for concurrency, ``day`` ... for
    budgets."""
    waiting: int = 0
    """Requests that wait for their place on a rate."""


NOTHING_SEEN = Judgement()
