"""automated-scanner: a scanner, by the name that it gives or by what it does."""

from __future__ import annotations

from collections.abc import Iterator

from fairwitness.detect import ToolKind
from fairwitness.model.exchange import Exchange, Initiator, Request
from fairwitness.model.flag import Severity, Sighting
from fairwitness.rules.ledger import BLOCK_US
from fairwitness.rules.rule import Rule
from fairwitness.rules.trail import Trail
from fairwitness.rules.words import head_of, reach_of

MIDDLE = 6
HIGH = 10
_ADVICE = "Stop the tool, or ask the program for approval; if it was you by hand, answer the flag."


class AutomatedScanner(Rule):
    """Adds up the evidence of an actor's trail, and refuses what it was never given while that is high.

    What was given before goes on: a person beside a misjudged tool is not locked out.
    """

    name = "automated-scanner"
    summary = "a scanner, by its name or by how it behaves"

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """Judge by what was seen until now, this request included."""
        trail = self.known.trails.of(request)
        sighting = self._see(request, trail)
        if sighting is not None:
            yield sighting
        elif (says := self._crawls(request, trail)) is not None:
            yield self._sighting(request, Severity.INFO, f"{says}: a crawler or a loop")

    def on_response(self, exchange: Exchange) -> Iterator[Sighting]:
        """Misses and errors are known only now; what they make up is said at once."""
        trail = self.known.trails.of(exchange.request)
        if not trail.tool:
            sighting = self._see(exchange.request, trail, now_us=exchange.ended_us)
            if sighting is not None:
                yield sighting

    def _see(self, request: Request, trail: Trail, *, now_us: int | None = None) -> Sighting | None:
        is_request = now_us is None
        time_us = request.received_us if now_us is None else now_us
        parts = trail.score(time_us)
        if not parts and time_us >= trail.stopped_until_us:
            return None
        parts = tuple(sorted(parts, key=lambda part: -part.points))
        score = sum(part.points for part in parts)
        says = f"score {score} of {HIGH}: {'; '.join(part.says for part in parts[:5])}"
        if score >= self.threshold(HIGH, request):
            trail.stopped_until_us = time_us + BLOCK_US
            if is_request and not self._is_scanning(request, trail):
                return None
            return self._sighting(request, Severity.STOP, says)
        if is_request and time_us < trail.stopped_until_us and self._is_scanning(request, trail):
            return self._sighting(request, Severity.STOP, f"it scanned a moment ago: {says}")
        if score >= self.threshold(MIDDLE, request):
            return self._sighting(request, Severity.CHECK, says)
        return None

    def _is_scanning(self, request: Request, trail: Trail) -> bool:
        if trail.tool or request.path not in trail.given:
            return True
        reading = self.known.reading(request)
        return bool(reading.sure_attacks or reading.fields)

    def _crawls(self, request: Request, trail: Trail) -> str | None:
        if request.initiator is Initiator.PAGE:  # pages have many parts
            return None
        tool = self.known.reading(request).tool
        if tool is not None and tool.kind is ToolKind.CRAWLER:
            return f"it names itself {tool.name}"
        if trail.is_walking(request.received_us):
            return "it asks for one address after another, faster than a person"
        return trail.crawled(request.received_us)

    def _sighting(self, request: Request, severity: Severity, says: str) -> Sighting:
        return Sighting(
            rule=self.name,
            severity=severity,
            says=says,
            advice=_ADVICE,
            shown_by=head_of(request),
            reach=reach_of(request),
            group=self.known.trails.name_of(request)[:160],
        )
