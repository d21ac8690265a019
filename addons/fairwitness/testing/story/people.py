"""The researcher's two accounts, and how a request shows which of them is signed in."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from fairwitness.testing.tally import SeenRequest


@dataclass(frozen=True, slots=True)
class Person:
    """One account of the researcher's, registered in accounts.yaml."""

    name: str
    number: int
    password: str
    orders: tuple[int, ...]

    @property
    def mail(self) -> str:
        """Its address."""
        return f"{self.name}@wearehackerone.test"


PEOPLE = (
    Person("ada-tests", 4101, "correct-horse-1", (88041, 88057)),
    Person("bob-tests", 4102, "correct-horse-2", (88102,)),
)
ACCOUNTS = "accounts:\n" + "".join(
    f'  - {{name: {person.name}, identities: ["{person.name}", "{person.mail}", "{person.number}"]}}\n'
    for person in PEOPLE
)
"""Both, as accounts.yaml."""


def token_of(person: Person, *, use: int = 0) -> str:
    """A JSON web token of this account; each *use* has another."""
    parts = (
        {"alg": "HS256", "typ": "JWT"},
        {"sub": str(person.number), "email": person.mail, "jti": f"{person.name}-{use}"},
    )
    written = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    signature = (
        base64.urlsafe_b64encode(f"signature of {person.name} {use}".encode() * 2).rstrip(b"=").decode()
    )
    return ".".join([*written, signature])


def person_of(seen: SeenRequest) -> Person | None:
    """Whose session or token a request carries."""
    carried = f"{seen.header('cookie') or ''} {seen.header('authorization') or ''}"
    for person in PEOPLE:
        if token_of(person).rsplit(".", 2)[1][:40] in carried:
            return person
    return None
