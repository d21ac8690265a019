"""What all rules know in common: read once for each exchange, learned once for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from fairwitness.model.account import Account
from fairwitness.model.exchange import Exchange, Initiator, Metered, Request
from fairwitness.rules.accounts import Accounts, SignIn
from fairwitness.rules.bounded import Recent
from fairwitness.rules.fields import form_fields
from fairwitness.rules.initiator import Initiators
from fairwitness.rules.ownership import Ownership
from fairwitness.rules.reading import Reading
from fairwitness.rules.trails import Trails

_SIGN_INS = 256  # of providers and their clients
_REDIRECTS = 8  # of one client
_LOCATION = 8192  # characters
_READINGS = 64  # of requests that are judged now, or whose responses come at once

_T = TypeVar("_T")


class Ask(Protocol):
    """Puts a question, and has an answer ready for when that fails."""

    def __call__(self, otherwise: _T, question: Callable[..., _T], /, *given: object, **more: object) -> _T:
        """The question's answer, or *otherwise*."""


def straight(_: _T, question: Callable[..., _T], /, *given: object, **more: object) -> _T:
    """Let what fails fail."""
    return question(*given, **more)


class Knowledge:
    """Who asks, whose identity it is, what a request says.

    A class, because what one exchange gives decides how the next ones are judged.  Live traffic and
    recordings go through the same calls: `who` for each request in the order of their times, `learn`
    after each response and before the rules see it.

    Args:
        accounts: The researcher's own.
        site_of: The registered name above a host.
    """

    name = "knowledge"
    """How a bug in what it learns is told, among the rules."""

    def __init__(
        self, accounts: Iterable[Account] = (), *, site_of: Callable[[str], str] = lambda host: host
    ) -> None:
        self.accounts = Accounts(accounts, site_of=site_of)
        self.initiators = Initiators()
        self.ownership = Ownership(self.accounts, site_of=site_of)
        self.trails = Trails()
        self._redirects: Recent[tuple[str, str], tuple[str, ...]] = Recent(_SIGN_INS)
        self._readings: Recent[str, Reading] = Recent(_READINGS)
        self._latest: Reading | None = None

    def who(self, request: Request, *, in_scope: bool, ask: Ask = straight) -> Request:
        """The request with its initiator, meter and page, and the account whose identity it carries."""
        judged = ask(None, self.initiators.judge, request, in_scope=in_scope)
        request = _of_unknown(request) if judged is None else judged
        labelled = ask(None, self.accounts.judge, request, in_scope=in_scope)
        request = request.of_account(None) if labelled is None else labelled
        if in_scope:
            ask(None, self._look, request)
        return request

    def _look(self, request: Request) -> None:
        self.trails.look(request, self.reading(request))

    def learn(self, exchange: Exchange, *, in_scope: bool, ask: Ask = straight) -> SignIn | None:
        """Learn from an answer.  A sign-in that the researcher should be asked about, once a name.

        No lesson needs what another one learned from the same answer.
        """
        ask(None, self.initiators.learn, exchange, in_scope=in_scope)
        if in_scope:
            ask(None, self.ownership.learn, exchange)
            ask(None, self.trails.learn, exchange)
            ask(None, self._learn_redirect, exchange)
        return ask(None, self.accounts.learn, exchange)

    def redirects_of(self, host: str, client_id: str) -> tuple[str, ...]:
        """The redirect_uris with which hosts in scope sent a browser to a sign-in, the last ones."""
        return self._redirects.get((host, client_id)) or ()

    def _learn_redirect(self, exchange: Exchange) -> None:
        location = exchange.response.header("location") if exchange.response else None
        if not location or "redirect_uri=" not in location or len(location) > _LOCATION:
            return
        try:
            parts = urlsplit(location)
            host = parts.hostname or exchange.request.host
        except ValueError:
            return
        fields = dict(form_fields(parts.query.encode("utf-8", "replace")))
        client, goes_to = fields.get("client_id"), fields.get("redirect_uri")
        if client and goes_to:
            key = (host, client)
            known = self._redirects.get(key) or ()
            if goes_to not in known:
                self._redirects.put(key, (*known[1 - _REDIRECTS :], goes_to))

    def reading(self, request: Request) -> Reading:
        """The request, taken apart; the same object for every rule that asks."""
        latest = self._latest
        if latest is not None and latest.request is request:
            return latest
        found = self._readings.get(request.exchange)
        if found is None or found.request is not request:
            found = Reading(request)
            self._readings.put(request.exchange, found)
        self._latest = found
        return found


def _of_unknown(request: Request) -> Request:
    """A request of which a bug keeps us from knowing who made it: every doubt is a tool."""
    return request.judged(
        initiator=Initiator.TOOL,
        initiator_why="not known, for a bug in the rules",
        page=None,
        metered=Metered.TESTING,
    )
