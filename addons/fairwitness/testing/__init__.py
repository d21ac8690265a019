"""A laboratory for tests and benches: origins that count, the real proxy, clients that lie.

Nothing here imports mitmproxy or a test framework.
"""

from __future__ import annotations

from fairwitness.testing.authority import Authority, key_pin
from fairwitness.testing.client import Disconnected, RawClient, Reply, curl
from fairwitness.testing.client_http2 import Http2Client
from fairwitness.testing.client_websocket import WebSocketClient
from fairwitness.testing.hello import Hello
from fairwitness.testing.origin import Origin
from fairwitness.testing.policy_text import WIDE_LIMITS, policy_text
from fairwitness.testing.proxy import Proxy, Told
from fairwitness.testing.site import Answer, Ending, pattern_chunks, pattern_sha256, text_answer
from fairwitness.testing.tally import PATIENCE_S, Counts, SeenMessage, SeenRequest
from fairwitness.testing.town import GREETING, Town, is_blocked

__all__ = [
    "GREETING",
    "PATIENCE_S",
    "WIDE_LIMITS",
    "Answer",
    "Authority",
    "Counts",
    "Disconnected",
    "Ending",
    "Hello",
    "Http2Client",
    "Origin",
    "Proxy",
    "RawClient",
    "Reply",
    "SeenMessage",
    "SeenRequest",
    "Told",
    "Town",
    "WebSocketClient",
    "curl",
    "is_blocked",
    "key_pin",
    "pattern_chunks",
    "pattern_sha256",
    "policy_text",
    "text_answer",
]
