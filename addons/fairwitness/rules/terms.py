"""What the policy makes of a sighting."""

from __future__ import annotations

from dataclasses import dataclass

from fairwitness.model.flag import Severity, Sighting
from fairwitness.model.policy import Policy, Posture
from fairwitness.model.verdict import Action, Clause
from fairwitness.rules.rule import Rule


@dataclass(frozen=True, slots=True)
class Terms:
    """How far one rule may go, and the line that says so."""

    action: Action
    clause: Clause


def terms_of(rule: type[Rule], policy: Policy) -> Terms:
    """The policy's terms for a rule; without the program's own sentence most may at most warn."""
    clause = rule.clause(policy)
    action = rule.action(policy)
    if clause.says is None and not rule.acts_without_says:
        action = min(action, Action.WARN)
    return Terms(action, clause)


def action_for(sighting: Sighting, terms: Terms, *, posture: Posture) -> Action:
    """What is to happen because of one sighting."""
    wanted = sighting.calls_for
    if wanted is None:
        wanted = {Severity.STOP: Action.HALT, Severity.CHECK: Action.WARN, Severity.INFO: Action.ALLOW}[
            sighting.severity
        ]
    action = min(terms.action, wanted)
    if sighting.retry_after_us and action >= Action.THROTTLE:
        return Action.BLOCK
    if action is Action.HOLD and posture is Posture.UNATTENDED:
        return Action.BLOCK  # nobody is there to ask
    return action
