"""The conduct report's nouns: what a researcher did, within which rules, and what nobody saw.

All ``_us`` are moments in microseconds UTC.
"""

from __future__ import annotations

from dataclasses import dataclass

Facts = tuple[tuple[str, str], ...]


MADE = "made "
DELETED = "deleted again "
"""How flags of `left-behind` begin; what follows is the same for the same object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which part of a log is reported; None: not limited by this."""

    session: int | None = None
    since_us: int | None = None
    until_us: int | None = None

    def has(self, time_us: int, session: int) -> bool:
        """Whether a moment of a session belongs to it."""
        return (
            self.session in (None, session)
            and (self.since_us is None or time_us >= self.since_us)
            and (self.until_us is None or time_us < self.until_us)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConductSession:
    """One run of the proxy, as far as it lies in the span."""

    session: int
    started_us: int
    ended_us: int | None
    last_us: int
    """Its end, else the last moment on record."""
    is_running: bool
    recorded_us: int
    """How much of it lies in the span; a duration, not a moment."""
    facts: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Requests that left for the hosts of one list, and what they carried."""

    scope_list: str
    """``include``, ``mine``, ``load``, ``tunnel``; ``noise``, ``exclude`` and ``none`` should not be here."""
    requests: int
    sent_bytes: int
    received_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """Something that left for a host which was not in scope when it was decided."""

    id: int | None
    """The exchange's number; None: a dial without one."""
    connection: str | None
    """The dial's name; None: an exchange."""
    time_us: int
    method: str
    host: str
    scope_list: str
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """Attempts that were blocked, by who made them; repetitions that share a line of the log count each."""

    page: int
    person: int
    tool: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.page + self.person + self.tool


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedHost:
    """What was blocked of one host."""

    host: str
    scope_list: str
    decision: str
    blocked: Blocked
    first_us: int
    first_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDay:
    """What left for one host on one day (UTC)."""

    host: str
    day: str
    scope_list: str
    requests: int
    first_us: int
    last_us: int
    first_id: int
    last_id: int
    by_status: tuple[int, int, int, int, int]
    """Answers 1xx to 5xx."""
    unanswered: int
    """Failed, open, outcome unknown, or a tunnel, which has no status."""
    by_initiator: tuple[int, int, int]
    """Page, person, tool."""
    sent_bytes: int
    received_bytes: int
    labels: tuple[str, ...]
    marks: tuple[str, ...] | None = None
    """User-Agent and identifying headers of its first and its last request; None: not looked up."""
    addresses: tuple[str, ...] = ()
    """Of servers that were dialled for this host in the span."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopRate:
    """The most testing requests that left for a host within one window, against the limit in force then."""

    host: str
    """``*``: all hosts together."""
    most: int
    window_us: int
    """A duration: that of the limit, one second where none was set."""
    at_us: int
    id: int
    limit: str | None
    """Such as ``5/s``; None: none set."""
    allowed: int | None
    """How many the limit lets through within the window, its burst included."""
    is_courtesy: bool
    """Whether the program did not ask for this limit."""

    @property
    def is_above(self) -> bool:
        """Whether more left than the limit lets through."""
        return self.allowed is not None and self.most > self.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Requests of one hour or day."""

    start_us: int
    page: int
    person: int
    tool: int
    blocked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConductFlag:
    """A flag, without the bytes that show it: they may be secret."""

    flag: str
    rule: str
    severity: str
    action: str
    clause: str
    where: str
    sentence: str | None
    says: str
    initiator: str
    time_us: int
    count: int
    first_id: int | None
    last_id: int | None
    exchanges: int
    answered_as: str | None
    answer_note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDigest:
    """What a policy says, as far as the report shows it."""

    entries: Facts
    rate_per_host: tuple[int, int] | None
    """Requests and microseconds, of the testing meter."""
    at_once: int
    is_courtesy: bool
    rate_total: tuple[int, int] | None
    total_at_once: int
    total_is_courtesy: bool
    approvals: tuple[str, ...]
    identify: tuple[str, ...]
    judged: tuple[str, ...]
    not_judged: tuple[str, ...]
    """Rules that the policy writes out."""
    declare: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """A policy that came into force, or waited to."""

    time_us: int
    session: int
    sha256: str
    why: str
    is_waiting: bool
    """Whether it still waited to be confirmed: both it and the one before were followed."""
    reviewed: str | None
    added: Facts
    removed: Facts
    digest: PolicyDigest | None
    """None where this version cannot read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something noted in the log that a reader must know."""

    kind: str
    """``cut-off`` | ``unknown`` | ``gate`` | ``clock`` | ``fault`` | ``cut-body`` | ``unreadable`` |
    ``erased`` for gaps; ``halt`` | ``resume`` | ``release`` | ``declare`` | ``note`` else."""
    time_us: int | None
    """None: of the whole span, as is a session of None."""
    session: int | None
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dials:
    """Connections that were opened."""

    total: int
    by_list: tuple[tuple[str, int], ...]
    overridden: int
    """To an address that --resolve gave."""
    tunnels: int
    tunnel_sent_bytes: int
    tunnel_received_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """The log that was read."""

    entries: int
    root: str
    """Root of its tree over that many entries, hex."""
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """All facts of a conduct report."""

    program: str
    policy_url: str
    contact: str | None
    version: str
    made_us: int
    span: Span
    sessions: tuple[ConductSession, ...]
    released: tuple[Amount, ...]
    strays: tuple[Stray, ...]
    """The first of them; `stray_count` counts all."""
    stray_count: int
    stray_dials: tuple[Stray, ...]
    """Dials to hosts that were not in scope: the same question, asked of other entries of the log."""
    held_back: int
    """Written as released, then not sent after all: refused for its address, halted, or the gate closed."""
    blocked: Blocked
    blocked_hosts: tuple[BlockedHost, ...]
    host_days: tuple[HostDay, ...]
    rates: tuple[TopRate, ...]
    """The fastest first."""
    bars: tuple[Bar, ...]
    bar_us: int
    flags: tuple[ConductFlag, ...]
    policies: tuple[PolicyChange, ...]
    gaps: tuple[Remark, ...]
    remarks: tuple[Remark, ...]
    dials: Dials
    exports: int
    log: LogState

    def amount(self, scope_list: str) -> Amount:
        """What left for the hosts of a list."""
        for each in self.released:
            if each.scope_list == scope_list:
                return each
        return Amount(scope_list=scope_list, requests=0, sent_bytes=0, received_bytes=0)
