"""Whom a request says that it is from, in headers and cookies that are no credentials: ``X-User-Id: 17``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from fairwitness.model.exchange import Exchange
from fairwitness.model.head import Head
from fairwitness.rules.fields import json_of, last_word, walk

_HEADERS = frozenset(
    b"x-account x-account-id x-auth-user x-authenticated-user x-customer-id x-forwarded-user x-member-id"
    b" x-on-behalf-of x-remote-user x-user x-user-email x-user-id x-user-name x-userid x-username".split()
)
_COOKIES = frozenset(
    b"account account_id accountid customer_id customerid email member_id memberid uid user user_id userid"
    b" username".split()
)
_COOKIE_BYTES = 16 << 10
_PAIRS = 100
_MOST = 8  # of one request
_VALUE = re.compile(r"[\w.+-]{1,64}(?:@[\w.-]{1,128})?", re.ASCII)
_NOBODY = frozenset(["0", "anonymous", "deleted", "false", "guest", "none", "null", "true", "undefined"])
_WHO = frozenset(
    ["account", "accountid", "customerid", "email", "id", "memberid", "owner", "ownerid", "uid", "userid"]
)

Claim = tuple[bytes, str]
"""The name of the header or cookie, and who it says."""


def claims_in(head: Head) -> tuple[Claim, ...]:
    """What the headers and cookies say of who asks, a bounded number of them."""
    return tuple(islice(_claims(head), _MOST))


def _claims(head: Head) -> Iterator[Claim]:
    for name, value in head.headers:
        lower = name.lower()
        if lower in _HEADERS:
            yield from _claim(lower, value)
        elif lower == b"cookie":
            for pair in value[:_COOKIE_BYTES].split(b";", _PAIRS)[:_PAIRS]:
                cookie, _, content = pair.strip().partition(b"=")
                if cookie.lower() in _COOKIES:
                    yield from _claim(b"cookie " + cookie.lower(), content.replace(b"%40", b"@"))


def _claim(name: bytes, value: bytes) -> Iterator[Claim]:
    text = value.decode("latin-1").strip(' "')
    if _VALUE.fullmatch(text) and text.lower() not in _NOBODY:
        yield name, text


def is_alike(one: str, other: str) -> bool:
    """Whether both are numbers, or both are addresses."""
    return (one.isdigit() and other.isdigit()) or ("@" in one and "@" in other)


def speaks_of(exchange: Exchange, identity: str) -> bool:
    """Whether a JSON answer names it as a person's id or address: the server took it for who asks."""
    response = exchange.response
    if response is None or response.status != 200 or "json" not in response.kind:
        return False
    if identity.encode() not in response.body:
        return False
    wanted = identity.lower()
    return any(
        value.lower() == wanted and last_word(name) in _WHO for name, value in walk(json_of(response.body))
    )
