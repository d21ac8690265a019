"""What an exchange is, in a few bits: a rule that cares for something else is not asked."""

from __future__ import annotations

from fairwitness.model.exchange import Exchange, Request
from fairwitness.model.head import Head

ANY = 1
"""Every request and answer."""
CHANGES = 2
"""Of a method other than GET, HEAD and OPTIONS, or with a header that stands for one."""
SAYS = 4
"""With a query or a body."""
FAILED = 8
"""Without an answer."""
GOOD = 16
"""With an answer below 400."""
SHOWS = 32
"""With an answer that has a body."""

EVERY = ANY | CHANGES | SAYS | FAILED | GOOD | SHOWS

_READS = frozenset(("GET", "HEAD", "OPTIONS"))
_OVERRIDES = frozenset((b"x-http-method-override", b"x-http-method", b"x-method-override"))


def of_request(request: Request) -> int:
    """What a request is."""
    facets = ANY
    if request.method not in _READS or request.head.of(override) is not None:
        facets |= CHANGES
    if request.body or b"?" in request.target:
        facets |= SAYS
    return facets


def of_exchange(exchange: Exchange) -> int:
    """What a request is, and its answer."""
    facets, response = of_request(exchange.request), exchange.response
    if response is None:
        return facets | FAILED
    if response.status < 400:
        facets |= GOOD
    return facets | SHOWS if response.body else facets


def override(head: Head) -> str | None:
    """The method that a header asks for in place of the request's own."""
    for name in head.first_values:
        if name in _OVERRIDES:
            return head.first_values[name].decode("latin-1").strip().upper()
    return None
