"""Whose an object is, as far as the log shows: made here, listed as one's own, or said to be another's.

Ids are kept as hashes of this process, a bounded number of them; who owns what stands in the bodies of
answers, which are looked through only when somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fairwitness.model.exchange import Exchange, Initiator, Request
from fairwitness.rules.accounts import Accounts
from fairwitness.rules.added import Added
from fairwitness.rules.bounded import Recent
from fairwitness.rules.credentials import carried_by
from fairwitness.rules.made import made_by
from fairwitness.rules.mentions import Mentions, Told, told_by
from fairwitness.rules.objects import Object, Place, objects_in, place_of
from fairwitness.rules.owners import Standing, entry_of, profiles_in, said_owner
from fairwitness.rules.reading import Reading
from fairwitness.rules.slugs import acted_on, path_object
from fairwitness.rules.vocabulary import PEOPLE, PRIVATE, STAFF, WITH_PROFILE

KEPT = 20_000  # objects whose owner is known
_SITES = 8  # whose answers are kept
_LATEST = 64  # exchanges of which it is known what they made
_LOOKED_AT = 4  # bodies that name an object, before nobody is said to own it
_IS_GONE = 2
_IS_THERE = 1

__all__ = ["Ownership", "Standing"]


class Ownership:
    """Which objects are the researcher's.

    A class, because what one answer shows decides how a later request is judged.  A server that lies about
    what was made here is believed only about ids that it had not shown before, and about few an answer.

    Args:
        accounts: The researcher's own, and whose credentials a request carries.
        site_of: The registered name above a host; hosts below one name share their objects.
    """

    def __init__(self, accounts: Accounts, *, site_of: Callable[[str], str]) -> None:
        self._accounts = accounts
        self._site_of = site_of
        self._own: Recent[int, int] = Recent(KEPT)
        self._told: Recent[str, Mentions] = Recent(_SITES)
        self._listed: Recent[str, Mentions] = Recent(_SITES)
        self._made: Recent[str, tuple[Object, ...]] = Recent(_LATEST)
        self._deleted: Recent[str, tuple[Object, ...]] = Recent(_LATEST)
        self._added = Added()

    def learn(self, exchange: Exchange) -> None:
        """Learn from an answer of a host in scope, before the rules see it."""
        request, response = exchange.request, exchange.response
        if response is None or response.status >= 400:
            return
        site = self._site_of(request.host)
        if request.method not in {"GET", "HEAD", "OPTIONS"}:
            self._change(exchange, site)
        added = self._added.shown(site, exchange, is_named=lambda each: self.is_named(request.host, each))
        if added is not None:
            self._own.put(_key(site, added), _IS_THERE)
        told = told_by(exchange)
        if told is None:
            return
        words = told.place.words
        if told.is_json and words and (words[-1] in WITH_PROFILE or told.place.is_self):
            self._read_profile(request, told, site)
        self._told.get_or_make(site, Mentions).put(told)
        if self._lists_own(request, told.place, site):
            self._listed.get_or_make(site, Mentions).put(told)

    def made_by(self, exchange: str) -> tuple[Object, ...]:
        """What an exchange made, the name that people know first; none where it made nothing."""
        return self._made.get(exchange) or ()

    def gone_by(self, exchange: str) -> tuple[Object, ...]:
        """Which of the objects that were made here an exchange deleted, if it deleted anything."""
        return self._deleted.get(exchange) or ()

    def answered(self, exchange: Exchange, wanted: Object) -> Standing:
        """Whose the answer itself says that an object is."""
        told = told_by(exchange)
        entry = entry_of(told, wanted) if told is not None and told.is_json else None
        if entry is None:
            return Standing.UNKNOWN
        return said_owner(entry, self._is_own_name(self._site_of(exchange.request.host)), self._own_names())

    def lists_own(self, exchange: Exchange) -> bool:
        """Whether it asks for a list of the researcher's own."""
        request = exchange.request
        place = place_of(request.raw_path)
        return self._lists_own(request, place, self._site_of(request.host))

    def of(self, host: str, wanted: Object) -> Standing:
        """Whose one object is."""
        site = self._site_of(host)
        if self._is_known(site, wanted):
            return Standing.OWN
        for shelf, is_own_list in ((self._listed.get(site), True), (self._told.get(site), False)):
            if shelf is None:
                continue
            for count, told in enumerate(shelf.naming(wanted)):
                entry = entry_of(told, wanted) if told.is_json else None
                found = (
                    said_owner(entry, self._is_own_name(site), self._own_names())
                    if entry
                    else Standing.UNKNOWN
                )
                if found is Standing.UNKNOWN and is_own_list and told.place.kind in {wanted.kind, "graphql"}:
                    found = Standing.OWN
                if found is not Standing.UNKNOWN:
                    return found
                if count >= _LOOKED_AT:
                    break
        return Standing.UNKNOWN

    def standing(self, reading: Reading, *, kind: str = "") -> Standing:
        """Whose the object is that a request is about: of several, the one that is least the researcher's.

        *kind* says what a bare id in the query or the body is the id of, where the path does not.
        """
        request = reading.request
        path = request.raw_path
        place = place_of(path)
        host, site = request.host, self._site_of(request.host)
        if any(self._is_known(site, each) for each in acted_on(path)):
            return Standing.OWN
        if place.objects:
            found = self.of(host, place.objects[-1])
            if found is Standing.UNKNOWN and any(
                self.of(host, each) is Standing.OWN for each in place.objects[:-1]
            ):
                return Standing.OWN
            return found
        if place.is_self and carried_by(request) is not None:
            return Standing.OWN
        each_ones = [self.of(host, each) for each in objects_in(reading.fields, kind or place.kind)]
        if Standing.FOREIGN in each_ones:
            return Standing.FOREIGN
        return Standing.OWN if set(each_ones) == {Standing.OWN} else Standing.UNKNOWN

    def is_named(self, host: str, wanted: Object, *, beside: bytes = b"") -> bool:
        """Whether it is known as own, or an answer, *beside* this one, listed or linked it."""
        site = self._site_of(host)
        if self._is_known(site, wanted):
            return True
        shelves = (self._told.get(site), self._listed.get(site))
        found = (told for shelf in shelves if shelf is not None for told in shelf.naming(wanted))
        return any(not beside or told.content != beside[: len(told.content)] for told in found)

    def is_there(self, host: str, wanted: Object) -> bool:
        """Whether it was made here and not deleted again."""
        return self._own.get(_key(self._site_of(host), wanted)) == _IS_THERE

    def __len__(self) -> int:
        return len(self._own)

    def _is_known(self, site: str, wanted: Object) -> bool:
        if _key(site, wanted) in self._own:
            return True
        may_be_name = wanted.kind in PEOPLE or not wanted.name.isdigit()
        return may_be_name and self._accounts.is_registered(wanted.name)

    def _is_own_name(self, site: str) -> Callable[[str], bool]:
        return lambda name: self._is_known(site, Object("user", name))

    def _own_names(self) -> Iterable[str]:
        return (identity for account in self._accounts.registered for identity in account.identities)

    def _change(self, exchange: Exchange, site: str) -> None:
        request = exchange.request
        path = request.raw_path
        place = place_of(path)
        gone = [
            each
            for each in dict.fromkeys((*place.objects[-1:], *acted_on(path)))
            if self._own.get(_key(site, each)) == _IS_THERE
        ]
        if gone:
            self._deleted.put(request.exchange, tuple(gone))
        if request.method == "DELETE":
            for each in gone:
                self._own.put(_key(site, each), _IS_GONE)
            return
        if self._is_from_elsewhere(request, site):
            return
        self._added.sent(site, exchange)
        had_source = _key(site, path_object(path)) in self._own
        made = made_by(exchange, is_new=lambda each: not self.is_named(request.host, each))
        if request.method == "MOVE" and made:
            self._own.pop(_key(site, path_object(path)))
            made = made if had_source else ()
        for each in made:
            self._own.put(_key(site, each), _IS_THERE)
        if made:
            self._made.put(request.exchange, made)

    def _is_from_elsewhere(self, request: Request, site: str) -> bool:
        """Whether a page of another site made it: what that causes is not the researcher's doing."""
        if request.header("sec-fetch-site") == "cross-site":
            return True
        if request.initiator is not Initiator.PAGE or not request.page:
            return False
        host = request.page.partition("://")[2].partition("/")[0].partition(":")[0]
        return self._site_of(host) != site

    def _read_profile(self, request: Request, told: Told, site: str) -> None:
        is_self = told.place.is_self and request.account is not None
        for name, others in profiles_in(told.content):
            if is_self or any(self._accounts.is_registered(each) for each in others):
                self._own.put(_key(site, Object("user", name)), _IS_GONE)

    def _lists_own(self, request: Request, place: Place, site: str) -> bool:
        if request.method != "GET" and place.kind != "graphql":
            return False
        if any(self._is_known(site, each) for each in place.objects):
            return True
        if b"=me" in request.target or (b"viewer" in request.body[:4096] and place.kind == "graphql"):
            return request.account is not None
        if place.is_self:
            return request.account is not None or carried_by(request) is not None
        is_private = place.kind in PRIVATE and not place.names_last and STAFF.isdisjoint(place.words)
        return is_private and request.account is not None


def _key(site: str, named: Object) -> int:
    kind = "user" if named.kind in PEOPLE else named.kind
    return hash((site, kind, named.name))
