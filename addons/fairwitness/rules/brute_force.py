"""brute-force: guessing passwords, codes and tokens, or one password for many accounts."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import ClassVar

from fairwitness.model.account import cut_identity, plain_identity
from fairwitness.model.exchange import Exchange, Initiator, Request
from fairwitness.model.flag import Severity, Sighting
from fairwitness.model.policy import Policy
from fairwitness.model.verdict import Action
from fairwitness.rules.attempts import Attempt, Kind, was_right
from fairwitness.rules.bounded import Recent
from fairwitness.rules.endpoint import host_of, skeleton
from fairwitness.rules.lookups import was_refused
from fairwitness.rules.objects import Object
from fairwitness.rules.rule import Rule, Where
from fairwitness.rules.sign_in import has_signed_in
from fairwitness.rules.words import reach_of, span

HELD = 6  # wrong guesses from which on a request waits for the researcher
BLOCKED = 10
WINDOW_US = 10 * 60_000_000
_PLACES = 2048  # accounts and endpoints at which guesses are counted
_PENDING = 1024  # attempts whose answers are to come
_KEPT = 256  # guesses of one place; more than any threshold, `posture: tools` included

# An account has one password; of keys none is believed that was refused.
_BELIEVED = {Kind.PASSWORD: 1, Kind.CODE: 3, Kind.TOKEN: 3, Kind.VOUCHER: 3, Kind.KEY: 3}

_Place = tuple[str, str, bytes, bool]
"""Host, what is guessed, whose or where (hashed), whether a page made it."""


@dataclass(slots=True)
class _Tries:
    """What was tried at one place and was not right, as far as is known."""

    times_us: dict[bytes, int] = field(default_factory=dict)
    rights: dict[bytes, int] = field(default_factory=dict)
    """What was accepted, and when."""

    def add(self, guess: bytes, time_us: int) -> None:
        """Count a guess; the same one again is no second one."""
        self.times_us.setdefault(guess, time_us)
        if len(self.times_us) > _KEPT:
            del self.times_us[next(iter(self.times_us))]

    def is_believed(self, guess: bytes, kind: Kind, time_us: int) -> bool:
        """Whether it is taken for right: who has many right ones has forms that say yes to everything."""
        if kind is not Kind.PASSWORD:
            for old in [each for each, right_us in self.rights.items() if time_us - right_us > WINDOW_US]:
                del self.rights[old]
        if guess not in self.rights and len(self.rights) < _BELIEVED[kind]:
            self.rights[guess] = time_us
        return guess in self.rights

    def count(self, time_us: int) -> int:
        """How many different ones within the window."""
        old = [guess for guess, tried_us in self.times_us.items() if time_us - tried_us > WINDOW_US]
        for guess in old:
            del self.times_us[guess]
        return len(self.times_us)


@dataclass(frozen=True, slots=True)
class _Pending:
    """An attempt whose answer is to come, without its secrets."""

    kind: Kind
    field: str
    place: _Place
    guess: bytes
    names: _Place
    name: bytes
    is_lookup: bool = False
    """Whether only a refusal makes it a guess."""


class BruteForce(Rule):
    """Counts different guesses that were not right, an account and a place each."""

    name: ClassVar[str] = "brute-force"
    summary: ClassVar[str] = "guessing passwords, codes or tokens"
    where = Where.EVERYWHERE

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._salt = secrets.token_bytes(32)
        self._tries: Recent[_Place, _Tries] = Recent(_PLACES)
        self._pending: Recent[str, _Pending] = Recent(_PENDING)

    def on_request(self, request: Request) -> Iterable[Sighting]:
        """Count what it guesses."""
        attempt = self.known.reading(request).attempt
        if attempt is None:
            return ()
        return self._looked_up(request, attempt) if attempt.asks_at else self._seen(request, attempt)

    def on_response(self, exchange: Exchange) -> Iterable[Sighting]:
        """A guess that was right is none; whoever knows the password had mistyped it before."""
        pending = self._pending.pop(exchange.request.exchange)
        if pending is None:
            return ()
        if pending.is_lookup:
            if was_refused(pending.kind, exchange):
                self._tries.get_or_make(pending.place, _Tries).add(pending.guess, exchange.ended_us)
            return ()
        signed_in = pending.kind is Kind.PASSWORD and has_signed_in(
            exchange, gives=self.known.accounts.gives_session(exchange)
        )
        if not was_right(pending.kind, pending.field, exchange, has_signed_in=signed_in):
            return ()
        tries = self._tries.get(pending.place)
        if tries is None or not tries.is_believed(pending.guess, pending.kind, exchange.ended_us):
            return ()
        if pending.kind in {Kind.PASSWORD, Kind.CODE}:
            tries.times_us.clear()
        else:
            tries.times_us.pop(pending.guess, None)
        if pending.kind is Kind.PASSWORD:
            names = self._tries.get(pending.names)
            if names is not None:
                names.times_us.pop(pending.name, None)
        return ()

    def _seen(self, request: Request, attempt: Attempt) -> Iterable[Sighting]:
        host, time_us = host_of(request), request.received_us
        is_page_made = request.initiator is Initiator.PAGE
        names_place: _Place = (host, "accounts", b"", is_page_made)
        most, is_own, pending = 0, True, None
        for guess in attempt.guesses:
            whose, own = self._whose(request, attempt.kind, guess.name)
            place: _Place = (host, attempt.kind.value, self._hash(whose), is_page_made)
            tries = self._tries.get_or_make(place, _Tries)
            hashed = self._hash(guess.secret)
            tries.add(hashed, time_us)
            count, name = tries.count(time_us), self._hash(whose)
            if (not own, count) > (not is_own, most):
                most, is_own = count, own
            if attempt.kind is Kind.PASSWORD and guess.name and not own:
                self._tries.get_or_make(names_place, _Tries).add(name, time_us)
            pending = _Pending(attempt.kind, attempt.field, place, hashed, names_place, name)
        if pending is not None and len(attempt.guesses) == 1:
            self._pending.put(request.exchange, pending)
        accounts = self._tries.get(names_place) if not is_own else None
        across = accounts.count(time_us) if accounts is not None else 0
        if across > most:
            says = f"sign-ins tried for {across} accounts at {host} in {span(WINDOW_US)}"
            return self._sightings(request, attempt, across, says, is_own=False)
        what = f"{most} different {attempt.kind}s" if most > 1 else f"a {attempt.kind}"
        whom = " for your own account" if is_own else ""
        says = f"{what} tried{whom} at {host} in {span(WINDOW_US)}"
        return self._sightings(request, attempt, most, says, is_own=is_own)

    def _looked_up(self, request: Request, attempt: Attempt) -> Iterable[Sighting]:
        """Count those of which it is known that they were refused; what an answer listed is no guess."""
        host, code = host_of(request), attempt.guesses[0].secret
        is_listed = attempt.kind is not Kind.KEY and self.known.ownership.is_named(host, Object("", code))
        if is_listed:
            return ()
        place: _Place = (
            host,
            attempt.kind.value,
            self._hash(attempt.asks_at),
            request.initiator is Initiator.PAGE,
        )
        guess = self._hash(code)
        self._pending.put(
            request.exchange, _Pending(attempt.kind, "", place, guess, place, b"", is_lookup=True)
        )
        tries = self._tries.get(place)
        count = tries.count(request.received_us) if tries is not None else 0
        says = f"{count} different {attempt.kind}s tried and refused at {host} in {span(WINDOW_US)}"
        return self._sightings(request, attempt, count, says, is_own=False)

    def _sightings(
        self, request: Request, attempt: Attempt, count: int, says: str, *, is_own: bool
    ) -> Iterable[Sighting]:
        if count < self.threshold(HELD, request):
            return ()
        severity, calls_for = Severity.STOP, None
        if is_own:
            severity, calls_for = Severity.CHECK, Action.WARN
        elif count < self.threshold(BLOCKED, request):
            calls_for = Action.HOLD
        own = "A few tries show that a limit is missing; stop here and report it."
        foreign = (
            "Stop guessing; try a limit on an account of your own (fairwitness accounts add NAME IDENTITY)."
        )
        return (
            Sighting(
                rule=self.name,
                severity=severity,
                says=says,
                advice=own if is_own else foreign,
                shown_by=(attempt.shown_by,),
                reach=reach_of(request),
                calls_for=calls_for,
            ),
        )

    def _whose(self, request: Request, kind: Kind, name: str) -> tuple[str, bool]:
        """Whose secret is guessed, or where; and whether it is the researcher's own."""
        accounts = self.known.accounts
        at = f"{request.method} {skeleton(request.target.partition(b'?')[0])}"
        if kind in {Kind.VOUCHER, Kind.TOKEN}:
            return at, False
        if name:
            return plain_identity(cut_identity(name)), accounts.is_registered(cut_identity(name))
        identity = accounts.identity_of(request)
        return identity or at, request.account is not None

    def _hash(self, text: str) -> bytes:
        return blake2b(text.encode("utf-8", "surrogatepass"), key=self._salt, digest_size=16).digest()
