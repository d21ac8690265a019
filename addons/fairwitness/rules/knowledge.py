"""What all rules know in common: read once for each exchange, learned once for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from urllib.parse import urlsplit

from fairwitness.model.account import Account
from fairwitness.model.exchange import Exchange, Request
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


Lesson = Callable[[Exchange], SignIn | None]


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

    def who(self, request: Request, *, in_scope: bool) -> Request:
        """The request with its initiator, meter and page, and the account whose identity it carries."""
        request = self.initiators.judge(request, in_scope=in_scope)
        request = self.accounts.judge(request, in_scope=in_scope)
        if in_scope:
            self.trails.look(request, self.reading(request))
        return request

    def learn(self, exchange: Exchange, *, in_scope: bool) -> SignIn | None:
        """Learn from an answer.  A sign-in that the researcher should be asked about, once a name."""
        found = [lesson(exchange) for lesson in self.lessons(in_scope=in_scope)]
        return found[-1]

    def lessons(self, *, in_scope: bool) -> tuple[Lesson, ...]:
        """What learns from an answer, in this order; none needs what another one learned from it."""
        first = partial(self.initiators.learn, in_scope=in_scope)
        if not in_scope:
            return first, self.accounts.learn
        return first, self.ownership.learn, self.trails.learn, self._learn_redirect, self.accounts.learn

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
