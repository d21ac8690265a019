"""foreign-credential: a credential that an answer showed, and that is not one's own, is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from fairwitness.model.exchange import Exchange, Initiator, Request
from fairwitness.model.flag import Pointer, Severity, Sighting
from fairwitness.model.policy import Policy
from fairwitness.model.verdict import Action
from fairwitness.rules.attempts import Kind
from fairwitness.rules.bounded import Recent
from fairwitness.rules.credentials import Seals, carried_by
from fairwitness.rules.endpoint import host_of
from fairwitness.rules.exposed import USED_AS, exposed_in
from fairwitness.rules.facets import SHOWS
from fairwitness.rules.rule import Rule
from fairwitness.rules.words import head_of, reach_of

KEPT = 4096  # credentials that answers showed
_SHORTEST = 8


class ForeignCredential(Rule):
    """Remembers, as salted hashes, which credentials of others the answers showed."""

    name: ClassVar[str] = "foreign-credential"
    summary: ClassVar[str] = "a credential of somebody else is used"
    answers = SHOWS

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._seals = Seals(lambda host: host)
        self._exposed: Recent[bytes, tuple[str, Pointer]] = Recent(KEPT)

    def on_response(self, exchange: Exchange) -> Iterable[Sighting]:
        """Look for credentials of others."""
        response = exchange.response
        if response is not None and response.body and response.status < 300:
            for found in exposed_in(exchange, self.known.accounts):
                shown_by = Pointer(exchange.request.exchange, "response-body", found.start, found.end)
                self._exposed.put(self._seals.token(found.value), (host_of(exchange.request), shown_by))
        return ()

    def on_request(self, request: Request) -> Iterable[Sighting]:
        """Is one of them used?"""
        if not len(self._exposed):
            return ()
        for value in self._credentials(request):
            if len(value) < _SHORTEST:
                continue
            seal = self._seals.token(value)
            found = self._exposed.get(seal)
            if found is None:
                continue
            if request.initiator is Initiator.PAGE:
                self._exposed.pop(seal)  # a page's own script uses what its visitors are given
                continue
            if not self.known.accounts.was_issued(value):
                return (self._sighting(request, *found),)
        return ()

    def _sighting(self, request: Request, host: str, shown_by: Pointer) -> Sighting:
        return Sighting(
            rule=self.name,
            severity=Severity.STOP,
            says=f"a credential that {host} showed, and that is not yours, is used at {host_of(request)}",
            advice="Do not use it: report where it is exposed, that is enough for a finding.",
            shown_by=(shown_by, *head_of(request)),
            reach=reach_of(request),
            calls_for=Action.HOLD,
        )

    def _credentials(self, request: Request) -> Iterator[bytes]:
        carried = carried_by(request)
        if carried is not None:
            yield from carried.tokens()
            for _, content in carried.cookies():
                yield content
        reading = self.known.reading(request)
        if reading.attempt is not None and reading.attempt.kind is Kind.PASSWORD:
            for guess in reading.attempt.guesses:
                yield guess.secret.encode("utf-8", "replace")
        for field in reading.fields[:50]:
            if field.place == "query" and USED_AS.search(field.name):
                yield field.value.encode("utf-8", "replace")
