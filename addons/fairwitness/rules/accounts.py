"""Whose identity a request carries: learned at sign-ins, known again by what they gave.

Only names and salted hashes are kept, a bounded number of each; a password never is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from fairwitness.model.account import Account, cut_identity, plain_identity
from fairwitness.model.exchange import Exchange, Request, Response
from fairwitness.rules.bounded import Recent
from fairwitness.rules.claims import claims_in
from fairwitness.rules.credentials import Carried, Seals, carried_by, set_cookies
from fairwitness.rules.profile import asks_who_am_i, profile_names
from fairwitness.rules.sign_in import (
    SIGN_UP_PATH,
    form_identities,
    has_signed_in,
    has_signed_out,
    is_own_form,
    looks_like_sign_in,
    sign_up_identities,
)

HOLDINGS = 4096  # credentials that are known again; the one that was not used for longest goes first
ATTEMPTS = 512  # sign-ins under way
LATEST = 64  # exchanges of which it is known that they signed in
MADE = 512  # accounts that were signed up for, and further names of accounts
JUDGED = 1024  # what was found for a head; a browser sends the same one again and again
QUESTIONS = 50  # names asked about in a session: a page can make up any number

_NOBODY = ""  # whose a credential is that was given to two


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in that succeeded, under a name that is not registered and was not asked about yet."""

    identity: str
    """As it was sent, cut."""
    host: str
    exchange: str


