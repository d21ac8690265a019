"""data-alteration: changes to objects that the log does not show as the researcher's."""

from __future__ import annotations

from collections.abc import Iterator

from fairwitness.model.exchange import Exchange, Request
from fairwitness.model.flag import Pointer, Severity, Sighting
from fairwitness.rules.deeds import calls_of, destroys, is_harmless
from fairwitness.rules.facets import CHANGES
from fairwitness.rules.objects import Object, called, place_of, words_of
from fairwitness.rules.ownership import Standing
from fairwitness.rules.rule import Rule
from fairwitness.rules.vocabulary import BASKETS, VERBS
from fairwitness.rules.words import reach_of

_METHODS = frozenset(["POST", "PUT", "PATCH"])


class DataAlteration(Rule):
    """Asks whose the thing is that a request changes; what deletes is another rule's matter."""

    name = "data-alteration"
    summary = "changes what the log does not show as yours"
    requests = CHANGES
    answers = CHANGES

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """Look at the object that it would change."""
        wanted = self._wanted(request)
        if wanted is None:
            return
        reading = self.known.reading(request)
        standing = self.known.ownership.standing(reading, kind=wanted.kind)
        if standing is Standing.OWN or destroys(reading) is not None:
            return
        if standing is Standing.FOREIGN:
            yield self._sighting(
                request, wanted, Severity.CHECK, "which an answer showed to be somebody else's"
            )
        else:
            yield self._sighting(request, wanted, Severity.INFO, "which is not shown to be yours")

    def on_response(self, exchange: Exchange) -> Iterator[Sighting]:
        """Look whether the answer names another owner."""
        request, response = exchange.request, exchange.response
        if response is None or response.status >= 300 or request.method not in _METHODS:
            return
        wanted = self._wanted(request)
        if wanted is None or self.known.ownership.answered(exchange, wanted) is not Standing.FOREIGN:
            return
        reading = self.known.reading(request)
        if destroys(reading) is None:
            says = "whose owner, as the answer says, is not one of your accounts"
            yield self._sighting(request, wanted, Severity.CHECK, says, part="response-body")

    def _wanted(self, request: Request) -> Object | None:
        """What an existing object a request changes; None where it changes none, or only a basket."""
        if request.method not in _METHODS:
            return None
        place = place_of(request.raw_path)
        if place.kind == "graphql":
            return self._in_mutation(request)
        if not place.objects or is_harmless((place.kind,)) or not BASKETS.isdisjoint(place.words):
            return None
        is_deed = bool(place.words) and place.words[-1] in VERBS and place.kind == place.objects[-1].kind
        return place.objects[-1] if place.names_last or is_deed else None

    def _in_mutation(self, request: Request) -> Object | None:
        reading = self.known.reading(request)
        for call in calls_of(reading):
            words = words_of(call)
            if (
                words
                and words[0] in {"update", "edit", "change", "set", "save", "patch"}
                and not is_harmless(words)
            ):
                texts = (field.value for field in reading.fields if field.name == "query")
                return next((each for text in texts for each in called(text)), Object("".join(words[1:]), ""))
        return None

    def _sighting(
        self, request: Request, wanted: Object, severity: Severity, why: str, *, part: str = "head"
    ) -> Sighting:
        return Sighting(
            rule=self.name,
            severity=severity,
            says=f"{request.method} would change a {wanted.kind[:40] or 'thing'}, {why}",
            advice="Undo it if it went through, tell the program, and test on an object of your own.",
            shown_by=(Pointer(request.exchange, part),),
            reach=reach_of(request),
        )
