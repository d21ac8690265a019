"""Persons in these bytes: what tells one from another, put together record by record.

An e-mail address is enough for a person.  Numbers count only where a key or label says what they are and
their check digits agree: a run of digits is nearly always an id.  Not seen: persons of whom there is a
name only, and what is in images, PDF or archives.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise

import re2

from fairwitness.detect.checksums import CHECKS, is_card, is_iban
from fairwitness.detect.secret import compiled, occurs

MOST_BYTES = 1 << 20
_MOST = 2000  # marks of one body; a page that holds more says so with these
_NEAR_BYTES = 600  # in HTML, XML and text: what stands so near an address belongs to it
_RECORD_BYTES = 4096  # of one record; records that stand within each other are looked at often
_SHALLOW = 8  # objects that are open at once
_LONGEST = 254  # of an address
_AT = rb"(?:@|\\u0040|&#64;|&#x40;|%40)"
_EMAIL = compiled(rb"(?i)([a-z0-9][a-z0-9._+-]*)" + _AT + rb"([a-z0-9][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)+)")
_PHONE = compiled(
    rb"(?i)(?:phone|mobile|telefon|\btel\b|cell|msisdn|whatsapp|telephone)[^0-9+{}]{0,40}?"
    rb"(\+?[0-9(][0-9 ().\-/]{5,20}[0-9])\b"
)
_E164 = compiled(rb"(?:^|[\s,;\"])(\+[1-9][0-9 -]{8,16}[0-9])\b")
_IBAN = compiled(rb"(?i)\b([a-z]{2}[0-9]{2}(?: ?[a-z0-9]{4}){2,7}(?: ?[a-z0-9]{1,3})?)\b")
_CARD = compiled(rb"(?i)(?:card|\bpan\b|\bcc)[^0-9{}]{0,24}?([2-6][0-9]{3}(?:[ -]?[0-9]{3,6}){2,4})\b")
_NATIONAL = compiled(
    rb"(?i)\b(ssn|social_?security|nino|national_?insurance|steuer_?id|tax_?id|idnr|nir|secu|dni|nie|nif"
    rb"|codice_?fiscale|fiscal_?code|bsn|pesel|cpf|aadhaar|aadhar)(?:\b|_)"
    rb"[^a-z0-9]{0,4}(?:number|no|nr)?[^a-z0-9{}]{0,12}([a-z0-9][a-z0-9 .\-/]{6,22}[a-z0-9])"
)
_LONG = rb"[2-6][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}"
_KEYED = (
    rb"(?i)\b(?:ssn|social_?security|nino|national_?insurance|steuer|tax_?id|idnr|nir|secu|dni|nie|nif|codice"
    rb"|fiscal_?code|bsn|pesel|cpf|aadhaa?r)(?:\b|_)"
)
_LONG_NUMBER = compiled(_LONG)
_KEYS = compiled(_KEYED)
_IS_NUMBERED = occurs(_LONG + b"|" + _KEYED)  # looked for first; few bodies have either
_DETAILS = compiled(
    rb"(?i)(?:home|postal|street|billing|shipping|delivery|mailing)[_ -]?address|[\"<,;]address\b|street"
    rb"|birth|\bdob\b|postal_?code|postcode|zip_?code|(?:first|last|full|family|given)[_ -]?name|surname"
    rb"|salary|passport"
)
_CREDITS = compiled(rb"(?i)\"(?:authors?|maintainers?|committer|contact|support|publisher|vendor|_npmuser)\"")
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_FILES = frozenset([b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"avif", b"css", b"js", b"mjs", b"map"])
_DOCUMENTED = frozenset(["example.com", "example.org", "example.net", "domain.com", "sentry.io"])
_ROLES = frozenset(
    (  # noqa: SIM905
        "abuse accounts admin billing career careers contact datenschutz dpo feedback hello help helpdesk "
        "hr info jobs kontakt legal mail marketing media no-reply noreply donotreply office orders "
        "postmaster press privacy root sales security service shop support team webmaster you your user "
        "username name email someone"
    ).split()
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing by which a person is known."""

    kind: str
    """``e-mail address`` | ``phone number`` | ``card number`` | ``IBAN`` | ``national id``."""
    value: str
    """As it is compared; never shown."""
    start: int
    end: int


