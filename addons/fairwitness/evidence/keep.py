"""How much of an exchange may be stored, and the markers that stand for what may not."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum

NOT_STORED = b"[not stored: load host]"
NOT_STORED_BLOCKED = b"[not stored: blocked]"

_CREDENTIAL_NAME = re.compile(
    rb"cookie|auth|token|secret|api-?key|session|csrf|xsrf|passw|signature|credential", re.IGNORECASE
)
_NO_CREDENTIAL = frozenset({b":authority"})  # holds "auth", and is a host name
_URL_NAMES = frozenset({b"location", b"content-location", b"referer", b"refresh", b"link"})
_QUERY = re.compile(rb"([?#&][^=&#\s>;]*)=[^&#\s>;]*")


class Keep(Enum):
    """What is stored of an exchange."""

    WHOLE = "whole"
    HEAD = "head"
    """No body, no credential, no query value; hash and size of the body are kept."""
    SHAPE = "shape"
    """The body as a shape: keys, types, lengths, salted hashes; its hash and size are kept."""


Hide = Callable[[bytes, bytes], bytes]
"""Gives, for a header's name and value, what is stored as its value."""


def hide_nothing(name: bytes, value: bytes) -> bytes:
    """The value as it is."""
    del name
    return value


def hide_for_load_host(name: bytes, value: bytes) -> bytes:
    """No credential, and no query value inside a URL."""
    lower = name.lower()
    if lower in _URL_NAMES:
        return without_query_values(value)
    return NOT_STORED if is_credential(lower) else value


def hide_for_block(name: bytes, value: bytes) -> bytes:
    """No credential: it went nowhere, and proves nothing about the program's hosts."""
    return NOT_STORED_BLOCKED if is_credential(name.lower()) else value


def is_credential(name: bytes) -> bool:
    """Whether a header of this lower-case name usually carries a credential."""
    return name not in _NO_CREDENTIAL and _CREDENTIAL_NAME.search(name) is not None


def without_query_values(url: bytes) -> bytes:
    """A URL whose query names are kept and whose values are not."""
    return _QUERY.sub(rb"\1=" + NOT_STORED, url)


def query_pair_without_value(pair: bytes) -> bytes:
    """``?name=value`` without the value; a pair without ``=`` could be a value, so it goes whole."""
    name, equals, _ = pair.partition(b"=")
    return name + equals + NOT_STORED if equals else pair[:1] + NOT_STORED
