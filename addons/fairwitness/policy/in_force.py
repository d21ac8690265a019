"""The policy in force, and a changed one that waits until somebody has looked at it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fairwitness.errors import PolicyError
from fairwitness.model.exchange import Destination
from fairwitness.model.policy import Policy
from fairwitness.model.verdict import ScopeList, Verdict
from fairwitness.policy.addresses import AddressGuard, Override
from fairwitness.policy.change import Change, summarise
from fairwitness.policy.meet import meet, only_narrows
from fairwitness.policy.reader import read_policy
from fairwitness.policy.scope import Scope, stricter

_LONGEST_DECIDED = 4096  # characters: so that hostile paths cannot fill the memory either
_MOST_DECIDED = 2048  # verdicts kept: each exchange asks several times, a tool asks for few places
MIN_PREFIX = 8  # hex digits of a hash: a person must have copied them


class PolicyInForce:
    """Decides by the policy in force and, while a changed one waits, by that one too: the stricter wins.

    Args:
        policy: The policy at start.
        overrides: What was said with `--resolve`; they stay through reloads.
    """

    def __init__(self, policy: Policy, *, overrides: tuple[Override, ...] = ()) -> None:
        self._overrides = overrides
        self._confirmed = _Asked(policy, overrides)
        self._waiting: _Asked | None = None
        self._followed = policy
        self._decided: dict[tuple[Destination, ...], Verdict] = {}

    @property
    def policy(self) -> Policy:
        """The one that rules and limits follow; while another waits, the stricter of both."""
        return self._followed

    @property
    def waiting(self) -> Policy | None:
        """The changed policy that waits to be confirmed."""
        return self._waiting.policy if self._waiting else None

    def decide(self, destinations: Sequence[Destination]) -> Verdict:
        """As `Scope.decide`, by both policies while one waits."""
        asked = tuple(destinations)
        verdict = self._decided.get(asked)
        if verdict is None:
            verdict = self._decide(asked)
            if len(self._decided) >= _MOST_DECIDED:
                self._decided.clear()
            if sum(len(each.host) + len(each.path or "") for each in asked) <= _LONGEST_DECIDED:
                self._decided[asked] = verdict
        return verdict

    def _decide(self, destinations: Sequence[Destination]) -> Verdict:
        verdict = self._confirmed.scope.decide(destinations)
        if self._waiting is None:
            return verdict
        other = self._waiting.scope.decide(destinations)
        chosen = stricter(verdict, other)
        if chosen.is_released or verdict.is_released == other.is_released:
            return chosen
        digest = self._waiting.policy.sha256[:12]
        mend = f"The changed policy waits: fairwitness confirm {digest}" if other.is_released else chosen.mend
        return replace(
            chosen,
            mend=mend,
            reason=f"{chosen.reason}, by the {'policy in force' if other.is_released else 'changed policy'}",
        )

    def offer(self, text: bytes, *, path: str) -> Change:
        """Take a changed file: in force at once when it only removes or lowers, else waiting.

        Raises:
            PolicyError: It is broken, or another program's; what was in force stays.
        """
        return self.take(self.consider(text, path=path))

    def consider(self, text: bytes, *, path: str) -> Considered:
        """Read a changed file and compare it, which changes nothing: safe in another thread.

        Raises:
            PolicyError: It is broken, or another program's.
        """
        before = self._confirmed
        offered = read_policy(text, path=path)
        current = before.policy
        _check_same_program(current, offered)
        if offered.sha256 == current.sha256:
            return Considered(Change("same", current, "nothing"), before, before, current)
        summary = summarise(current, offered)
        asked = _Asked(offered, self._overrides)
        if only_narrows(current, offered):
            return Considered(Change("in-force", offered, summary), before, asked, offered)
        both = meet(current, offered)
        return Considered(Change("waits-for-confirmation", offered, summary), before, asked, both)

    def take(self, considered: Considered) -> Change:
        """Let what was considered count from now on, as `offer` does.

        Raises:
            PolicyError: Another policy was confirmed meanwhile, and this one is another program's.
        """
        change = considered.change
        if considered.before is not self._confirmed:
            return self.offer(change.policy.text, path=change.policy.path)
        if change.state == "waits-for-confirmation":
            self._settle(self._confirmed, considered.asked, considered.followed)
        else:
            self._settle(considered.asked, None, considered.followed)
        return change

    def confirm(self, sha256_prefix: str) -> Policy:
        """Put the waiting policy in force.

        Raises:
            PolicyError: None waits, or another than the one that was looked at.
        """
        if self._waiting is None:
            raise PolicyError(
                "no changed policy waits to be confirmed", where="confirm", mend="Save the policy file first"
            )
        digest = self._waiting.policy.sha256
        prefix = sha256_prefix.strip().lower()
        if not re.fullmatch(f"[0-9a-f]{{{MIN_PREFIX},64}}", prefix) or not digest.startswith(prefix):
            raise PolicyError(
                f"the policy that waits is {digest[:12]}",
                where="confirm",
                mend=f"Look at it again, then: fairwitness confirm {digest[:12]}",
            )
        self._settle(self._waiting, None, self._waiting.policy)
        return self.policy

    def refuse_addresses(
        self, host: str, port: int, scope_list: ScopeList | None, addresses: Sequence[str]
    ) -> str | None:
        """Why none of the addresses may be connected to; None where they may.  Both policies are asked."""
        why = self._confirmed.guard.refuse(host, port, scope_list, addresses)
        if why is None and self._waiting is not None:
            why = self._waiting.guard.refuse(host, port, scope_list, addresses)
        return why

    def override(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses that `--resolve` gives; empty where it gives none."""
        return self._confirmed.guard.override(host, port)

    def _settle(self, confirmed: _Asked, waiting: _Asked | None, followed: Policy) -> None:
        self._confirmed, self._waiting = confirmed, waiting
        self._decided.clear()
        self._followed = followed


class _Asked:
    """A policy with what is built from it."""

    __slots__ = ("guard", "policy", "scope")

    def __init__(self, policy: Policy, overrides: tuple[Override, ...]) -> None:
        self.policy = policy
        self.scope = Scope(policy)
        self.guard = AddressGuard(policy, overrides=overrides)


@dataclass(frozen=True, slots=True)
class Considered:
    """A changed policy, read and compared with the one in force."""

    change: Change
    """What becomes of it."""
    before: _Asked
    """What it was compared with."""
    asked: _Asked
    followed: Policy
    """What rules and limits will follow."""


def _check_same_program(current: Policy, offered: Policy) -> None:
    one, other = current.program, offered.program
    if (one.name, one.policy_url) != (other.name, other.policy_url):
        raise PolicyError(
            f"the changed policy is {other.name!r}'s, and this log is {one.name!r}'s",
            where=offered.path,
            mend="Put program.name and program.policy_url back, or start a session for that program",
        )
