"""What policy.yaml may say: keys, the rules of engagement, and what each does unless told otherwise."""

from __future__ import annotations

from fairwitness.model.policy import Posture
from fairwitness.model.verdict import Action

KEYS: dict[str, tuple[str, ...]] = {
    "": (
        "version",
        "program",
        "posture",
        "scope",
        "identify",
        "limits",
        "window",
        "rules",
        "approvals",
        "declare",
        "report",
    ),
    "program": ("name", "policy_url", "contact", "reviewed", "review_every", "rewards"),
    "scope": ("include", "exclude", "load", "tunnel", "noise", "mine", "says"),
    "scope entry": ("host", "says"),
    "identify": ("headers", "user_agent_suffix", "nonce_header", "says"),
    "limits": ("testing", "browsing", "request_body", "on_exceed", "says"),
    "limits of one kind": ("per_host", "per_endpoint", "total"),
    "meter": ("rate", "burst", "concurrent", "requests"),
    "window": ("from", "until", "says"),
    "rule": ("action", "says"),
    "approval": ("rule", "by", "date", "until", "hosts", "text", "file"),
    "report": ("fields", "one_finding_per_report", "excluded", "confidential"),
}
"""Each block's keys, in the order in which `init` writes them."""

NO_NAME = "my program"
NO_PAGE = "https://in-scope.example/security"
NO_HOST = "in-scope.example"
"""What `init` writes where nobody gave a name, a page, a host.  RFC 2606 reserves it: it allows nothing."""

ACTION_WORDS = {
    "log": Action.ALLOW,
    "warn": Action.WARN,
    "throttle": Action.THROTTLE,
    "hold": Action.HOLD,
    "block": Action.BLOCK,
    "halt": Action.HALT,
}

LIMIT_RULES = ("request-rate", "concurrency", "budget")
"""Their action is `limits.on_exceed` unless their own line says another."""

ACTS_WITHOUT_SENTENCE = frozenset({*LIMIT_RULES, "window"})
"""These may do more than warn though the program's own sentence is not written beside them."""

_DEFAULTS = {
    "request-rate": Action.THROTTLE,
    "concurrency": Action.THROTTLE,
    "budget": Action.THROTTLE,
    "server-distress": Action.HOLD,
    "heavy-request": Action.HOLD,
    "automated-scanner": Action.BLOCK,
    "content-discovery": Action.BLOCK,
    "brute-force": Action.BLOCK,
    "enumeration": Action.BLOCK,
    "destructive-request": Action.HOLD,
    "data-alteration": Action.ALLOW,
    "foreign-account": Action.WARN,
    "foreign-credential": Action.HOLD,
    "personal-data": Action.WARN,
    "bulk-download": Action.WARN,
    "spam": Action.HOLD,
    "public-payload": Action.HOLD,
    "third-party-attack": Action.BLOCK,
    "paid-action": Action.HOLD,
    "missing-identification": Action.WARN,
    "left-behind": Action.ALLOW,
    "excluded-finding": Action.WARN,
    "mixed-report": Action.WARN,
    "window": Action.BLOCK,
    "stale-policy": Action.WARN,
}

RULE_NAMES: tuple[str, ...] = tuple(_DEFAULTS)
"""All rules of engagement, in the order of docs/rules.md."""

RULE_OPTIONS: dict[str, dict[str, tuple[str, ...]]] = {"personal-data": {"bodies": ("whole", "shape")}}
"""Keys that only one rule takes, with their values; the first is the default."""


def default_action(rule: str, posture: Posture) -> Action:
    """What a rule does at its stop threshold when its line names no action.

    Raises:
        KeyError: There is no such rule.
    """
    action = _DEFAULTS[rule]
    # Nobody is there who could release a held request.
    return Action.BLOCK if action is Action.HOLD and posture is Posture.UNATTENDED else action


def unattended_action(action: Action, posture: Posture) -> Action:
    """What a wanted action becomes where nobody watches: hold is block."""
    return Action.BLOCK if action is Action.HOLD and posture is Posture.UNATTENDED else action


def effective_action(rule: str, wanted: Action, *, has_sentence: bool) -> Action:
    """A rule without the program's own sentence may at most warn."""
    if has_sentence or rule in ACTS_WITHOUT_SENTENCE:
        return wanted
    return min(wanted, Action.WARN)
