"""What in a head says whose request it is: cookies and tokens, never kept as they are."""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from json import loads

from fairwitness.model.exchange import TOKEN_HEADERS, Request, Response, credentials_in
from fairwitness.model.head import Head
from fairwitness.rules.sign_in import basic_identity, tokens_in

_COOKIES = 100  # of one request, or set by one answer
_MAX_BYTES = 16 << 10
_CLAIMS = ("sub", "email", "preferred_username", "username", "user_name", "upn")
_SESSION_NAME = re.compile(rb"sess|sid|auth|token|jwt|login|remember|user", re.IGNORECASE)
_OTHER_NAME = re.compile(rb"csrf|xsrf|^_g(?:a|id|cl)|^_fbp|consent|lang|locale|theme", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9A-Fa-f-]+|.*\|.*|.{60,}|anonymous|guest", re.DOTALL)  # says nothing to a person
_SESSION_BYTES = 4
_SECRET_BYTES = 16  # a value of another name is taken for a session's from this length on


@dataclass(frozen=True)
class Carried:
    """The credential headers of a request, lower-case name and value.

    Without slots, so that what is asked of each request is worked out once for all that carry the same.
    """

    headers: tuple[tuple[bytes, bytes], ...]

    def cookies(self) -> Iterator[tuple[bytes, bytes]]:
        """Name and value of each cookie."""
        for name, value in self.headers:
            if name == b"cookie":
                for pair in value[:_MAX_BYTES].split(b";", _COOKIES)[:_COOKIES]:
                    cookie, equals, content = pair.strip().partition(b"=")
                    if equals and content:
                        yield cookie, content.strip(b'"')

    def tokens(self) -> Iterator[bytes]:
        """What is sent as a token."""
        for name, value in self.headers:
            if name != b"cookie" and len(value) <= _MAX_BYTES:
                scheme, space, rest = value.strip().partition(b" ")
                if scheme.lower() != b"basic":
                    yield rest.strip() if space else scheme

    def names(self) -> Iterator[str]:
        """The names that it claims by itself, in basic authentication and in JSON web tokens; unverified."""
        for name, value in self.headers:
            if name == b"authorization" and (user := basic_identity(value)):
                yield user
        for token in self.tokens():
            yield from claims_of(token)
        for _, content in self.cookies():
            yield from claims_of(content)

    @staticmethod
    def claimed(authorization: bytes) -> tuple[str, ...]:
        """The names in an Authorization header: of basic authentication, or a web token's without numbers."""
        user = basic_identity(authorization)
        if user:
            return (user,)
        claims = claims_of(authorization.rpartition(b" ")[2])
        return tuple(each for each in claims if not _NUMBER.fullmatch(each))

    @cached_property
    def basic(self) -> str | None:
        """The user name of basic authentication."""
        users = (basic_identity(value) for name, value in self.headers if name == b"authorization")
        return next(filter(None, users), None)


def carried_by(request: Request) -> Carried | None:
    """The credential headers of a request; None where it has none."""
    return request.head.of(_carried)


def _carried(head: Head) -> Carried | None:
    found = credentials_in(head)
    return Carried(found) if found else None


class Seals:
    """Salted hashes of credentials: enough to know one again, too little to use it.

    Args:
        site_of: The registered name above a host; hosts below one name share their cookies' meaning.
    """

    def __init__(self, site_of: Callable[[str], str]) -> None:
        self._salt = secrets.token_bytes(32)
        self._site_of = site_of

    def token(self, value: bytes) -> bytes:
        """Of a token, whichever host it goes to."""
        return blake2b(b"t" + value, key=self._salt, digest_size=16).digest()

    def cookie(self, host: str, name: bytes, value: bytes) -> bytes:
        """Of a cookie, at its site."""
        text = b"c" + self._site_of(host).encode() + b"\0" + name + b"=" + value
        return blake2b(text, key=self._salt, digest_size=16).digest()

    def of(self, host: str, carried: Carried) -> list[bytes]:
        """Of all that a request carries.  A script may put a token into a cookie, so both are tried."""
        found = [self.token(each) for each in carried.tokens()]
        for name, value in carried.cookies():
            found.append(self.cookie(host, name, value))
            if len(value) >= _SECRET_BYTES:
                found.append(self.token(value))
        return found

    def session(self, host: str, carried: Carried) -> list[bytes]:
        """Of what makes a request somebody's: its token, else its session cookies."""
        return [self.token(each) for each in carried.tokens()] or self.sessions(host, carried)

    def sessions(self, host: str, carried: Carried) -> list[bytes]:
        """Of the cookies of a request that look like a session's."""
        return [
            self.cookie(host, name, value) for name, value in carried.cookies() if _is_session(name, value)
        ]

    def given(self, host: str, response: Response) -> list[bytes]:
        """Of the session cookies and tokens that an answer gives."""
        found = [
            self.cookie(host, name, value)
            for name, value in set_cookies(response)
            if _is_session(name, value)
        ]
        found += [self.token(token.encode("utf-8", "replace")) for token in tokens_in(response)]
        for name, value in response.headers:
            if name.lower() in TOKEN_HEADERS and len(value) <= _MAX_BYTES:
                found.append(self.token(value.rpartition(b" ")[2]))
        return found


def set_cookies(response: Response) -> Iterator[tuple[bytes, bytes]]:
    """Name and value of each cookie that an answer sets or, with an empty value, takes back."""
    count = 0
    for name, value in response.headers:
        if name.lower() != b"set-cookie" or len(value) > _MAX_BYTES:
            continue
        count += 1
        if count > _COOKIES:
            return
        pair, _, attributes = value.partition(b";")
        cookie, equals, content = pair.strip().partition(b"=")
        if equals:
            is_taken_back = re.search(rb"max-age\s*=\s*(?:0|-)|expires\s*=[^;]*\b1970\b", attributes.lower())
            yield cookie, b"" if is_taken_back else content.strip(b'"')


@lru_cache(maxsize=256)
def claims_of(token: bytes) -> tuple[str, ...]:
    """The names in a JSON web token's payload, unverified; none where it is no such token."""
    parts = token.split(b".")
    if len(parts) != 3 or not token.startswith(b"eyJ") or len(token) > _MAX_BYTES:
        return ()
    try:
        claims = loads(urlsafe_b64decode(parts[1] + b"=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return ()
    if not isinstance(claims, dict):
        return ()
    return tuple(str(claims[each]) for each in _CLAIMS if isinstance(claims.get(each), str | int))


def _is_session(name: bytes, value: bytes) -> bool:
    if _OTHER_NAME.search(name):
        return False
    return len(value) >= (_SESSION_BYTES if _SESSION_NAME.search(name) else _SECRET_BYTES)
