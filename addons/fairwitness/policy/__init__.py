"""May it go out?"""

from fairwitness.policy.addresses import AddressGuard, Override, parse_override
from fairwitness.policy.hosts import canonical_host
from fairwitness.policy.known import RULE_NAMES, default_action
from fairwitness.policy.reader import load_policy, read_policy
from fairwitness.policy.scope import Scope

__all__ = [
    "RULE_NAMES",
    "AddressGuard",
    "Override",
    "Scope",
    "canonical_host",
    "default_action",
    "load_policy",
    "parse_override",
    "read_policy",
]
