"""How rules speak of requests, places and times."""

from __future__ import annotations

from fairwitness.model.exchange import Request
from fairwitness.model.flag import Pointer
from fairwitness.rules.endpoint import endpoint_of

_ACTOR = 160  # characters of an actor's name that people are shown; a User-Agent may be any length


def span(time_us: int) -> str:
    """``0.4 s``, ``6 s``, ``15 min``, ``2 h``, ``1 day`` for a length of time."""
    for unit, name in ((86_400_000_000, "day"), (3_600_000_000, "h"), (60_000_000, "min")):
        if time_us >= unit and time_us % unit == 0:
            return f"{time_us // unit} {name}"
    return f"{time_us / 1_000_000:.3g} s" if time_us < 100_000_000 else f"{time_us // 1_000_000} s"


def reach_of(request: Request) -> str:
    """What a block of this request covers: its actor and its endpoint."""
    return f"{request.actor[:_ACTOR]} at {endpoint_of(request)}"


def head_of(request: Request) -> tuple[Pointer, ...]:
    """The request's start line and headers."""
    return (Pointer(request.exchange, "head"),)
