"""Which objects answers named: looked up in their bytes only when somebody asks.

An id that an answer listed or linked was shown to its reader; one that none did was made up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from fairwitness.model.exchange import Exchange
from fairwitness.rules.objects import Object, Place, place_of

BODIES = 64  # kept a site
BODY_BYTES = 128 << 10  # of each
SITE_BYTES = 2 << 20  # of all of them

_TRIES = 48  # occurrences that are looked at
_NAME_BYTES = 200
_LONG = (
    9  # characters: a longer id stands for itself wherever it stands, a short one is also a price or a count
)
_ANY_KIND = frozenset(
    ["autocomplete", "feed", "graphql", "home", "query", "search", "suggest", "suggestion", "sync"]
)
_IN_JSON = (b'd":', b'd": ', b'd":"', b'd": "')
_IN_PAGE = (b"d=", b'd="')
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@dataclass(frozen=True, slots=True)
class Told:
    """The body of an answer."""

    place: Place
    content: bytes
    is_json: bool

    def names(self, wanted: Object) -> bool:
        """Whether it links the object, or lists it among others of its kind."""
        name = wanted.name.encode("utf-8", "replace")[:_NAME_BYTES]
        if name not in self.content:
            return False
        if len(name) >= _LONG:
            return True
        if not name.isdigit() and b'"%b"' % name in self.content:
            return True
        kind = wanted.kind.encode("latin-1", "replace")
        forms = _IN_JSON if self.is_json else _IN_PAGE
        return any(self._leads_to(start, kind) for start in self._places(b"/", name)) or any(
            self._is_id_of(start, wanted, kind) for form in forms for start in self._places(form, name)
        )

    def _places(self, form: bytes, name: bytes) -> Iterator[int]:
        """Where the id stands after such a text, and nothing longer does."""
        content, needle, place = self.content, form + name, -1
        for _ in range(_TRIES):
            place = content.find(needle, place + 1)
            if place < 0:
                return
            end = place + len(needle)
            if end == len(content) or content[end] not in _WORD:
                yield place

    def _leads_to(self, start: int, kind: bytes) -> bool:
        """Whether the path before it ends with its kind."""
        last = self.content[max(0, start - 48) : start].lower().rpartition(b"/")[2]
        return not kind or last.replace(b"-", b"").replace(b"_", b"").startswith(
            kind[: max(3, len(kind) - 1)]
        )

    def _is_id_of(self, start: int, wanted: Object, kind: bytes) -> bool:
        """Whether the key or the parameter before it says of what it is the id."""
        before = self.content[max(0, start - 48) : start].lower().replace(b"_", b"").replace(b"-", b"")
        if not before.endswith(b"i"):
            return False
        key = before[:-1]
        if key.endswith((b'"', b"'", b"?", b"&", b";", b" ", b"data")):
            return wanted.kind in {self.place.kind, ""} or self.place.kind in _ANY_KIND or (kind in key)
        return bool(kind) and key.endswith(kind)


class Mentions:
    """The last bodies of one site, at most 2 MiB of them; the oldest go first."""

    __slots__ = ("_bodies", "_bytes")

    def __init__(self) -> None:
        self._bodies: deque[Told] = deque()
        self._bytes = 0

    def put(self, told: Told) -> None:
        """Keep a body."""
        self._bodies.appendleft(told)
        self._bytes += len(told.content)
        while len(self._bodies) > BODIES or self._bytes > SITE_BYTES:
            self._bytes -= len(self._bodies.pop().content)

    def naming(self, wanted: Object) -> Iterator[Told]:
        """The bodies that name an object, the youngest first."""
        return (told for told in self._bodies if told.names(wanted))


def told_by(exchange: Exchange) -> Told | None:
    """What an answer told, where it is a page or data; None where it failed or is something else."""
    response = exchange.response
    if response is None or not response.body or not 200 <= response.status < 300:
        return None
    kind = response.header("content-type") or ""
    is_json = "json" in kind
    if not is_json and not kind.startswith(("text/html", "application/xhtml", "text/xml", "application/xml")):
        return None
    path = exchange.request.raw_path
    return Told(place_of(path), response.body[:BODY_BYTES], is_json)
