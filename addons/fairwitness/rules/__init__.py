"""Was it fair?  One rule of engagement per file, one line per rule below."""

from fairwitness.rules.accounts import Accounts, SignIn
from fairwitness.rules.automated_scanner import AutomatedScanner
from fairwitness.rules.brute_force import BruteForce
from fairwitness.rules.budget import Budget
from fairwitness.rules.bulk_download import BulkDownload
from fairwitness.rules.concurrency import Concurrency
from fairwitness.rules.content_discovery import ContentDiscovery
from fairwitness.rules.data_alteration import DataAlteration
from fairwitness.rules.destructive_request import DestructiveRequest
from fairwitness.rules.enumeration import Enumeration
from fairwitness.rules.excluded_finding import ExcludedFinding
from fairwitness.rules.foreign_account import ForeignAccount
from fairwitness.rules.foreign_credential import ForeignCredential
from fairwitness.rules.heavy_request import HeavyRequest
from fairwitness.rules.initiator import Initiators
from fairwitness.rules.judgement import Judgement, MeterReading, RuleFailure
from fairwitness.rules.knowledge import Knowledge
from fairwitness.rules.ledger import BLOCK_US
from fairwitness.rules.left_behind import LeftBehind
from fairwitness.rules.missing_identification import MissingIdentification
from fairwitness.rules.mixed_report import MixedReport
from fairwitness.rules.paid_action import PaidAction
from fairwitness.rules.personal_data import PersonalData
from fairwitness.rules.public_payload import PublicPayload
from fairwitness.rules.report_rule import ReportRule, objections_of
from fairwitness.rules.request_rate import RequestRate
from fairwitness.rules.rule import Rule
from fairwitness.rules.runner import Runner
from fairwitness.rules.server_distress import ServerDistress
from fairwitness.rules.spam import Spam
from fairwitness.rules.stale_policy import StalePolicy
from fairwitness.rules.third_party_attack import ThirdPartyAttack
from fairwitness.rules.window import Window

RULES: tuple[type[Rule], ...] = (
    Concurrency,  # before the rates: a place in time is taken only once there is a slot
    RequestRate,
    Budget,
    DestructiveRequest,
    HeavyRequest,
    ServerDistress,
    AutomatedScanner,
    ContentDiscovery,
    Enumeration,
    DataAlteration,
    PaidAction,
    BulkDownload,
    LeftBehind,
    MissingIdentification,
    BruteForce,
    ForeignAccount,
    ForeignCredential,
    PersonalData,
    Window,
    StalePolicy,
    ThirdPartyAttack,
    Spam,
    PublicPayload,
)

REPORT_RULES: tuple[type[ReportRule], ...] = (ExcludedFinding, MixedReport)
"""Those that look at a finding, not at traffic."""

__all__ = [
    "BLOCK_US",
    "REPORT_RULES",
    "RULES",
    "Accounts",
    "Initiators",
    "Judgement",
    "Knowledge",
    "MeterReading",
    "ReportRule",
    "Rule",
    "RuleFailure",
    "Runner",
    "SignIn",
    "objections_of",
]
