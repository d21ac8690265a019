"""Tells who follows a redirect out of the scope that the redirect is all that a report needs."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from fairwitness.model.exchange import STANDARD_PORTS, Exchange, Request
from fairwitness.model.verdict import ScopeList, Verdict
from fairwitness.rules.bounded import Recent
from fairwitness.rules.redirects import redirect_target

_TARGETS = 256

_Place = tuple[str, str, int | None, str, str]


class Redirects:
    """Where answers in scope have lately led; the oldest of 256 is forgotten first."""

    def __init__(self) -> None:
        self._given_by: Recent[_Place, int] = Recent(_TARGETS)

    def learn(self, exchange: Exchange, number: int) -> None:
        """Keep where an answer in scope leads; *number* is its exchange's."""
        target = redirect_target(exchange)
        place = None if target is None else _place_of(target)
        if place is not None:
            self._given_by.put(place, number)

    def advise(self, request: Request, verdict: Verdict) -> Verdict:
        """The refusal, which says so where an answer in scope led to what the scope refuses."""
        if verdict.scope_list not in {None, ScopeList.EXCLUDE, ScopeList.NOISE}:
            return verdict
        place = _place_of(request.url)
        number = None if place is None else self._given_by.get(place)
        if number is None:
            return verdict
        advice = f"Exchange {number} redirected here: the redirect itself is your proof, do not fetch this"
        return replace(verdict, mend=f"{advice}. {verdict.mend}" if verdict.mend else advice)


def _place_of(url: str) -> _Place | None:
    try:
        parts = urlsplit(url)
        port = parts.port or STANDARD_PORTS.get(parts.scheme)
    except ValueError:  # no URL, or no port
        return None
    return parts.scheme, parts.hostname or "", port, parts.path or "/", parts.query
