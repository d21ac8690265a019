"""What the program allowed in writing, as the researcher states."""

from __future__ import annotations

from fairwitness.model.policy import Approval, Policy


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
