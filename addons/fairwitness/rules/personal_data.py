"""personal-data: persons other than the researcher in an answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from fairwitness.detect import Person, is_role, persons_in
from fairwitness.model.exchange import Exchange, Request
from fairwitness.model.flag import Pointer, Severity, Sighting
from fairwitness.model.policy import Policy
from fairwitness.model.verdict import Action
from fairwitness.rules.bounded import Recent
from fairwitness.rules.credentials import carried_by
from fairwitness.rules.facets import SHOWS
from fairwitness.rules.ownership import Standing
from fairwitness.rules.rule import Rule, line_of
from fairwitness.rules.words import reach_of

BARE = 10  # persons of whom there is an address only, in one answer: a team is fewer
SHAPE_FROM = 2
_SEEN = 4096  # persons that are known again, as hashes of this process
_SHOWN = 20  # bytes that a flag points at
_RECORD_BYTES = 4096  # in which one's own name is looked for
_SENT_BYTES = 64 << 10
_DATA = ("json", "csv", "xml", "sql")
_NO_DATA = ("xhtml", "svg", "rss", "atom")
_KINDS = ("e-mail address", "phone number", "card number", "IBAN", "national id")
_PLURALS = {"e-mail address": "e-mail addresses", "IBAN": "IBANs"}


class PersonalData(Rule):
    """Counts the persons of a body once; a record is a person.

    A public page weighs nothing, whatever addresses stand on it; a page behind a sign-in counts where it
    tells more of a person than an address; data (JSON, CSV, XML) counts then, and where it lists addresses.
    The hosts' own addresses are theirs, not a customer's.
    """

    name = "personal-data"
    summary = "persons other than you in an answer"
    answers = SHOWS

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._seen: Recent[int, bool] = Recent(_SEEN)

    def on_response(self, exchange: Exchange) -> Iterator[Sighting]:
        """Look at the body, where it may hold persons."""
        response, request = exchange.response, exchange.request
        if response is None or not response.body or response.status >= 500:
            return iter(())
        kind = response.kind.partition(";")[0]
        is_data = _is_data(kind)
        if not is_data and not (
            kind.startswith("text/") and "css" not in kind and "script" not in kind and _is_signed_in(request)
        ):
            return iter(())
        found = persons_in(response.body, kind=kind)
        return self._judge(request, response.body, found, is_data=is_data) if found else iter(())

    def _judge(
        self, request: Request, body: bytes, found: tuple[Person, ...], *, is_data: bool
    ) -> Iterator[Sighting]:
        own = self.known.accounts.identity_of(request)
        sent = request.target + request.body[:_SENT_BYTES]
        others = [
            person
            for person in found
            if self._is_foreign(request, person, own=own, sent=sent)
            and not self._names_own(body[person.start : min(person.end, person.start + _RECORD_BYTES)])
        ]
        told = [person for person in others if person.is_told_of]
        bare = [person for person in others if not person.is_credit and "e-mail address" in person.kinds]
        persons = bare if is_data and len(_distinct(bare)) >= BARE and not told else told
        if not persons or self.known.ownership.standing(self.known.reading(request)) is Standing.OWN:
            return
        keys = _distinct(persons)
        for key in keys:
            self._seen.put(hash(key), True)
        shape = dict(line_of(self.policy, self.name).options).get("bodies") == "shape"
        values = {(mark.kind, mark.value) for person in persons for mark in person.marks}
        count = len(keys)
        yield Sighting(
            rule=self.name,
            severity=Severity.CHECK,
            says=f"{count} person{'s' * (count != 1)} other than you in an answer: {_counted(values)}",
            advice="Stop here, keep no more of it than the report needs, and report it.",
            shown_by=tuple(
                Pointer(request.exchange, "response-body", mark.start, mark.end)
                for mark in [mark for person in persons for mark in person.marks][:_SHOWN]
            ),
            reach=reach_of(request),
            group=f"{request.actor} {request.host}",
            calls_for=Action.WARN,
            shape_only=shape and len(self._seen) >= SHAPE_FROM,
        )

    def _is_foreign(self, request: Request, person: Person, *, own: str | None, sent: bytes) -> bool:
        addresses = [mark.value for mark in person.marks if mark.kind == "e-mail address"]
        if any(self._is_own(each, own) for each in addresses):
            return False
        if any(self.known.accounts.is_registered(mark.value) for mark in person.marks):
            return False
        if not addresses:
            return True
        if all(is_role(each) for each in addresses) or all(each.encode() in sent for each in addresses):
            return False
        sites = {request.host, request.host.partition(".")[2]}
        if all(each.partition("@")[2] in sites for each in addresses):
            return bool(person.kinds & {"card number", "national id"})
        return True

    def _is_own(self, address: str, own: str | None) -> bool:
        name, _, domain = address.partition("@")
        return (
            own in {address, name}  # signed in as either, registered or not
            or self.known.accounts.is_registered(address)
            or self.known.accounts.is_registered(f"{name.partition('+')[0]}@{domain}")
        )

    def _names_own(self, record: bytes) -> bool:
        """Whether the record names a registered account, by user name or id."""
        for account in self.known.accounts.registered:
            for identity in account.identities:
                plain = identity.encode()
                if identity.isdigit():
                    if any(
                        b'"id":' + gap + plain + end in record for gap in (b"", b" ") for end in (b",", b"}")
                    ):
                        return True
                elif b'"' + plain + b'"' in record:
                    return True
        return False


@lru_cache(maxsize=256)
def _is_data(kind: str) -> bool:
    return any(word in kind for word in _DATA) and not any(word in kind for word in _NO_DATA)


def _is_signed_in(request: Request) -> bool:
    if request.account is not None:
        return True
    carried = carried_by(request)
    return carried is not None and request.header("authorization") is not None


def _distinct(persons: list[Person]) -> set[str]:
    return {min(person.marks, key=lambda mark: _KINDS.index(mark.kind)).value for person in persons}


def _counted(values: set[tuple[str, str]]) -> str:
    counts = Counter(kind for kind, _ in values)
    return ", ".join(
        f"{counts[kind]} {kind if counts[kind] == 1 else _PLURALS.get(kind, kind + 's')}"
        for kind in _KINDS
        if counts[kind]
    )
