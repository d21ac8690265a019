"""foreign-account: an identity that is not one of the researcher's registered accounts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from fairwitness.model.account import cut_identity, plain_identity
from fairwitness.model.exchange import Exchange, Initiator, Request
from fairwitness.model.flag import Pointer, Severity, Sighting
from fairwitness.model.policy import Policy
from fairwitness.model.printable import printable
from fairwitness.rules.attempts import Kind
from fairwitness.rules.bounded import Recent
from fairwitness.rules.claims import claims_in, is_alike, speaks_of
from fairwitness.rules.endpoint import host_of
from fairwitness.rules.facets import GOOD
from fairwitness.rules.rule import Rule
from fairwitness.rules.words import head_of, reach_of, span

NAMES = 6  # tried as sign-ins within the window: nobody has so many accounts and registers none of them
WINDOW_US = 10 * 60_000_000
_HOSTS = 256
_TOLD = 1024
_REGISTER = "fairwitness accounts add NAME IDENTITY"
_KEPT = 32  # names at one host


class ForeignAccount(Rule):
    """Says which identity was used that nobody registered, once each; and when many names are tried.

    It is a hint until an account that is registered was used at the same place: one may have an account
    for each of the hosts in scope, and register those of one.
    """

    name: ClassVar[str] = "foreign-account"
    summary: ClassVar[str] = "an identity that is not registered as yours"
    answers = GOOD

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._told: Recent[tuple[str, bool], bool] = Recent(_TOLD)
        self._homes: Recent[tuple[str, int], bool] = Recent(_HOSTS)
        self._own_claims: Recent[tuple[str, bytes], bool] = Recent(_HOSTS)
        self._tried: Recent[tuple[str, bool], dict[str, int]] = Recent(_HOSTS)

    def on_request(self, request: Request) -> Iterable[Sighting]:
        """Count the names that are tried as sign-ins."""
        attempt = self.known.reading(request).attempt
        if attempt is None or attempt.kind is not Kind.PASSWORD:
            return ()
        strangers = [
            plain_identity(cut_identity(guess.name))
            for guess in attempt.guesses
            if guess.name and not self.known.accounts.is_registered(guess.name)
        ]
        if not strangers:
            return ()
        host, time_us = host_of(request), request.received_us
        tried = self._tried.get_or_make((host, request.initiator is Initiator.PAGE), dict)
        for name in strangers:
            tried.pop(name, None)
            tried[name] = time_us
        for name in [each for each, tried_us in tried.items() if time_us - tried_us > WINDOW_US]:
            del tried[name]
        while len(tried) > _KEPT:
            del tried[next(iter(tried))]
        if len(tried) < NAMES:
            return ()
        count = f"{len(tried)} or more" if len(tried) == _KEPT else str(len(tried))
        return (
            Sighting(
                rule=self.name,
                severity=Severity.CHECK,
                says=f"sign-ins under {count} names at {host} in {span(WINDOW_US)}, none of them registered",
                advice=f"Use only accounts of your own, and register them: {_REGISTER}.",
                shown_by=(attempt.shown_by,),
                reach=reach_of(request),
                group=f"names at {host}",
            ),
        )

    def on_response(self, exchange: Exchange) -> Iterable[Sighting]:
        """Whose identity did it carry, where the server took it for one?"""
        request, response = exchange.request, exchange.response
        if response is None or response.status >= 400:
            return ()
        accounts = self.known.accounts
        signed_in = accounts.sign_in_of(request.exchange)
        if request.account:
            self._homes.put((request.host, request.port), True)
        identity = signed_in or (None if request.account else accounts.stranger_of(request))
        claimed = None if signed_in else self._claimed(exchange)
        identity = identity or claimed
        if not identity or accounts.is_registered(identity):
            return ()
        plain = plain_identity(cut_identity(identity))
        is_own_doing = accounts.has_made(plain)
        is_at_home = (request.host, request.port) in self._homes or claimed is not None
        is_loud = is_at_home and not is_own_doing
        if (plain, is_loud) in self._told:
            return ()
        self._told.put((plain, is_loud), True)
        shown = _shown(identity)
        how = "signed in as" if signed_in else "a request carried the identity"
        made = ", which was made in this session" if is_own_doing else ""
        shown_by = (Pointer(request.exchange, "body"),) if signed_in and request.body else head_of(request)
        return (
            Sighting(
                rule=self.name,
                severity=Severity.CHECK if is_loud else Severity.INFO,
                says=f"{how} {shown} at {host_of(request)}{made}; it is not registered as yours",
                advice=f"If it is yours, register it: {_REGISTER}; if not, sign out.",
                shown_by=shown_by,
                reach=reach_of(request),
                group=f"identity {plain}",
            ),
        )

    def _claimed(self, exchange: Exchange) -> str | None:
        """Whom a header or a cookie names where it named an own account before, or the answer agrees."""
        request, accounts = exchange.request, self.known.accounts
        for name, value in request.head.of(claims_in):
            place = (host_of(request), name)
            if accounts.is_registered(value):
                self._own_claims.put(place, True)
            elif place in self._own_claims or (
                any(is_alike(value, each) for mine in accounts.registered for each in mine.identities)
                and speaks_of(exchange, value)
            ):
                return value
        return None


def _shown(identity: str) -> str:
    text = printable(cut_identity(identity.strip()))
    return text if text.isascii() else f"{text} (not all of it is ASCII)"