@dataclass(slots=True)
class Person:
    """The marks of one record."""

    start: int
    end: int
    """Where the record stands in the body."""
    has_details: bool = False  # an address, a date of birth, names
    is_credit: bool = False  # the author, maintainer or contact of something
    marks: list[Mark] = field(default_factory=list)

    @property
    def kinds(self) -> frozenset[str]:
        """Of its marks."""
        return frozenset(mark.kind for mark in self.marks)

    @property
    def is_told_of(self) -> bool:
        """Whether more is shown than an address: what a public page has no reason to show."""
        kinds = self.kinds
        if kinds & {"card number", "national id"}:
            return True
        return "e-mail address" in kinds and (len(kinds) > 1 or self.has_details)


def persons_in(body: bytes, *, kind: str = "") -> tuple[Person, ...]:
    """The records of persons in a body of the media type *kind*; role addresses are no persons."""
    text = body[:MOST_BYTES]
    marks = sorted(_marks_in(text, is_table="csv" in kind), key=lambda mark: mark.start)
    if not marks:
        return ()
    first = text.lstrip()[:1]
    if first in {b"{", b"["}:
        found = _by_object(text, marks)
    elif "csv" in kind:
        found = _by_line(text, marks)
    else:
        found = _by_nearness(text, marks)
    return tuple(person for person in found if person.marks)


def _marks_in(text: bytes, *, is_table: bool) -> Iterator[Mark]:
    addresses = list(islice(_addresses_in(text), _MOST))
    yield from addresses
    if not addresses and not _IS_NUMBERED(text):
        return
    if _LONG_NUMBER.search(text):
        yield from _numbers(text, _CARD, "card number", is_card)
    if _KEYS.search(text):
        yield from _national_ids_in(text)
    if not addresses:  # a number alone tells of nobody
        return
    for pattern in (_PHONE, _E164) if is_table else (_PHONE,):
        yield from _numbers(text, pattern, "phone number", lambda digits: 7 <= len(digits) <= 15)
    for match in islice(re2.finditer(_IBAN, text), _MOST):
        value = match.group(1).decode("ascii").replace(" ", "").upper()
        if is_iban(value):
            yield Mark("IBAN", value, match.start(1), match.end(1))


def _addresses_in(text: bytes) -> Iterator[Mark]:
    if b"@" not in text and b"u0040" not in text and b"64;" not in text and b"x40;" not in text:
        return
    for match in re2.finditer(_EMAIL, text):
        mark = _address(text, match)
        if mark is not None:
            yield mark


def _national_ids_in(text: bytes) -> Iterator[Mark]:
    for match in islice(re2.finditer(_NATIONAL, text), _MOST):
        key = match.group(1).decode("ascii").lower().replace("_", "")
        value = re.sub(r"[ .\-/]", "", match.group(2).decode("ascii")).upper()
        if any(check(value) for name, check in CHECKS if key.startswith(name)):
            yield Mark("national id", value, match.start(2), match.end(2))


def _numbers(text: bytes, pattern: object, kind: str, is_one: Callable[[str], bool]) -> Iterator[Mark]:
    for count, match in enumerate(re2.finditer(pattern, text)):
        if count >= _MOST:
            return
        digits = "".join(filter(str.isdigit, match.group(1).decode("ascii")))
        if is_one(digits) and len(set(digits)) > 2:
            yield Mark(kind, digits, match.start(1), match.end(1))


def _address(text: bytes, match: re.Match[bytes]) -> Mark | None:
    start, name, domain = match.start(), match.group(1).lower(), match.group(2).lower()
    if start and text[start - 1 : start] == b"\\" and name[:1] in b"nrt":
        start, name = start + 1, name[1:]
    last = domain.rpartition(b".")[2]
    if not name or not last.isalpha() or not 2 <= len(last) <= 18 or len(match.group()) > _LONGEST:
        return None
    if last in _FILES or text[start - 1 : start] in {b":", b"/"}:
        return None  # a password in a URL, a path
    return Mark("e-mail address", f"{name.decode('ascii')}@{domain.decode('ascii')}", start, match.end())


