"""From what the rules saw to one judgement: the strictest wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fairwitness.model.flag import Flag, Sighting
from fairwitness.model.verdict import Action, Clause
from fairwitness.rules.judgement import Judgement, RuleFailure

PACE_US = 1_000_000  # what a throttle costs where the rule that asks for it names no delay of its own


@dataclass(frozen=True, slots=True)
class Ruling:
    """One sighting with what the policy makes of it."""

    flag: Flag
    is_new: bool
    action: Action
    clause: Clause
    sighting: Sighting
    says: str

    @property
    def delay_us(self) -> int:
        """How long the request must wait because of it."""
        if self.sighting.delay_us or self.sighting.waits_for_slot or self.action is not Action.THROTTLE:
            return self.sighting.delay_us
        return PACE_US


def judgement_of(
    rulings: Sequence[Ruling], standing: Flag | None, failures: tuple[RuleFailure, ...]
) -> Judgement:
    """What all rulings on one exchange amount to, a block that still stands included."""
    ordered = sorted(rulings, key=lambda ruling: (-ruling.action, -ruling.sighting.severity))
    action = ordered[0].action if ordered else Action.ALLOW
    clauses = [ruling.clause for ruling in ordered]
    flags = [ruling.flag.flag for ruling in ordered]
    reason = ordered[0].says if ordered else ""
    reach = ordered[0].sighting.reach if ordered else ""
    if standing is not None and action < Action.BLOCK:
        action, reason, reach = (
            Action.BLOCK,
            f"blocked since {standing.flag}: {standing.says}",
            standing.reach,
        )
        clauses.insert(0, standing.clause)
        flags.insert(0, standing.flag)
    acting = [ruling for ruling in rulings if ruling.action >= Action.THROTTLE]
    delay_us = max((ruling.delay_us for ruling in acting), default=0)
    retry_us = max((ruling.sighting.retry_after_us for ruling in acting), default=0)
    return Judgement(
        action=action,
        clauses=tuple(dict.fromkeys(clauses)),
        reason=reason,
        new_flags=tuple(ruling.flag for ruling in ordered if ruling.is_new),
        flags=tuple(dict.fromkeys(flags)),
        delay_us=delay_us if action < Action.BLOCK else 0,
        waits_for_slot=action < Action.BLOCK and any(r.sighting.waits_for_slot for r in acting),
        retry_after_us=retry_us if action is Action.BLOCK else 0,
        failures=failures,
        reach=reach,
        shape_only=any(ruling.sighting.shape_only for ruling in rulings),
    )
