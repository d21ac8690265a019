"""What the conduct report shows of a policy that the log holds."""

from __future__ import annotations

from fairwitness.errors import PolicyError
from fairwitness.model.conduct import PolicyDigest
from fairwitness.model.policy import Approval, Identify, Meter, Policy, ScopeEntry
from fairwitness.policy import read_policy
from fairwitness.rules import RULES
from fairwitness.rules.bucket import at_once
from fairwitness.rules.request_rate import RequestRate


def digest_policy(text: bytes) -> PolicyDigest | None:
    """The digest of a policy's text; None where this version cannot read it."""
    try:
        policy = read_policy(text, path="policy.yaml")
    except PolicyError:
        return None
    judged = {rule.name for rule in RULES}
    per_host, total = policy.limits.testing.per_host, policy.limits.testing.total
    return PolicyDigest(
        entries=tuple(dict.fromkeys(map(_entry, policy.entries))),
        rate_per_host=_rate(per_host),
        at_once=at_once(per_host.rate, per_host.burst) if per_host.rate else 0,
        is_courtesy=_is_courtesy(policy, per_host),
        rate_total=_rate(total),
        total_at_once=at_once(total.rate, total.burst) if total.rate else 0,
        total_is_courtesy=_is_courtesy(policy, total),
        approvals=tuple(map(_approval, policy.approvals)),
        identify=_identify(policy.identify),
        judged=tuple(line.rule for line in policy.rules if line.rule in judged),
        not_judged=tuple(
            line.rule for line in policy.rules if line.rule not in judged and line.wanted is not None
        ),
        declare=policy.declare,
    )


def _entry(entry: ScopeEntry) -> tuple[str, str]:
    return entry.scope_list.value, f"preset:{entry.preset}" if entry.preset else entry.text


def _rate(meter: Meter) -> tuple[int, int] | None:
    return (meter.rate.count, meter.rate.per_us) if meter.rate is not None else None


def _is_courtesy(policy: Policy, meter: Meter) -> bool:
    return RequestRate.clause(policy).says is None or "rate" in meter.by_default


def _approval(approval: Approval) -> str:
    hosts = ", ".join(approval.hosts) or "all hosts"
    words = f"{approval.rule} for {hosts}, by {approval.by} on {approval.date}: {approval.text}"
    return f"{words} ({approval.file})" if approval.file else words


def _identify(identify: Identify) -> tuple[str, ...]:
    words = [f"{name}: {value}" for name, value in identify.headers]
    if identify.user_agent_suffix:
        words.append(f"User-Agent ends with {identify.user_agent_suffix}")
    if identify.nonce_header:
        words.append(f"{identify.nonce_header}: a number of its own for each request")
    return tuple(words)
