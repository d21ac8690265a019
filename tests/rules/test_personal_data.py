"""personal-data counts records of persons, leaves one's own out, and never says who they are."""

from __future__ import annotations

import json

import pytest

from fairwitness.model.account import Account
from fairwitness.model.flag import Severity, Sighting
from fairwitness.model.policy import Policy
from fairwitness.rules import Knowledge
from fairwitness.rules.personal_data import PersonalData
from fairwitness.rules.testing import make_exchange, make_policy, make_request

OWN = Account("first", ("tester", "tester@mine.test", "41"))
STRANGER = {"email": "bo@mail.test", "phone": "+1 202 555 0110", "street": "Elm 1"}


def _rule(policy: Policy | None = None) -> PersonalData:
    rule = PersonalData(policy or make_policy())
    rule.known = Knowledge((OWN,))
    return rule


def _seen(
    body: object, *, url: str = "https://shop.test/api/x", kind: str = "application/json"
) -> list[Sighting]:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    exchange = make_exchange(make_request(url), headers=((b"content-type", kind.encode()),), body=text)
    return list(_rule().on_response(exchange))


def test_address_and_phone_in_one_object_are_one_person() -> None:
    """What stands in one record belongs to one."""
    (seen,) = _seen(STRANGER)

    assert Severity.CHECK is seen.severity
    assert "1 person other than you in an answer: 1 e-mail address, 1 phone number" == seen.says


def test_two_records_are_two_persons() -> None:
    """Each object of a list is counted, and the same person once."""
    other = {**STRANGER, "email": "ann@mail.test", "phone": "+1 202 555 0111"}
    (seen,) = _seen([STRANGER, other, STRANGER])

    assert "2 persons other than you in an answer: 2 e-mail addresses, 2 phone numbers" == seen.says


def test_inner_object_belongs_to_the_record_around_it() -> None:
    """A phone below `contact` is that of the address beside it."""
    (seen,) = _seen({"email": "bo@mail.test", "more": {"phone": "+1 202 555 0110"}})

    assert seen.says.startswith("1 person ")


def test_pointer_shows_the_bytes() -> None:
    """The flag points at the address itself."""
    body = json.dumps(STRANGER).encode()
    (seen,) = _seen(body)

    assert b"bo@mail.test" == body[seen.shown_by[0].start : seen.shown_by[0].end]


def test_escaped_address_is_read() -> None:
    """JSON may write the @ as an escape."""
    assert _seen(rb'{"email": "bo\u0040mail.test", "phone": "+1 202 555 0110"}')


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/csv", b"email,phone\nbo@mail.test,+12025550110\nann@mail.test,+12025550111\n"),
        ("application/xml", b"<u><mail>bo@mail.test</mail><phone>+12025550110</phone></u>"),
        (
            "application/x-ndjson",
            b'{"email":"bo@mail.test","dob":"1970-01-01"}\n{"email":"a@mail.test","dob":"1971"}',
        ),
        (
            "application/sql",
            b"".join(b"INSERT INTO u VALUES (%d,'u%d@mail.test');" % (i, i) for i in range(10)),
        ),
        ("application/json", b'{"ssn": "219-09-9999", "x": 1}'),
        ("application/json", b'{"cpf": "529.982.247-25"}'),
        ("application/json", b'{"card_number": "4539 1488 0343 6467"}'),
    ],
)
def test_forms_of_records_are_read(kind: str, body: bytes) -> None:
    """CSV, XML, lines of JSON, SQL, and numbers under their keys."""
    assert _seen(body, kind=kind)


@pytest.mark.parametrize(
    "body",
    [
        {"id": 41, "contact": {"email": "other@mail.test"}, "phone": "+1 202 555 0110"},
        {"username": "tester", "email": "other@mail.test", "phone": "+1 202 555 0110"},
        {"email": "tester+two@mine.test", "phone": "+1 202 555 0110"},
        {"email": "support@mail.test", "phone": "+1 202 555 0110"},
        {"email": "bo@example.com", "phone": "+1 202 555 0110"},
        {"email": "berlin@shop.test", "phone": "+1 202 555 0110", "street": "Ring 1"},
        {
            "maintainers": [{"email": "a@m.test"}, {"email": "b@m.test"}, {"email": "c@m.test"}],
            "license": "MIT",
        },
        {"id": 4539148803436467, "total": 4539148803436467},
        {"card_number": "4242 4242 4242 4242"},
        {"cpf": "529.982.247-26"},
        {"image": "logo@2x.png", "phone": "+1 202 555 0110", "street": "Elm"},
        {"comment": "write to ann@mail.test"},
    ],
)
def test_what_is_no_stranger_is_not_told(body: object) -> None:
    """One's own, roles, documentation, the host's own, credits, and numbers that are ids."""
    assert [] == _seen(body)


def test_values_are_never_said() -> None:
    """Neither what was seen nor the advice holds the address or the number."""
    (seen,) = _seen(STRANGER)

    assert not any(value in seen.says + seen.advice for value in STRANGER.values())


@pytest.mark.parametrize(
    "body", [b'{"a":"' * 100_000, b"@" * 500_000, b"a@" * 300_000, b"phone " * 90_000, b"[" * 900_000]
)
def test_hostile_body_ends(body: bytes) -> None:
    """Bodies that repeat what the patterns begin with are read to their end, and show nobody."""
    assert [] == _seen(b"{" + body + b"@")


def test_records_within_records_are_read_in_bounded_pieces() -> None:
    """Two thousand objects within each other are not each read to their end."""
    body = b'{"email":"a@mail.test","x":' * 2500 + b'"' + b"x" * 900_000 + b'"' + b"}" * 2500

    assert [] == _seen(body)


def test_list_of_bare_addresses_is_told_from_ten_on() -> None:
    """A team's list is ordinary, a list of customers' addresses is not."""
    listed = [{"id": n, "email": f"p{n}@mail.test"} for n in range(10)]

    assert (0, 1) == (len(_seen(listed[:9])), len(_seen(listed)))