class Accounts:
    """The researcher's accounts, and which credentials stand for whom.

    A class, because what one exchange gives decides how the next ones are labelled.

    Args:
        accounts: The registered ones.
        site_of: The registered name above a host.
    """

    def __init__(
        self, accounts: Iterable[Account] = (), *, site_of: Callable[[str], str] = lambda host: host
    ) -> None:
        self._site_of = site_of
        self._seals = Seals(site_of)
        self._names: dict[str, str] = {}
        self._holdings: Recent[bytes, str] = Recent(HOLDINGS)
        self._attempts: Recent[str, tuple[str, ...]] = Recent(ATTEMPTS)
        self._judged: Recent[int, tuple[int, str]] = Recent(JUDGED)
        self._asked: set[str] = set()
        self._signed_in: Recent[str, str] = Recent(LATEST)
        self._made: Recent[str, bool] = Recent(MADE)
        self._aliases: Recent[str, str] = Recent(MADE)
        self._generation = 0
        self.registered: tuple[Account, ...] = ()
        """The researcher's own."""
        self.adopt(accounts)

    def adopt(self, accounts: Iterable[Account]) -> None:
        """Take these as the registered ones from now on."""
        self.registered = tuple(accounts)
        self._names = {
            plain_identity(identity): account.name
            for account in self.registered
            for identity in account.identities
        }
        self._generation += 1

    def is_registered(self, identity: str) -> bool:
        """Whether one of the researcher's accounts goes by this name."""
        return self._account(plain_identity(identity)) is not None

    def decline(self, identity: str) -> None:
        """The researcher says that it is no account of theirs: not asked again."""
        if len(self._asked) < 2 * QUESTIONS:
            self._asked.add(plain_identity(identity))

    def judge(self, request: Request, *, in_scope: bool) -> Request:
        """The request with the account whose identity it carries, None where that is no registered one."""
        carried = carried_by(request)
        names = form_identities(request) if in_scope and request.body else ()
        if names and is_own_form(request, self._site_of):
            self._attempts.put(request.exchange, names)
            account = self._account_of(names)
            if account:
                return request.of_account(account)
        if carried is None:
            return request
        if in_scope and not names and (user := carried.basic):
            self._attempts.put(request.exchange, (user,))
        account = self._account(self._identity(request.host, carried))
        return request.of_account(account) if account else request

    def sign_in_of(self, exchange: str) -> str | None:
        """The name under which an exchange signed in, as it was sent; None: it did not."""
        return self._signed_in.get(exchange)

    def has_made(self, identity: str) -> bool:
        """Whether an account of this name was signed up for in the traffic."""
        return plain_identity(identity) in self._made

    def was_issued(self, token: bytes) -> bool:
        """Whether a sign-in, or a session that goes on, gave this token."""
        return self._seals.token(token) in self._holdings

    def stranger_of(self, request: Request) -> str | None:
        """The name for which a request's credentials stand where that is not registered, None where it is.

        A web token names somebody only where it is sent as the credential and says more than a number.
        """
        carried = carried_by(request)
        if carried is None:
            return None
        known = self._identity(request.host, carried)
        if known != _NOBODY:
            return None if self.is_registered(known) else known
        names = [
            name
            for each in carried.headers
            if each[0] == b"authorization"
            for name in carried.claimed(each[1])
        ]
        return None if any(map(self.is_registered, names)) else next(iter(names), None)

    def gives_session(self, exchange: Exchange) -> bool:
        """Whether an answer sets a session cookie or holds a token."""
        response = exchange.response
        return response is not None and bool(self._seals.given(exchange.request.host, response))

    def identity_of(self, request: Request) -> str | None:
        """The name for which a request's credentials stand, registered or not, as `plain_identity` has it."""
        carried = carried_by(request)
        return self._identity(request.host, carried) or None if carried else None

    def learn(self, exchange: Exchange) -> SignIn | None:
        """Learn from an answer.  A sign-in that the researcher should be asked about, once a name."""
        request, response = exchange.request, exchange.response
        names = self._attempts.pop(request.exchange)
        if response is None:
            return None
        if response.status == 200 and (names is not None or asks_who_am_i(request)):
            self._learn_names(exchange, names)
        if request.body and response.status < 400 and SIGN_UP_PATH.search(request.path):
            self._signed_up(exchange)
        if names is not None:
            return self._attempted(exchange, response, names)
        if len(self._holdings):
            if has_signed_out(exchange):
                self._sign_out(request)
            elif response.header("set-cookie") is not None:
                self._carry_over(request, response)
        return None

    def _attempted(self, exchange: Exchange, response: Response, names: tuple[str, ...]) -> SignIn | None:
        request = exchange.request
        carried = carried_by(request)
        given = self._seals.given(request.host, response)
        if carried is not None and carried.basic in names:
            return self._seen(request, names) if response.status < 400 else None
        if not has_signed_in(exchange, gives=bool(given)):
            return None
        identity = self._chosen(names)
        before = self._identity(request.host, carried) if carried else _NOBODY
        if before not in {_NOBODY, identity} and not looks_like_sign_in(request):
            return None  # somebody who is signed in makes an account for somebody else
        if not given and carried:  # the server goes on with the cookie that it had given before
            given = self._seals.sessions(request.host, carried)
        for seal in given:
            self._holdings.put(seal, identity)
        self._generation += 1
        return self._seen(request, names)

    def _seen(self, request: Request, names: tuple[str, ...]) -> SignIn | None:
        """The sign-in to ask about; None where its account is known, or enough was asked."""
        identity = self._chosen(names)
        sent = next(each for each in names if plain_identity(cut_identity(each)) == identity)
        self._signed_in.put(request.exchange, cut_identity(sent.strip()))
        if self.is_registered(identity) or identity in self._asked or len(self._asked) >= QUESTIONS:
            return None
        self._asked.add(identity)
        return SignIn(cut_identity(sent.strip()), request.host, request.exchange)

    def _sign_out(self, request: Request) -> None:
        carried = carried_by(request)
        if carried:
            for seal in self._seals.of(request.host, carried):
                self._holdings.pop(seal)
            self._generation += 1

    def _carry_over(self, request: Request, response: Response) -> None:
        """A server may give a new cookie with any answer, or take one back."""
        carried = carried_by(request)
        identity = self._identity(request.host, carried) if carried else _NOBODY
        if (
            not carried
            or identity == _NOBODY
            or not any(True for seal in self._seals.of(request.host, carried) if seal in self._holdings)
        ):
            return
        sent = dict(carried.cookies())
        for name, value in set_cookies(response):
            if not value and name in sent:
                self._holdings.pop(self._seals.cookie(request.host, name, sent[name]))
        for seal in self._seals.given(request.host, replace(response, body=b"")):
            owner = self._holdings.get(seal)
            self._holdings.put(seal, identity if owner in {None, identity} else _NOBODY)
        self._generation += 1

    def _identity(self, host: str, carried: Carried) -> str:
        seal = hash((host, carried.headers))  # of this process only, as all that stands for a credential
        judged = self._judged.get(seal)
        if judged is not None and judged[0] == self._generation:
            return judged[1]
        identity = self._look_up(host, carried)
        self._judged.put(seal, (self._generation, identity))
        return identity

    def _look_up(self, host: str, carried: Carried) -> str:
        """Whose the credentials are; nobody's where they disagree."""
        found = {self._holdings.get(seal) or _NOBODY for seal in self._seals.of(host, carried)}
        found.update(name for each in carried.names() if self._account(name := plain_identity(each)))
        found.discard(_NOBODY)
        accounts = {self._account(each) or each for each in found}
        return min(found) if len(accounts) == 1 else _NOBODY

    def _chosen(self, names: tuple[str, ...]) -> str:
        plain = [plain_identity(cut_identity(each)) for each in names]
        return next((each for each in plain if self.is_registered(each)), plain[0])

    def _account_of(self, names: tuple[str, ...]) -> str | None:
        return self._account(self._chosen(names))

    def _account(self, plain: str) -> str | None:
        account = self._names.get(plain)
        if account is None and plain in self._aliases:
            return self._names.get(self._aliases.get(plain) or "")
        return account

    def _signed_up(self, exchange: Exchange) -> None:
        request = exchange.request
        if not has_signed_in(exchange, gives=True) or not is_own_form(request, self._site_of):
            return
        for name in sign_up_identities(request):
            self._made.put(plain_identity(cut_identity(name)), True)

    def _learn_names(self, exchange: Exchange, names: tuple[str, ...] | None) -> None:
        """What an answer says of who is signed in: further names, or whose session it is at all."""
        request = exchange.request
        said = [plain_identity(each) for each in profile_names(exchange)]
        carried = carried_by(request)
        if not said:
            return
        known = (
            self._chosen(names) if names else self._identity(request.host, carried) if carried else _NOBODY
        )
        own = next((each for each in said if each in self._names), None)
        if known == _NOBODY and carried:
            for seal in self._seals.session(request.host, carried):
                owner = self._holdings.get(seal)
                self._holdings.put(seal, own or said[0] if owner in {None, own or said[0]} else _NOBODY)
        elif known in self._names or own:
            mine = known if known in self._names else own or _NOBODY
            is_same = own is not None and self._names[own] == self._names[mine]
            is_asked_for = any(not self.is_registered(each) for _, each in request.head.of(claims_in))
            is_mine = own is None and not is_asked_for and not any("@" in each for each in said)
            if is_same or is_mine:
                for each in (known, *said):
                    if each != _NOBODY and each not in self._names:
                        self._aliases.put(each, mine)
        else:
            return
        self._generation += 1
