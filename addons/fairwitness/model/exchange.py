"""What goes over the wire: requests and their responses.

Wire data is ``bytes`` until somebody must read it.  Times are integer microseconds UTC.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cached_property
from itertools import repeat
from operator import attrgetter, call
from typing import Self

from fairwitness.model import head

SEEN_BODY_BYTES = 1 << 20  # 1 MiB: what rules see of a body, and the largest upload that is decided whole
STANDARD_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


def new_exchange() -> str:
    """A fresh name for an exchange: 16 random bytes as 32 hex digits."""
    return secrets.token_hex(16)


def url_of(scheme: str, host: str, port: int, *, method: str, target: bytes) -> str:
    """The URL as a person would write it; never used to decide anything."""
    host = f"[{host}]" if ":" in host else host
    if method == "CONNECT":
        return f"{host}:{port}"
    authority = host if port == STANDARD_PORTS.get(scheme) else f"{host}:{port}"
    return f"{scheme}://{authority}{target.decode('latin-1')}"


NO_EXCHANGE = "0" * 32
"""The name that entries carry which belong to no exchange."""


class Initiator(StrEnum):
    """Who made a request."""

    PAGE = "page"
    """An in-scope response linked it, or a script of that page asked for it."""
    PERSON = "person"
    """A navigation by the user: address bar, click, form."""
    TOOL = "tool"
    """Everything else, and every doubt."""


class Metered(StrEnum):
    """Which of the policy's meters a request counts on."""

    FREE = "free"
    """A GET that an in-scope page linked: on none."""
    BROWSING = "browsing"
    """Another request that a page made."""
    TESTING = "testing"
    """All else."""


Headers = head.Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One connection of a browser or tool to the proxy."""

    connection: str
    """32 hex digits, the same for everything that came over this connection."""
    address: str
    """IP address of the client."""
    port: int
    label: str | None = None
    """User name in the proxy URL."""
    ja4: str | None = None
    """Fingerprint of the client's TLS hello, None for plain traffic."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One place that a request names.  All places that a request names must be allowed."""

    named_by: str
    """``dial`` | ``connect`` | ``sni`` | ``host`` | ``authority`` | ``url``."""
    scheme: str
    """``http`` | ``https`` | ``ws`` | ``wss`` | ``tcp``."""
    host: str
    """As it stood on the wire, not canonical."""
    port: int
    path: str | None = None
    """Path without query, as on the wire; None where none is known yet (CONNECT, a dial)."""


def first_header(headers: Headers, name: str) -> str | None:
    """The first value of a header, None where it is absent."""
    wanted = name.lower().encode()
    length = len(wanted)
    for key, value in headers:
        if len(key) == length and key.lower() == wanted:  # the length first: rules ask often
            return value.decode("latin-1")
    return None


TOKEN_HEADERS = frozenset(
    {
        b"authorization",
        b"x-access-token",
        b"x-api-key",
        b"x-auth-token",
        b"x-authorization",
        b"x-session-id",
        b"x-session-token",
    }
)
CREDENTIAL_HEADERS = TOKEN_HEADERS | {b"cookie"}


