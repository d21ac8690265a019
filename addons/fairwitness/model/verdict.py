"""What happens to a request, and the line of the policy that says so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Action(IntEnum):
    """What may happen, from mild to strict; the strictest of several wins.

    ``log`` in policy.yaml is ALLOW for a rule: its flags are kept and nothing else happens.
    """

    ALLOW = 0
    WARN = 1
    THROTTLE = 2
    HOLD = 3
    BLOCK = 4
    HALT = 5

    @property
    def word(self) -> str:
        """The verdict's name as people and JSON see it."""
        return self.name.lower()


class ScopeList(StrEnum):
    """The lists of policy.yaml's scope; every host belongs to at most one for a given URL."""

    INCLUDE = "include"
    EXCLUDE = "exclude"
    LOAD = "load"
    TUNNEL = "tunnel"
    NOISE = "noise"
    MINE = "mine"


@dataclass(frozen=True, slots=True)
class Clause:
    """One line of the policy that can decide something."""

    id: str
    """Such as ``scope.include[0]``, ``limits``, ``rules.request-rate``, ``default:request-rate``."""
    says: str | None
    """The program's own sentence, or None where the researcher did not write it."""
    where: str
    """``policy.yaml:12``; ``-`` for defaults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What happens to a request or dial, and why.  Names its clause also when it allows."""

    action: Action
    clauses: tuple[Clause, ...]
    """The deciding ones first.  Empty only when nothing in the policy matched."""
    reason: str
    """One sentence for the researcher."""
    scope_list: ScopeList | None = None
    """The list that the destination is on; None: not listed."""
    mend: str | None = None
    """What to do, or to write into policy.yaml, if the researcher has the right; None where nothing helps."""
    host: str = ""
    """Canonical host that decided; empty where the name has no canonical form."""
    flags: tuple[str, ...] = ()
    """Ids of flags that this request raised or continued."""
    delay_us: int = 0
    """How long it was, or is to be, throttled."""
    retry_after_us: int = 0
    """Above zero: the client is told to come back then (429)."""

    @property
    def is_released(self) -> bool:
        """Whether the request may leave."""
        return self.action <= Action.THROTTLE
