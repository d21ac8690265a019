"""The conductor: ask, write, release, look, write.  Knows neither mitmproxy nor a clock of its own."""

from fairwitness.evidence import BodyWriter
from fairwitness.witness.asked import Asked
from fairwitness.witness.conductor import Witness
from fairwitness.witness.heads import head_verdict, refused
from fairwitness.witness.replay import replay
from fairwitness.witness.status import EvidenceStatus, MeterStatus, Status

__all__ = [
    "Asked",
    "BodyWriter",
    "EvidenceStatus",
    "MeterStatus",
    "Status",
    "Witness",
    "head_verdict",
    "refused",
    "replay",
]
