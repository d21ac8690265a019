"""policy.yaml, loaded: what the program allows, with the line that says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from fairwitness.model.verdict import Action, Clause, ScopeList


class Posture(StrEnum):
    """Which defaults the rules take."""

    MANUAL = "manual"
    TOOLS = "tools"
    UNATTENDED = "unattended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Whose policy it is."""

    name: str
    policy_url: str
    contact: str | None = None
    reviewed: str | None = None
    """ISO date of the day on which the researcher last read the policy."""
    review_every_days: int = 30
    rewards: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeEntry:
    """One line of a scope list.  A preset gives many, all with the clause of its line."""

    scope_list: ScopeList
    text: str
    """As written, or the preset's own line."""
    clause: Clause
    host: str | None
    """Canonical name, possibly with stars; None for addresses."""
    network: str | None = None
    """``192.0.2.0/28`` or a single address with its full prefix length; None for names."""
    ports: tuple[int, ...] | None = None
    """None: any port.  Where the entry names none, the standard ports of its schemes."""
    names_port: bool = False
    """Whether the port was written (it breaks ties and opens raw TCP)."""
    scheme: str | None = None
    path: str | None = None
    """Canonical path prefix, None for the whole host."""
    preset: str | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """So many per so long, such as 5/s."""

    count: int
    per_us: int

    def __str__(self) -> str:
        unit = {1_000_000: "s", 60_000_000: "min", 3_600_000_000: "h", 86_400_000_000: "day"}
        return f"{self.count}/{unit.get(self.per_us, f'{self.per_us} us')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Limits on one thing that is counted; None: not limited."""

    rate: Rate | None = None
    burst: int | None = None
    """How many at once; None: one second's worth."""
    concurrent: int | None = None
    requests: Rate | None = None
    """A budget: blocks when spent."""
    by_default: tuple[str, ...] = ()
    """Names of the limits above that the file does not write (``rate``, ``concurrent``, ``requests``):
    the program did not ask for these, so they are courtesy limits whatever `Limits.clause` says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSet:
    """Limits of one kind of traffic."""

    per_host: Meter = field(default_factory=Meter)
    per_endpoint: Meter = field(default_factory=Meter)
    total: Meter = field(default_factory=Meter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How fast and how much."""

    testing: MeterSet
    browsing: MeterSet
    request_body_bytes: int
    """Largest body of unknown length; above it 413."""
    on_exceed: Action
    clause: Clause

    @property
    def is_courtesy(self) -> bool:
        """Whether nobody but the researcher asked for them: then they are never "exceeded"."""
        return self.clause.says is None


@dataclass(frozen=True, slots=True)
class Window:
    """The permitted dates."""

    from_us: int | None
    until_us: int | None
    """First moment that is no longer permitted (the day after `until`, midnight UTC)."""
    clause: Clause


@dataclass(frozen=True, slots=True)
class RuleLine:
    """What policy.yaml says of one rule of engagement."""

    rule: str
    action: Action
    clause: Clause
    options: tuple[tuple[str, str], ...] = ()
    wanted: Action | None = None
    """What the line asks for; stricter than `action` where it lacks the program's own sentence.  None: the
    rule is not written out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identify:
    """How the program wants its researchers to be recognised."""

    headers: tuple[tuple[str, str], ...] = ()
    user_agent_suffix: str | None = None
    nonce_header: str | None = None
    clause: Clause

    @property
    def is_wanted(self) -> bool:
        """Whether the policy asks for anything at all."""
        return bool(self.headers or self.user_agent_suffix or self.nonce_header)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What was allowed in writing; recorded as stated by the researcher."""

    rule: str
    by: str
    date: str
    until_us: int | None
    hosts: tuple[str, ...]
    text: str
    file: str | None
    clause: Clause


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a report must look like."""

    fields: tuple[str, ...] = ("description", "steps", "proof_of_concept", "impact", "affected")
    one_finding_per_report: bool = False
    excluded: tuple[str, ...] = ()
    confidential: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """policy.yaml, loaded."""

    program: Program
    posture: Posture
    entries: tuple[ScopeEntry, ...]
    identify: Identify
    limits: Limits
    window: Window | None
    rules: tuple[RuleLine, ...]
    """One per rule of engagement, those not written out with their default."""
    approvals: tuple[Approval, ...]
    declare: tuple[str, ...]
    report: Report
    text: bytes
    """The file as it was read."""
    sha256: str
    path: str

    def rule(self, name: str) -> RuleLine:
        """The line of a rule.

        Raises:
            KeyError: There is no such rule.
        """
        for line in self.rules:
            if line.rule == name:
                return line
        raise KeyError(name)
