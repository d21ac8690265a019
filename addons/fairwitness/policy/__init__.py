"""May it go out?"""

from fairwitness.policy.addresses import AddressGuard, Override, parse_override
from fairwitness.policy.change import Change
from fairwitness.policy.check import Remark, check_policy
from fairwitness.policy.draft import DraftAnswers, draft_policy
from fairwitness.policy.edit import add_hosts, add_scope
from fairwitness.policy.hosts import canonical_host
from fairwitness.policy.in_force import Considered, PolicyInForce
from fairwitness.policy.known import RULE_NAMES, default_action
from fairwitness.policy.personal import accounts_text, read_accounts, read_researcher, researcher_text
from fairwitness.policy.reader import load_policy, read_policy
from fairwitness.policy.scope import Scope
from fairwitness.policy.suffixes import site_of
from fairwitness.policy.suggest import Suggestion, WantedHost, suggest_hosts

__all__ = [
    "RULE_NAMES",
    "AddressGuard",
    "Change",
    "Considered",
    "DraftAnswers",
    "Override",
    "PolicyInForce",
    "Remark",
    "Scope",
    "Suggestion",
    "WantedHost",
    "accounts_text",
    "add_hosts",
    "add_scope",
    "canonical_host",
    "check_policy",
    "default_action",
    "draft_policy",
    "load_policy",
    "parse_override",
    "read_accounts",
    "read_policy",
    "read_researcher",
    "researcher_text",
    "site_of",
    "suggest_hosts",
]
