"""The kinds of traffic: one short errand each, all of them on loopback."""

from __future__ import annotations

from fairwitness.testing.soak.errands.bodies import BODIES
from fairwitness.testing.soak.errands.errand import LEFT, Errand, Kind
from fairwitness.testing.soak.errands.http2 import HTTP2
from fairwitness.testing.soak.errands.partings import PARTINGS
from fairwitness.testing.soak.errands.plain import PLAIN
from fairwitness.testing.soak.errands.rough import ROUGH, rough
from fairwitness.testing.soak.errands.sockets import SOCKETS

KINDS: tuple[Kind, ...] = (*PLAIN, *BODIES, *HTTP2, *SOCKETS, *PARTINGS, *ROUGH)
"""All of them; each is as likely as another."""

__all__ = ["KINDS", "LEFT", "Errand", "Kind", "rough"]
