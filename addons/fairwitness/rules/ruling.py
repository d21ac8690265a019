"""From what the rules saw to one judgement: the strictest wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fairwitness.model.flag import Flag, Sighting
from fairwitness.model.policy import Policy
from fairwitness.model.verdict import Action, Clause
from fairwitness.rules.approval import approval_for
from fairwitness.rules.judgement import Judgement, RuleFailure
from fairwitness.rules.ledger import BLOCK_US, Ledger
from fairwitness.rules.rule import Rule
from fairwitness.rules.subject import Subject
from fairwitness.rules.terms import Terms, action_for
from fairwitness.rules.words import span

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


def ruling_on(
    rule: Rule,
    sighting: Sighting,
    subject: Subject,
    terms: Terms,
    policy: Policy,
    ledger: Ledger,
    *,
    is_over: bool,
) -> Ruling:
    """What is to happen because of a sighting, and the flag under which it is on record.

    Args:
        is_over: Whether it has happened, so that there is nothing left to delay or to hold.
    """
    action = action_for(sighting, terms, posture=policy.posture)
    clause = terms.clause
    says = sighting.says
    if subject.is_page_made:
        says = f"made by the page {subject.page or '(unknown)'}: {says}"
    approval = approval_for(policy, rule.name, host=subject.host, time_us=subject.time_us)
    if approval is not None:
        action, clause = Action.ALLOW, approval.clause
        says = f"{says}; allowed in writing, as the researcher states"
    if is_over and action in {Action.THROTTLE, Action.HOLD}:
        action = Action.WARN
    dismissed = None if rule.judges_afresh else ledger.dismissed(rule.name, sighting, subject)
    if dismissed is not None:
        return Ruling(dismissed, False, Action.ALLOW, clause, sighting, says)
    let = ledger.let(rule.name, sighting, subject) if action is Action.HOLD else None
    if let is not None:
        return Ruling(let, False, Action.ALLOW, clause, sighting, says)
    stands = action is Action.BLOCK and not (rule.judges_afresh or sighting.retry_after_us)
    flag, is_new = ledger.record(
        rule.name, sighting, subject, action=action, clause=clause, says=says, stands=stands
    )
    if stands:
        ledger.block(flag, subject)
    if action is Action.HOLD:
        ledger.hold(flag, sighting, subject)
    return Ruling(flag, is_new, action, clause, sighting, says)


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
    lasting = ordered[0].flag if action is Action.BLOCK else None
    if standing is not None and action < Action.BLOCK:
        lasting = standing
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
        undo="" if lasting is None else _undo_of(lasting),
        shape_only=any(ruling.sighting.shape_only for ruling in rulings),
    )


def _undo_of(flag: Flag) -> str:
    if flag.blocks_until_us is None:  # a limit or the window, which decide each request afresh
        return ""
    return (
        f"It covers {flag.reach}, and ends within {span(BLOCK_US)}, "
        f"or at once with: fairwitness answer {flag.flag} --as false-alarm --note TEXT"
    )
