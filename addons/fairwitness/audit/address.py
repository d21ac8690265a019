"""Where a recorded URL led."""

from __future__ import annotations

from dataclasses import dataclass

from fairwitness.model.exchange import STANDARD_PORTS, Destination, Headers
from fairwitness.model.head import paths_named

_MOST = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """A URL in its parts, as a browser cuts them."""

    scheme: str
    """``http`` | ``https`` | ``ws`` | ``wss``."""
    host: str
    """As written, without the brackets of IPv6."""
    port: int
    target: str
    """Path and query, from the first slash."""


def address_of(url: str) -> Address | None:
    """The parts of an absolute URL; None where it leads to no web server."""
    scheme, colon, rest = url.strip().partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in STANDARD_PORTS:
        return None
    rest = rest.partition("#")[0]
    before, mark, query = rest.partition("?")
    before = before.replace("\\", "/").lstrip("/")  # a backslash is a slash, as browsers have it
    authority, slash, path = before.partition("/")
    split = split_authority(authority.rpartition("@")[2])
    if split is None or not split[0]:
        return None
    target = f"/{path}{mark}{query}" if slash else f"/{mark}{query}"
    return Address(scheme, split[0], split[1] or STANDARD_PORTS[scheme], target)


def split_authority(authority: str) -> tuple[str, int | None] | None:
    """Host and port; None where it is no authority."""
    if authority.startswith("["):
        host, bracket, port = authority[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            return None
        port = port[1:]
    else:
        host, _, port = authority.partition(":")
    if not port:
        return host, None
    if not (port.isascii() and port.isdigit() and len(port) <= len(str(_MOST)) and int(port) <= _MOST):
        return None
    return host, int(port)


def secured(scheme: str, headers: Headers) -> str:
    """The scheme that a request really had: one that asks for a WebSocket is ``ws`` or ``wss``."""
    for name, value in headers:
        if name.lower() == b"upgrade" and value.strip().lower() == b"websocket":
            return {"http": "ws", "https": "wss"}.get(scheme, scheme)
    return scheme


def destinations_of(
    address: Address, scheme: str, headers: Headers, *, authority: str = ""
) -> tuple[Destination, ...]:
    """Every name that a recorded request went by: its URL's, Host, ``:authority``.

    Args:
        address: Its URL.
        scheme: What it really had.
        headers: Its headers.
        authority: HTTP/2's ``:authority``, where there is one.
    """
    path = address.target.split("?", 1)[0]
    found = [Destination("url", scheme, address.host, address.port, path)]
    named = [("host", value.decode("latin-1")) for name, value in headers if name.lower() == b"host"]
    named += [("authority", authority)] if authority else []
    for named_by, written in named:
        split = split_authority(written.strip())
        host, port = split if split else (written, None)
        found.append(Destination(named_by, scheme, host, port or address.port, path))
    found += [Destination("url", scheme, address.host, address.port, each) for each in paths_named(headers)]
    return tuple(dict.fromkeys(found))
