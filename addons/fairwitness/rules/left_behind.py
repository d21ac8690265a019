"""left-behind: what was made, and what of it was deleted again."""

from __future__ import annotations

from collections.abc import Iterator

from fairwitness.model.conduct import DELETED, MADE
from fairwitness.model.exchange import Exchange, Request
from fairwitness.model.flag import Pointer, Severity, Sighting
from fairwitness.rules.deeds import destroys, is_harmless
from fairwitness.rules.facets import CHANGES, SAYS
from fairwitness.rules.objects import Object, objects_in, place_of, singular
from fairwitness.rules.rule import Rule
from fairwitness.rules.vocabulary import BASKETS, TRACES
from fairwitness.rules.words import reach_of

_APART = 200  # objects that get a flag each; later ones are one flag an endpoint
_SHOWN = 80


class LeftBehind(Rule):
    """Says what was made and what was deleted; the conduct report lists what is left.

    Nothing is ever held or warned of.
    """

    name = "left-behind"
    summary = "what you made and did not delete again"
    answers = CHANGES | SAYS

    _count = 0

    def on_response(self, exchange: Exchange) -> Iterator[Sighting]:
        """Look at what the answer says was made or is gone."""
        request, response = exchange.request, exchange.response
        if response is None or response.status >= 400 or request.method == "GET":
            return
        made = self.known.ownership.made_by(request.exchange)
        if made:
            words = tuple(map(singular, place_of(request.raw_path).words))
            if TRACES.isdisjoint(words) and BASKETS.isdisjoint(words) and not is_harmless(words):
                self._count += 1
                group = f"{request.host} {made[0]}" if self._count <= _APART else ""
                yield self._sighting(request, f"{MADE}{_name(made[0])} at {request.host}", group)
            return
        reading = self.known.reading(request)
        deed = destroys(reading)
        if deed is None:
            return
        owned = self.known.ownership
        named = owned.gone_by(request.exchange) or objects_in(reading.fields, deed.kind)
        for each in named:
            if owned.gone_by(request.exchange) or owned.is_there(request.host, each):
                says = f"{DELETED}{_name(each)} at {request.host}"
                yield self._sighting(request, says, f"gone {request.host} {each}")
                return

    def _sighting(self, request: Request, says: str, group: str) -> Sighting:
        return Sighting(
            rule=self.name,
            severity=Severity.INFO,
            says=says,
            advice="Delete it again when you are done, or tell the program that it is there.",
            shown_by=(Pointer(request.exchange, "response-head"),),
            reach=reach_of(request),
            group=group,
        )


def _name(made: Object) -> str:
    return f"{'' if made.kind == 'path' else made.kind} {made.name}".strip()[:_SHOWN]
