"""The headers of a message, read once for all messages that have the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

Headers = tuple[tuple[bytes, bytes], ...]

_REMEMBERED = 256  # heads; a browser says the same for all that a page asks for
_HEADERS = 64
_BYTES = 8 << 10  # of one head: what is longer is not kept
_T = TypeVar("_T")


class Head:
    """Headers, and what was read out of them.

    A class, because thousands of requests have the same and many rules read them.
    """

    __slots__ = ("_made", "first_values", "headers")

    def __init__(self, headers: Headers) -> None:
        self.headers = headers
        found: dict[bytes, bytes] = {}
        for name, value in headers:
            found.setdefault(name.lower(), value)
        self.first_values: Mapping[bytes, bytes] = found
        """Lower-case header names with their first values."""
        self._made: dict[Callable[[Head], Any], Any] = {}

    def of(self, make: Callable[[Head], _T]) -> _T:
        """What *make*, a function of a module, reads out of the headers; it is called once."""
        if make not in self._made:
            self._made[make] = make(self)
        found: _T = self._made[make]
        return found


def head_of(headers: Headers) -> Head:
    """The head that has these headers."""
    if len(headers) <= _HEADERS and sum(map(len, chain.from_iterable(headers))) <= _BYTES:
        return _remembered(headers)
    return Head(headers)


@lru_cache(maxsize=_REMEMBERED)
def _remembered(headers: Headers) -> Head:
    return Head(headers)


def paths_named(headers: Headers) -> list[str]:
    """Paths that headers name in place of the request line's, without query: IIS and frameworks go there."""
    return [
        value.decode("latin-1").split("?", 1)[0]
        for name, value in headers
        if name.translate(_AS_VARIABLE) in _PATH_HEADERS
    ]


def copied_to(method: str, headers: Headers) -> list[str]:
    """URLs or paths that a COPY or MOVE writes to.

    Source:
        RFC 4918 (WebDAV), 10.3.
    """
    if method.upper() not in ("COPY", "MOVE"):
        return []
    return [value.decode("latin-1").strip() for name, value in headers if name.lower() == b"destination"]


def hosts_forwarded(headers: Headers) -> list[str]:
    """Hosts, with port where one stands there, that headers name as the one first asked for.

    Proxies set them for the server behind; some of those serve the host that stands there.

    Source:
        RFC 7239 for Forwarded; the others are conventions.
    """
    found: dict[str, None] = {}
    for name, value in headers:
        variable = name.translate(_AS_VARIABLE)
        if variable in _HOST_HEADERS:
            found |= dict.fromkeys(filter(None, map(str.strip, value.decode("latin-1").split(","))))
        elif variable == b"forwarded":
            found |= dict.fromkeys(_FORWARDED_HOST.findall(value.decode("latin-1")))
    return list(found)


_AS_VARIABLE = bytes(
    each if chr(each).isascii() and chr(each).isalnum() else ord("-") for each in range(256)
).lower()
"""CGI, PHP and WSGI give a header to programs as a variable: X_Original_URL is X-Original-URL there."""
_HOST_HEADERS = frozenset(
    {b"x-forwarded-host", b"x-forwarded-server", b"x-host", b"x-original-host", b"x-http-host-override"}
)
_FORWARDED_HOST = re.compile(r'(?i)\bhost[ \t]*=[ \t]*"?([^",;\s]+)')
_PATH_HEADERS = frozenset({b"x-original-url", b"x-rewrite-url"})
