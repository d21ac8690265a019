"""content-discovery: guessing paths that nothing links."""

from __future__ import annotations

from collections.abc import Iterator

from fairwitness.model.exchange import Exchange, Request
from fairwitness.model.flag import Severity, Sighting
from fairwitness.rules.rule import Rule
from fairwitness.rules.trail import Kind
from fairwitness.rules.words import head_of, reach_of

MANY = 15
TOO_MANY = 40


class ContentDiscovery(Rule):
    """Counts an actor's different paths that no answer linked and that miss, within 10 minutes.

    A site that answers every path alike is understood too.
    """

    name = "content-discovery"
    summary = "guessing paths that no page links"

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """After too many misses, another guess does not leave."""
        trail = self.known.trails.of(request)
        count = trail.count(Kind.MISS, request.received_us)
        if count < self.threshold(TOO_MANY, request) or request.path in trail.given:
            return
        if not self.known.trails.given.links(request):
            yield self._sighting(request, Severity.STOP, count)

    def on_response(self, exchange: Exchange) -> Iterator[Sighting]:
        """Say so as soon as there are many."""
        request = exchange.request
        count = self.known.trails.of(request).count(Kind.MISS, exchange.ended_us)
        if self.threshold(MANY, request) <= count < self.threshold(TOO_MANY, request):
            yield self._sighting(request, Severity.CHECK, count)

    def _sighting(self, request: Request, severity: Severity, count: int) -> Sighting:
        return Sighting(
            rule=self.name,
            severity=severity,
            says=f"{count} different paths that nothing linked and that miss, within 10 min",
            advice="Stop guessing, or ask the program for approval.",
            shown_by=head_of(request),
            reach=reach_of(request),
            group=self.known.trails.name_of(request)[:160],
        )