class _Headed:
    """What is read out of a message again and again is worked out once.

    Without slots, so that there is a place to keep it; it is no part of the message, and a copy made by
    ``dataclasses.replace`` works it out anew.
    """

    headers: Headers

    @cached_property
    def first_values(self) -> Mapping[bytes, bytes]:
        """Lower-case header names with their first values."""
        return head.Head(self.headers).first_values

    def header(self, name: str) -> str | None:
        """The first value of a header, None where it is absent."""
        value = self.first_values.get(name.lower().encode())
        return None if value is None else value.decode("latin-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(_Headed):
    """A request as the client sent it, before anything of it left the machine."""

    exchange: str
    received_us: int
    """When its head was complete at the proxy."""
    client: Client
    method: str
    """In capitals."""
    scheme: str
    """``http`` | ``https`` | ``ws`` | ``wss``."""
    host: str
    """Where it would be sent, canonical when known to be, else as on the wire."""
    port: int
    target: bytes
    """Path and query as on the wire, from the first slash."""
    http_version: str
    headers: Headers
    """As they will be sent, identification included."""
    destinations: tuple[Destination, ...]
    """Every name that could decide where this goes; the first is the dialled one."""
    body: bytes = b""
    """The first `SEEN_BODY_BYTES` of it, as it came."""
    body_bytes: int | None = 0
    """Size of the whole body; None while unknown."""
    body_is_cut: bool = False
    """Whether `body` is not the whole of it."""
    trailers: Headers = ()
    identification_added: tuple[str, ...] = ()
    """Names of headers that were added or changed to identify the researcher."""
    method_sent: str = ""
    """The method as it leaves, where not in capitals: servers may tell them apart."""
    initiator: Initiator = Initiator.TOOL
    initiator_why: str = "not judged"
    page: str | None = None
    """URL of the page that made it, where one did."""
    metered: Metered = Metered.TESTING
    account: str | None = None

    def judged(self, *, initiator: Initiator, initiator_why: str, page: str | None, metered: Metered) -> Self:
        """The same request, and who made it."""
        return self._but(initiator, initiator_why, page, metered, self.account)

    def of_account(self, account: str | None) -> Self:
        """The same request, and whose account it uses; None: none of the researcher's own."""
        return self._but(self.initiator, self.initiator_why, self.page, self.metered, account)

    def _but(self, *made_by: object) -> Self:
        """A copy with other facts of who made it, its last fields; what was worked out of the rest stays.

        Every request is copied so: ``dataclasses.replace`` takes five times as long.
        """
        copy = object.__new__(type(self))
        deque(map(call, _PUT, repeat(copy), (*_TAKE(self), *made_by)), maxlen=0)
        copy.__dict__.update(self.__dict__)
        return copy

    @cached_property
    def head(self) -> head.Head:
        """Its headers; one object for all requests that have the same."""
        return head.head_of(self.headers)

    @cached_property
    def first_values(self) -> Mapping[bytes, bytes]:
        """Lower-case header names with their first values."""
        return self.head.first_values

    @cached_property
    def raw_path(self) -> bytes:
        """The path without query, as on the wire."""
        return self.target.partition(b"?")[0]

    @cached_property
    def credentials(self) -> Headers:
        """The headers that say whose request it is, lower-case name and value."""
        return self.head.of(credentials_in)

    @cached_property
    def path(self) -> str:
        """The path without query, undecoded."""
        return self.raw_path.decode("latin-1")

    @cached_property
    def url(self) -> str:
        """The URL, by `url_of`."""
        return url_of(self.scheme, self.host, self.port, method=self.method, target=self.target)

    @cached_property
    def actor(self) -> str:
        """Who acts: the label, else client address, User-Agent and JA4.

        Names a counter, never a person: two tools with one label share their limits.
        """
        if self.client.label:
            return f"label {self.client.label}"
        return f"{self.client.address} {self.header('user-agent') or '-'} {self.client.ja4 or '-'}"


def credentials_in(of: head.Head) -> Headers:
    """The headers that say whose request it is, lower-case name and value."""
    return tuple(
        [(lower, value) for name, value in of.headers if (lower := name.lower()) in CREDENTIAL_HEADERS]
    )


_NAMES = [field.name for field in fields(Request)]
_TAKE = attrgetter(*_NAMES[: _NAMES.index("initiator")])
_PUT = tuple(getattr(Request, name).__set__ for name in _NAMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response(_Headed):
    """A response as the server sent it."""

    http_version: str
    status: int
    reason: str
    headers: Headers
    started_us: int
    """First byte."""
    ended_us: int
    """Last byte."""
    body: bytes = b""
    """All of it where `SEEN_BODY_BYTES` hold it as it came, with the content coding removed where that was
    possible (so it may be larger, up to 16 MiB); else the first of it."""
    body_bytes: int = 0
    """Size of the whole body as it came."""
    body_is_cut: bool = False
    trailers: Headers = ()
    announced: tuple[int, ...] = ()
    """Statuses of the 1xx answers before it, such as 103; they are not passed on."""

    @cached_property
    def kind(self) -> str:
        """Its media type as the header has it, lower case; empty where there is none."""
        return self.first_values.get(b"content-type", b"").decode("latin-1").lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request with its response or failure."""

    request: Request
    response: Response | None
    failure: str | None = None
    """Why there is no whole response, such as ``client left`` or ``connection reset``."""
    ended_us: int = 0
