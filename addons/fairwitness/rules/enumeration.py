"""enumeration: walking the ids or names of what is not the researcher's."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from fairwitness.detect.secret import occurs
from fairwitness.model.exchange import Exchange, Initiator, Request
from fairwitness.model.flag import Pointer, Severity, Sighting
from fairwitness.model.policy import Policy
from fairwitness.model.verdict import Action
from fairwitness.rules.bounded import Recent
from fairwitness.rules.deeds import calls_of, is_calls
from fairwitness.rules.fields import Field, last_word, walk
from fairwitness.rules.objects import Object, is_id, objects_in, place_of, singular, words_of
from fairwitness.rules.ownership import Standing
from fairwitness.rules.reading import Reading
from fairwitness.rules.rule import Rule
from fairwitness.rules.vocabulary import GUARDED, NAMES, PROBES
from fairwitness.rules.words import reach_of, span

WINDOW_US = 10 * 60_000_000
FREE = 5  # objects of one kind
HOLD = 10
BLOCK = 25
MISS = 0.2  # of an object that is there: who only misses guesses paths, which is another rule's matter

_WALKS = 512  # actors, hosts and kinds at once
_KEPT = 64  # objects of one walk; more hardly matter, since then it is blocked
_WAITING = 4096
_SHOWN = 16 << 10  # bytes of an answer in which personal fields are looked for
_PERSONAL = occurs(
    rb'(?i)"(?:e_?-?mail|phone|mobile|street|birth|date_?of_?birth|iban|ssn|first_?name|last_?name)[\w-]{0,20}"\s*:'
)
_ASKS = frozenset(["GET", "HEAD", "DELETE", "PATCH"])  # a PUT may make what it names
_FETCHES = frozenset("by details fetch find get info load lookup one query read show view".split())  # noqa: SIM905
_MISSES = frozenset([400, 404, 405, 410, 422])

_Walk = tuple[str, str, str, bool]
"""Actor, host, kind, whether a page asked."""


@dataclass(slots=True)
class _Step:
    name: str
    time_us: int
    weight: float


@dataclass(slots=True)
class _Steps:
    latest: deque[_Step] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def take(self, name: str, time_us: int, weight: float, *, is_typed: bool) -> _Step | None:
        """The step of an object; None where it was taken in this window already."""
        while self.latest and time_us - self.latest[0].time_us > WINDOW_US:
            self.latest.popleft()
        if any(step.name == name for step in self.latest):
            return None
        last = self.latest[-1] if self.latest else None
        if is_typed and last and (name.startswith(last.name) or last.name.startswith(name)):
            self.latest.pop()  # a letter more of the same name, as it is typed
        step = _Step(name, time_us, weight)
        self.latest.append(step)
        return step

    def count(self) -> int:
        """How many, the misses by their weight."""
        return int(sum(step.weight for step in self.latest))


class Enumeration(Rule):
    """Counts the distinct objects of a kind that an actor asks for.

    Free are one's own, and those that an answer listed or linked: paging through a list is browsing.
    Products and pages belong to nobody, so only kinds that belong to somebody count, and what shows personal
    fields.  What a page asks for is counted apart.
    """

    name = "enumeration"
    summary = "walks ids or names that are not yours"

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._walks: Recent[_Walk, _Steps] = Recent(_WALKS)
        self._waiting: Recent[str, _Step] = Recent(_WAITING)

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """Look at the object that it names."""
        wanted, is_name = self._wanted(request)
        if wanted is None:
            return
        walk = (request.actor, request.host, wanted.kind, request.initiator is Initiator.PAGE)
        steps = self._walks.get(walk)
        is_walker = steps is not None and steps.count() >= BLOCK
        if is_walker and steps is not None and any(step.name == wanted.name for step in steps.latest):
            yield self._sighting(request, wanted, steps, is_name=is_name)
            return
        is_guarded = wanted.kind in GUARDED
        # Looking through answers takes its time; who has walked so far already asks for what nobody listed.
        if is_guarded and not is_walker and self._is_free(request, wanted):
            return
        if steps is None:
            steps = self._walks.get_or_make(walk, _Steps)
        weight = 1.0 if is_guarded else 0.0
        step = steps.take(wanted.name, request.received_us, weight, is_typed=is_name)
        if step is None:
            return
        self._waiting.put(request.exchange, step)
        if steps.count() > self.threshold(FREE, request):
            yield self._sighting(request, wanted, steps, is_name=is_name)

    def on_response(self, exchange: Exchange) -> Iterator[Sighting]:
        """What was not there weighs little; what says somebody's address belongs to somebody."""
        if len(self._waiting):
            step = self._waiting.pop(exchange.request.exchange)
            response = exchange.response
            if step is None or response is None:
                return iter(())
            if response.status in _MISSES:
                step.weight = min(step.weight, MISS)
            elif step.weight:
                wanted, _ = self._wanted(exchange.request)
                if wanted and self.known.ownership.answered(exchange, wanted) is Standing.OWN:
                    step.weight = 0.0
            elif not step.weight and response.status < 300 and _PERSONAL(response.body[:_SHOWN]):
                wanted, _ = self._wanted(exchange.request)
                host, body = exchange.request.host, response.body
                if wanted is not None and not self.known.ownership.is_named(host, wanted, beside=body):
                    step.weight = 1.0
        return iter(())

    def on_gave_up(self, request: Request) -> None:
        """It never left; that it was tried counts."""
        self._waiting.pop(request.exchange)

    def _is_free(self, request: Request, wanted: Object) -> bool:
        owned = self.known.ownership
        if owned.is_named(request.host, wanted):
            return True
        parents = place_of(request.raw_path).objects[:-1]
        return any(owned.of(request.host, each) is Standing.OWN for each in parents)

    def _wanted(self, request: Request) -> tuple[Object | None, bool]:
        path, _, query = request.target.partition(b"?")
        place = place_of(path)
        if request.body or query:
            found = self._probed(request, place.words)
            if found is not None:
                return found, True
        if place.objects and request.method in _ASKS:
            last = place.objects[-1]
            return (last if last.kind else None), not is_id(last.name)
        if b"=" in query or place.kind == "graphql":
            where = "query" if query else "body"
            return next(self._in_fields(request, place.kind, where), None), False
        if is_calls(place.kind):
            return self._called(self.known.reading(request)), False
        if request.body[:1] in {b"{", b"["}:
            listed = self._in_fields(request, place.kind, "body")
            return next((each for each in listed if each.kind in GUARDED), None), False
        return None, False

    def _called(self, reading: Reading) -> Object | None:
        """The object that a JSON-RPC call names in its parameters; ``user.get`` is about a user."""
        form, calls = reading.json, calls_of(reading)
        if not calls or not isinstance(form, dict):
            return None
        given = tuple(Field("body", name, value) for name, value in walk(form.get("params")))
        kind = singular("".join(word for word in words_of(calls[0]) if word not in _FETCHES))
        return next((each for each in objects_in(given, kind) if each.kind), None)

    def _in_fields(self, request: Request, kind: str, where: str) -> Iterator[Object]:
        fields = self.known.reading(request).fields
        return (each for each in objects_in(fields, kind, place=where) if each.kind)

    def _probed(self, request: Request, words: tuple[str, ...]) -> Object | None:
        """A name that a form asks about without a password: does it exist?"""
        if PROBES.isdisjoint(words):
            return None
        names = None
        for each in self.known.reading(request).fields:
            word = last_word(each.name)
            if "pass" in word and each.value:
                return None
            if word in NAMES and 0 < len(each.value) <= 254:
                names = names or Object("user", each.value.strip().lower())
        return names

    def _sighting(self, request: Request, wanted: Object, steps: _Steps, *, is_name: bool) -> Sighting:
        count = steps.count()
        is_held = count >= self.threshold(HOLD, request)
        is_blocked = count >= self.threshold(BLOCK, request)
        what = "names" if is_name else "ids"
        took = span(request.received_us - steps.latest[0].time_us)
        return Sighting(
            rule=self.name,
            severity=Severity.STOP if is_held else Severity.CHECK,
            says=f"{count} {what} of {wanted.kind[:40]!r} in {took}, not yours and listed by no answer",
            advice="Show it between two accounts of your own; do not walk through other people's.",
            shown_by=(Pointer(request.exchange, "head"),),
            reach=reach_of(request),
            calls_for=None if is_blocked or not is_held else Action.HOLD,
        )
