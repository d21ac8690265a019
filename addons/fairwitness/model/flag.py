"""A rule of engagement was, or was about to be, broken."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from fairwitness.model.exchange import Initiator
from fairwitness.model.verdict import Action, Clause


class Severity(IntEnum):
    """What was seen, whatever the action."""

    INFO = 0
    """A hint, or made by a page."""
    CHECK = 1
    """The warn threshold; for limits 80 % of one."""
    STOP = 2
    """The hold or block threshold."""

    @property
    def word(self) -> str:
        """Lower-case name."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where the bytes are that show it.  The text is derived, so that erasing works."""

    exchange: str
    part: str
    """``meta`` | ``head`` | ``body`` | ``response-head`` | ``response-body`` | ``connection``."""
    start: int = 0
    """Byte offset in the part."""
    end: int = 0
    """Byte offset behind the last byte; equal to start: the part as a whole."""


class AnswerAs(StrEnum):
    """How the researcher answers a flag."""

    ACCIDENT = "accident"
    AUTHORISED = "authorised"
    FALSE_ALARM = "false-alarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The researcher's answer to a flag."""

    flag: str
    answered_as: AnswerAs
    note: str
    time_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one rule saw in one exchange; the runner groups sightings into flags."""

    rule: str
    severity: Severity
    says: str
    """What was seen, with numbers: ``31 requests to api.example.com in 1 s; the limit is 5/s``."""
    advice: str
    """What to do now, one sentence."""
    shown_by: tuple[Pointer, ...]
    reach: str
    """What a block would cover: an actor and an endpoint, never a whole host for everybody."""
    delay_us: int = 0
    """For limits: how long until the request would keep within them."""
    waits_for_slot: bool = False
    """For concurrency: it must wait until another request of the same meter has ended."""
    retry_after_us: int = 0
    """For limits: no wait helps before then, so that it is answered 429 instead of waiting."""
    group: str = ""
    """What makes two sightings the same offence; empty: their `reach`."""
    calls_for: Action | None = None
    """The strictest action that this sighting alone warrants; None: as its severity says (stop whatever
    the policy says, check a warning, info nothing but the record)."""
    asks_each_time: bool = False
    """Whether a hold comes again where the researcher has let the same at the same place go before."""
    shape_only: bool = False
    """Whether the body is better kept as a shape only (keys, types, lengths)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A run of identical offences: its first sighting, and what the policy makes of it."""

    flag: str
    """``f`` and a number, unique in the evidence folder."""
    rule: str
    severity: Severity
    action: Action
    clause: Clause
    initiator: Initiator
    exchange: str
    """The first one."""
    time_us: int
    says: str
    advice: str
    shown_by: tuple[Pointer, ...]
    reach: str
    blocks_until_us: int | None = None
    """When a block ends by itself; None where it blocks nothing that comes later."""
    offence: str = ""
    """Hex digits that tell whether another sighting of the rule is the same offence; empty: in an old log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastFlag:
    """A flag of an earlier session, with what the log says of it."""

    flag: Flag
    last_us: int
    """When it was seen last."""
    answer: Answer | None
    was_let_go: bool
    """Whether the request that it held was released."""
