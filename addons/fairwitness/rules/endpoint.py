"""Which requests are the same kind of request: method, host and the skeleton of the path."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from fairwitness.model.exchange import STANDARD_PORTS, Request

_PATH_BYTES = 1024  # a longer path is cut: servers refuse most above it, and the skeleton is kept as a key
_NAME_BYTES = 128
_NAMES = 12  # parameters in a skeleton; more are "many", or a walk over names would never repeat itself

_IDS = re.compile(
    r"""
    (?<![0-9A-Za-z])
    (?: (?P<uuid> [0-9A-Fa-f]{8} (?:-[0-9A-Fa-f]{4}){3} -[0-9A-Fa-f]{12} )
      | (?P<n>    [0-9]+ )
      | (?P<hash> [0-9A-Fa-f]{16,} | (?=[A-Za-z]*[0-9]) (?=[0-9]*[A-Za-z]) [0-9A-Za-z]{20,} )
    )
    (?![0-9A-Za-z])
    """,
    re.VERBOSE,
)


def endpoint_of(request: Request) -> str:
    """``GET api.example.com /users/{n}/orders/{uuid} ?page&sort`` for a request.

    Numbers, UUIDs and hashes in path segments are folded, since walking them is one kind of request.
    Query names count and their values do not.
    """
    return _endpoint(request.method, request.scheme, request.host, request.port, request.target)


@lru_cache(maxsize=512)
def _endpoint(method: str, scheme: str, host: str, port: int, target: bytes) -> str:
    host = _plain(host)
    if port != STANDARD_PORTS.get(scheme):
        host = f"{host}:{port}"
    return f"{method} {host} {skeleton(target)}"


def host_of(request: Request) -> str:
    """The host by which requests are counted; spelling it differently makes no second one."""
    return _plain(request.host)


def places_of(request: Request) -> dict[str, str]:
    """By what meters count a request: its host, its endpoint, or all together."""
    return {"host": host_of(request), "endpoint": endpoint_of(request), "total": "*"}


@lru_cache(maxsize=512)
def _plain(host: str) -> str:
    return host.lower().rstrip(".")


@lru_cache(maxsize=2048)
def skeleton(target: bytes) -> str:
    """Path and query names of a request target, everything that identifies one object folded."""
    path, _, query = target.partition(b"?")
    path = path[:_PATH_BYTES]
    if b"%" in path:
        path = unquote_to_bytes(path)[:_PATH_BYTES]
    text = _fold(_without_dots(path.decode("latin-1")))
    if not query:
        return text
    if query.count(b"&") >= _NAMES:
        return f"{text} ?{{many}}"
    fields = query.split(b"&")
    names = sorted({_fold(field.split(b"=", 1)[0][:_NAME_BYTES].decode("latin-1")) for field in fields})
    return f"{text} ?{'&'.join(names)}"


def _fold(text: str) -> str:
    return _IDS.sub(_placeholder, text)


def _placeholder(found: re.Match[str]) -> str:
    return f"{{{found.lastgroup}}}"


def _without_dots(path: str) -> str:
    if "/." not in path and "//" not in path and ";" not in path:
        return path
    kept: list[str] = []
    for segment in path.split("/"):
        segment = segment.split(";", 1)[0]
        if segment == "..":
            kept = kept[:-1]
        elif segment not in {"", "."}:
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if path.endswith("/") and kept else "")
