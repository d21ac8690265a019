"""spam: what reaches other people, more often than a test needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from fairwitness.model.exchange import Exchange, Initiator, Request
from fairwitness.model.flag import Pointer, Severity, Sighting
from fairwitness.model.policy import Policy
from fairwitness.rules.bounded import Recent
from fairwitness.rules.facets import CHANGES
from fairwitness.rules.objects import place_of
from fairwitness.rules.ownership import Standing
from fairwitness.rules.posting import CHAT, Posting, posting_of
from fairwitness.rules.rule import Rule
from fairwitness.rules.words import reach_of

FREE = 3  # of a kind, a host and a day
FREE_CHAT = 20  # people who try a chat out write more than three lines
_DAY_US = 86_400_000_000
_KEPT = 512  # hosts and kinds
_POSTS = 64  # of one kind that are remembered; far more than any threshold

_Sent = tuple[int, str, int]
"""When, by which exchange, to how many."""


class Spam(Rule):
    """Counts what is posted to others: of each kind at each host, what a page posts apart.

    What the server refuses, and what was never sent, counts for nothing.
    """

    name = "spam"
    summary = "comments, messages, invitations and mail to others, more than a test needs"
    requests = CHANGES
    answers = CHANGES

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._sent: Recent[tuple[str, str, bool], deque[_Sent]] = Recent(_KEPT)

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """Count what it would send, and look whether that is too much."""
        if request.method not in {"POST", "PUT"} or not request.body:
            return
        reading = self.known.reading(request)
        posting = posting_of(reading)
        weight = self._weight(request, posting) if posting else 0
        if posting is None or not weight:
            return
        sent = self._sent.get_or_make(_key(request, posting), lambda: deque(maxlen=_POSTS))
        while sent and sent[0][0] <= request.received_us - _DAY_US:
            sent.popleft()
        sent.append((request.received_us, request.exchange, weight))
        count = sum(each[2] for each in sent)
        free = self.threshold(FREE_CHAT if posting.kind == CHAT else FREE, request)
        if count <= free:
            return
        yield Sighting(
            rule=self.name,
            severity=Severity.STOP,
            says=f"{posting.kind} number {count} within 24 h at {reading.host}; {free} are free",
            advice="Send no more: what you need to show fits into a few, to accounts of your own.",
            shown_by=(Pointer(request.exchange, "body"),),
            reach=reach_of(request),
            group=f"{posting.kind} at {reading.host}",
        )

    def on_response(self, exchange: Exchange) -> Iterator[Sighting]:
        """What the server refused has reached nobody."""
        response = exchange.response
        if response is not None and 400 <= response.status < 500:
            self._forget(exchange.request)
        yield from ()

    def on_gave_up(self, request: Request) -> None:
        """What was held back has reached nobody."""
        self._forget(request)

    def _forget(self, request: Request) -> None:
        if request.method not in {"POST", "PUT"}:
            return
        posting = posting_of(self.known.reading(request))
        sent = self._sent.get(_key(request, posting)) if posting else None
        if sent is not None:
            for each in tuple(sent):
                if each[1] == request.exchange:
                    sent.remove(each)

    def _weight(self, request: Request, posting: Posting) -> int:
        """How many people it reaches who are not the researcher."""
        if posting.names_recipients:
            others = sum(not self._is_own(name) for name in posting.recipients)
            return others if posting.recipients else 1
        place = place_of(request.raw_path)
        is_own = any(self.known.ownership.of(request.host, each) is Standing.OWN for each in place.objects)
        return 0 if is_own else 1

    def _is_own(self, name: str) -> bool:
        """``me+shop@example.com`` is an address of whoever has ``me@example.com``."""
        local, at, domain = name.partition("@")
        accounts = self.known.accounts
        return accounts.is_registered(name) or bool(
            at and accounts.is_registered(f"{local.partition('+')[0]}@{domain}")
        )


def _key(request: Request, posting: Posting) -> tuple[str, str, bool]:
    return request.host.lower(), posting.kind, request.initiator is Initiator.PAGE
