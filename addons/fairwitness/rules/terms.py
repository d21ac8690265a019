"""What the policy makes of a sighting."""

from __future__ import annotations

from dataclasses import dataclass

from fairwitness.model.flag import Severity, Sighting
from fairwitness.model.policy import Approval, Policy, Posture
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


def approval_for(policy: Policy, rule: str, *, host: str, time_us: int) -> Approval | None:
    """What was allowed in writing for this rule, host and moment."""
    for approval in policy.approvals:
        if approval.rule != rule or (approval.until_us is not None and time_us >= approval.until_us):
            continue
        if not approval.hosts or any(_covers(pattern.lower(), host.lower()) for pattern in approval.hosts):
            return approval
    return None


def _covers(pattern: str, host: str) -> bool:
    """An approval names hosts, or with ``*.`` all below one; no other star covers anything."""
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and "*" not in pattern[1:]
    return host == pattern
