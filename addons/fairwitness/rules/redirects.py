"""Where an answer leads, when it is a redirect."""

from __future__ import annotations

from urllib.parse import urljoin

from fairwitness.model.exchange import Exchange

_STATUSES = frozenset({301, 302, 303, 307, 308})
_LOCATION_CHARS = 8192


def redirect_target(exchange: Exchange) -> str | None:
    """The URL that a client is sent to, without its fragment; None where it is sent nowhere."""
    response = exchange.response
    if response is None or response.status not in _STATUSES:
        return None
    location = response.header("location") or ""
    if not 0 < len(location) <= _LOCATION_CHARS:
        return None
    try:
        return urljoin(exchange.request.url, location).split("#", 1)[0]
    except ValueError:  # a Location that is no URL leads nowhere
        return None