def is_role(address: str) -> bool:
    """Whether an address is a function's, a program's or a placeholder, not a person's."""
    name, _, domain = address.partition("@")
    return name.split("+")[0] in _ROLES or ".".join(domain.split(".")[-2:]) in _DOCUMENTED or len(name) > 40


def _person(text: bytes, start: int, end: int, *, before: int = 0) -> Person:
    record = text[start : min(end, start + _RECORD_BYTES)]
    return Person(
        start,
        end,
        has_details=bool(_DETAILS.search(record)),
        is_credit=bool(_CREDITS.search(text[max(0, start - before) : start])),
    )


def _by_object(text: bytes, marks: list[Mark]) -> list[Person]:
    """One person an object; an inner object without an address belongs to the one around it."""
    spans, at = [(mark.start, mark) for mark in marks], 0
    found: list[Person] = []
    held: list[tuple[int, bool, list[Mark]]] = [(0, False, [])]
    for token in _TOKENS.finditer(text):
        sign = text[token.start()]
        while at < len(spans) and spans[at][0] < token.end():
            held[-1][2].append(spans[at][1])
            at += 1
        if sign in b"{[":
            held.append((token.start(), sign == 123, []))
        elif sign in b"}]" and len(held) > 1:
            _close(text, held, token.end(), found)
            if at == len(spans) and len(held) <= _SHALLOW and not any(marks for _, _, marks in held[1:]):
                break  # nothing behind it tells of anybody
    held[-1][2].extend(mark for _, mark in spans[at:])
    while len(held) > 1:
        _close(text, held, len(text), found)
    found.extend(_alone(held[0][2]))
    return found


def _close(text: bytes, held: list[tuple[int, bool, list[Mark]]], end: int, found: list[Person]) -> None:
    start, is_object, marks = held.pop()
    if not marks:
        return
    has_address = any(mark.kind == "e-mail address" for mark in marks)
    if not is_object and has_address:
        found.extend(_alone(marks))
    elif not has_address and len(held) > 1 and (is_object is False or held[-1][1]):
        held[-1][2].extend(marks)
    else:
        person = _person(text, start, end, before=40)
        person.marks = marks
        found.append(person)


def _alone(marks: list[Mark]) -> Iterator[Person]:
    for mark in marks:
        yield Person(mark.start, mark.end, marks=[mark])


def _by_line(text: bytes, marks: list[Mark]) -> list[Person]:
    has_details = bool(re2.search(_DETAILS, b"," + text[: max(0, text.find(b"\n"))]))
    found: list[Person] = []
    for mark in marks:
        if not found or mark.start >= found[-1].end:
            end = text.find(b"\n", mark.start)
            start = text.rfind(b"\n", 0, mark.start) + 1
            found.append(Person(start, len(text) if end < 0 else end, has_details=has_details))
        found[-1].marks.append(mark)
    return found


def _by_nearness(text: bytes, marks: list[Mark]) -> list[Person]:
    addresses = [mark for mark in marks if mark.kind == "e-mail address"]
    middles = [(one.start + two.start) // 2 for one, two in pairwise(addresses)]
    found = []
    for mark, begin, end in zip(addresses, [0, *middles], [*middles, len(text)], strict=False):
        near = (max(begin, mark.start - _NEAR_BYTES), min(end, mark.start + _NEAR_BYTES))
        found.append(_person(text, *near))
        found[-1].marks.append(mark)
    starts = [person.start for person in found]
    alone = []
    for mark in marks:
        if mark.kind == "e-mail address":
            continue
        at = bisect_right(starts, mark.start) - 1
        if at >= 0 and mark.start < found[at].end:
            found[at].marks.append(mark)
        elif mark.kind in {"card number", "national id"}:
            alone.append(mark)
    return [*found, *_alone(alone)]
