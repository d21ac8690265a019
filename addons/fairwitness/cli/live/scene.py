"""Everything that one picture shows, and nothing that it does not: equal scenes need no new picture."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from fairwitness.cli.live.memory import FlagLine, Line, Remark
from fairwitness.policy import Suggestion
from fairwitness.witness import EvidenceStatus, MeterStatus


class AskKind(Enum):
    """What the researcher is asked."""

    HOLD = "hold"
    DECLARE = "declare"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing that waits for y or n."""

    kind: AskKind
    name: str
    """The hold, the declared rule, or the name that signed in."""
    words: str
    seconds_left: int | None
    """None: it does not end by itself."""


class Mode(Enum):
    """What keys mean."""

    WATCH = "watch"
    REASON = "reason"
    """Types why traffic may go on after a halt."""
    CONFIRM = "confirm"
    """Asked whether the waiting policy shall be in force."""
    FLAGS = "flags"
    NOTE = "note"
    """Types the note of an answer to a flag."""
    NAME = "name"
    """Types the name of an account."""
    WANTED = "wanted"
    HELP = "help"
    QUIT = "quit"
    """Asked whether to stop although something is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """How far the conversation has come."""

    mode: Mode = Mode.WATCH
    text: str = ""
    """What is being typed."""
    cursor: int = 0
    """Which flag, wanted host or asked thing is meant."""
    subject: str = ""
    """The flag, policy or name that the conversation is about."""
    listed: tuple[Suggestion, ...] = ()
    """The wanted hosts as they were when their page was opened: what a page asks for moves no line of it."""
    choice: str = ""
    """How a flag is answered."""
    said: str = ""
    """What came of the last key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The whole screen."""

    program: str
    listen: str
    evidence: str
    session: int
    note: str
    minutes: int
    gate: str
    reason: str
    policy: str
    waiting_policy: str
    """Its SHA-256; empty: none waits."""
    waiting_summary: str
    released: int
    blocked: int
    open_requests: int
    throttled: int
    flags_open: int
    log: EvidenceStatus
    meters: tuple[MeterStatus, ...]
    lines: tuple[Line, ...]
    """The newest last."""
    flags: tuple[FlagLine, ...]
    """The newest first."""
    asks: tuple[Ask, ...]
    wanted: tuple[Suggestion, ...]
    remark: Remark | None
    dialogue: Dialogue

    @property
    def open_flags(self) -> tuple[FlagLine, ...]:
        """Those that are not answered, the newest first."""
        return tuple(each for each in self.flags if each.is_open)
