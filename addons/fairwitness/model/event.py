"""What the running proxy tells whoever watches: the terminal, the JSON stream, the control socket."""

from __future__ import annotations

from dataclasses import dataclass

from fairwitness.model.exchange import Request
from fairwitness.model.flag import Answer, Flag
from fairwitness.model.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The port accepts and the gate is open."""

    time_us: int
    listen: str
    evidence: str
    ca: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeEnded:
    """A released request has its response or failure."""

    time_us: int
    id: int
    request: Request
    verdict: Verdict
    status: int | None
    response_bytes: int | None
    duration_us: int
    failure: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A request was answered locally; nothing of it left."""

    time_us: int
    id: int | None
    request: Request
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagRaised:
    """A new flag (its repetitions are silent)."""

    time_us: int
    flag: Flag


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagAnswered:
    """The researcher answered a flag."""

    time_us: int
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A request waits for the researcher, or no longer does."""

    time_us: int
    hold: str
    """``h`` and a number."""
    request: Request
    verdict: Verdict
    ends_us: int
    state: str
    """``waiting`` | ``released`` | ``denied`` | ``timed-out`` | ``client-left``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """A request was, or is being, delayed to keep within a limit."""

    time_us: int
    request: Request
    verdict: Verdict
    delay_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChanged:
    """The policy file changed: in force, waiting to be confirmed, or broken."""

    time_us: int
    state: str
    """``in-force`` | ``waits-for-confirmation`` | ``broken``."""
    sha256: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreState:
    """The store or the gate changed its state."""

    time_us: int
    state: str
    """``recovered`` | ``failed`` | ``gate-open`` | ``gate-closed`` | ``halted`` | ``resumed`` |
    ``warning``."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSeen:
    """Somebody signed in under a name that is not registered; asked once: is it the researcher's own?"""

    time_us: int
    identity: str
    """User name or address, as it was sent."""
    host: str
    exchange: str
    """The sign-in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The proxy has stopped."""

    time_us: int
    reason: str


Event = (
    Ready
    | ExchangeEnded
    | Blocked
    | FlagRaised
    | FlagAnswered
    | Held
    | Throttled
    | PolicyChanged
    | StoreState
    | AccountSeen
    | Stopped
)
