"""What happened, provably?  An append-only Merkle log, its store, and how it is read."""

from fairwitness.evidence.counts import Counts
from fairwitness.evidence.keep import Keep
from fairwitness.evidence.lock import Holder, holder_of
from fairwitness.evidence.log import Log
from fairwitness.evidence.problems import Problem
from fairwitness.evidence.reader import Reader
from fairwitness.evidence.sessions import SessionRow
from fairwitness.evidence.snapshot import Snapshot
from fairwitness.evidence.streaming import BodyWriter
from fairwitness.evidence.summary import Summary, summarise

__all__ = [
    "BodyWriter",
    "Counts",
    "Holder",
    "Keep",
    "Log",
    "Problem",
    "Reader",
    "SessionRow",
    "Snapshot",
    "Summary",
    "holder_of",
    "summarise",
]
