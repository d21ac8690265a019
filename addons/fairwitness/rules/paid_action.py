"""paid-action: what buys, upgrades or begins to cost."""

from __future__ import annotations

from collections.abc import Iterator

from fairwitness.model.exchange import Request
from fairwitness.model.flag import Pointer, Severity, Sighting
from fairwitness.rules.deeds import calls_of, is_calls
from fairwitness.rules.facets import CHANGES
from fairwitness.rules.fields import last_word
from fairwitness.rules.hints import Hint, hints_in
from fairwitness.rules.objects import place_of, singular, words_of
from fairwitness.rules.rule import Rule
from fairwitness.rules.vocabulary import NO_PURCHASE, PAYS_BY, PURCHASES, SOLD
from fairwitness.rules.words import reach_of

_METHODS = frozenset(["POST", "PUT", "PATCH"])
_STARTS = frozenset(
    ["activate", "begin", "complete", "confirm", "create", "finish", "place", "start", "submit"]
)


class PaidAction(Rule):
    """Looks for the deed and for what it is paid with; prices, baskets and coupons are free."""

    name = "paid-action"
    summary = "buys, upgrades or begins to cost"
    requests = CHANGES

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """Look at path, fields and GraphQL call."""
        if request.method not in _METHODS or Hint.PAYS not in hints_in(request.target):
            return
        place = place_of(request.raw_path)
        if is_calls(place.kind):
            for call in calls_of(self.known.reading(request)):
                if self._buys(words_of(call)):
                    yield self._sighting(request, f"the call {call[:60]}", "body")
                    return
            return
        words = tuple(singular(word) for word in place.words)
        if not NO_PURCHASE.isdisjoint(words):
            return
        if self._buys(words):
            yield self._sighting(
                request, f"{request.method} to a path that says {' '.join(words[-3:])[:60]}", "head"
            )
        elif not SOLD.isdisjoint(words):
            field = self._payment(request)
            if field:
                yield self._sighting(request, f"a {place.kind[:30]} with the field {field[:40]}", "body")

    def _buys(self, words: tuple[str, ...]) -> bool:
        """Whether the words are a deed: ``buy``, ``upgrade plan``, ``start trial``, ``place order``."""
        said = {singular(word) for word in words}
        if not NO_PURCHASE.isdisjoint(said):
            return False
        return not PURCHASES.isdisjoint(said) or (
            bool(said & _STARTS) and not SOLD.isdisjoint(said - {"billing"})
        )

    def _payment(self, request: Request) -> str:
        """The field that says what it is paid with, or which plan is wanted; empty where there is none."""
        for field in self.known.reading(request).fields:
            if field.place == "body" and field.value and last_word(field.name) in PAYS_BY:
                return field.name
        return ""

    def _sighting(self, request: Request, what: str, part: str) -> Sighting:
        return Sighting(
            rule=self.name,
            severity=Severity.STOP,
            says=f"{what}: this may cost money or change a plan",
            advice="Ask the program for a paid test account, or stay on the free one.",
            shown_by=(Pointer(request.exchange, part),),
            reach=reach_of(request),
        )
