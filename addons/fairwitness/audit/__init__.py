"""What did others record?  Each format's file turns recordings into exchanges, one at a time.

A mitmproxy dump is read in ``proxy/dump.py``, because only that room knows mitmproxy.
"""

from __future__ import annotations

from fairwitness.audit.burp import BURP
from fairwitness.audit.har import HAR
from fairwitness.audit.order import InOrder
from fairwitness.audit.source import Source, open_recording, source_of

SOURCES: tuple[Source, ...] = (HAR, BURP)

__all__ = ["SOURCES", "InOrder", "Source", "open_recording", "source_of"]
