"""What a request says, read once for all rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from fairwitness.detect import LOOKED_AT_BYTES, SURE, Attack, Tool, attacks_in, is_harmless, tool_in, tool_of
from fairwitness.model.exchange import Initiator, Request
from fairwitness.model.flag import Pointer
from fairwitness.model.head import Head
from fairwitness.rules.attempts import Attempt, attempt_in
from fairwitness.rules.endpoint import places_of
from fairwitness.rules.fields import Field, fields_of, json_of
from fairwitness.rules.lookups import lookup_in

_ORDINARY = frozenset(  # headers that say how to answer, or who asks; what is tried is not put there
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"authorization",
        b"cache-control",
        b"connection",
        b"content-length",
        b"content-type",
        b"destination",
        b"dnt",
        b"host",
        b"if-modified-since",
        b"if-none-match",
        b"origin",
        b"pragma",
        b"priority",
        b"range",
        b"te",
        b"upgrade",
        b"upgrade-insecure-requests",
    }
)
_MARKUP = re.compile(
    rb"=\s*+\"([^\"<]++)\"|=\s*+'([^'<]++)'|>([^<>]++)<|<([\w:.-]{6,80}+)|\s([\w:.-]{6,80}+)(?==)"
)
_PROLOGUE = 1024  # bytes of an XML document in which entities are declared
_LOOKED_AT_BYTES = 8 << 10  # of all values of one request: hostile text is slow to search
_VALUES = 200  # of one request that are looked at


@dataclass(frozen=True, slots=True)
class Tried:
    """An attack-like value in a request."""

    place: str
    """``path`` | ``query`` | ``body`` | ``header``."""
    name: str
    """Of the field or header; empty for the path."""
    attack: Attack
    shown_by: Pointer


class Reading:
    """One request, taken apart.

    A class with lazy parts: most requests are of interest to few rules, and no rule pays for a part that
    another has read already.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self._left_bytes = _LOOKED_AT_BYTES

    @cached_property
    def places(self) -> dict[str, str]:
        """As `places_of`: by what requests are counted."""
        return places_of(self.request)

    @property
    def endpoint(self) -> str:
        """As `endpoint_of`: what counts as the same kind of request."""
        return self.places["endpoint"]

    @property
    def host(self) -> str:
        """The host by which requests are counted."""
        return self.places["host"]

    @property
    def headers(self) -> Mapping[bytes, bytes]:
        """Lower-case header names with their first values."""
        return self.request.first_values

    @cached_property
    def tool(self) -> Tool | None:
        """The program that its headers name."""
        return self.request.head.of(_tool)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """What its query and body give, bounded."""
        return fields_of(self.request, lambda: self.json)

    @cached_property
    def json(self) -> object:
        """Its body as JSON; None where it is none, or longer than a form."""
        return json_of(self.request.body) if self.request.body else None

    @cached_property
    def attempt(self) -> Attempt | None:
        """What it guesses: a password, a code."""
        attempt = attempt_in(self.request, lambda: self.fields)
        return attempt or lookup_in(self.request, lambda: self.fields)

    @cached_property
    def attacks(self) -> tuple[Tried, ...]:
        """What is attack-like in its path, fields, unusual headers and trailers."""
        return tuple(islice(self._tried(), _VALUES))

    @cached_property
    def sure_attacks(self) -> tuple[Tried, ...]:
        """Those of which one is enough."""
        return tuple([tried for tried in self.attacks if tried.attack.weight >= SURE])

    def _tried(self) -> Iterator[Tried]:
        request = self.request
        yield from self._in_value("path", "", "head", request.raw_path, at=len(request.method) + 1)
        yield from self._in_fields(self.fields[:_VALUES])
        if request.body and not any(field.place == "body" for field in self.fields):
            yield from self._in_body(request.body)
        # A browser names the page in its Referer: that page's query was judged when it was opened.
        values = request.head.of(_all_values if request.initiator is Initiator.TOOL else _values)
        if values.size_bytes <= self._left_bytes:
            for header, attack in values.attacks:
                yield Tried("header", header.decode("latin-1"), attack, Pointer(request.exchange, "head"))
        else:
            for header, value in values.texts:
                yield from self._in_value("header", "", "head", value, header=header)
        for header, value in _texts_in(request.trailers) if request.trailers else ():
            yield from self._in_value("header", "", "head", value, header=header)

    def _in_fields(self, fields: Sequence[Field]) -> Iterator[Tried]:
        texts = [text for _, name, said in fields for text in (said, name) if not text.isdigit()]
        together = _bytes("\n".join(texts))
        if len(together) <= min(LOOKED_AT_BYTES, self._left_bytes) and (
            is_harmless(together) or not any(map(attacks_in, map(_bytes, dict.fromkeys(texts))))
        ):
            self._left_bytes -= len(together) - max(0, len(texts) - 1)
            return
        for place, name, said in fields:
            part = "body" if place == "body" else "head"
            for text in (said, name):
                if not text.isdigit():
                    yield from self._in_value(place, name, part, _bytes(text))

    def _in_body(self, body: bytes) -> Iterator[Tried]:
        if body[:LOOKED_AT_BYTES].lstrip()[:1] != b"<":
            yield from self._in_value("body", "", "body", body, at=0)
            return
        for tag in _MARKUP.finditer(body[:LOOKED_AT_BYTES]):  # what an XML document says, not how
            group = tag.lastindex or 0
            yield from self._in_value("body", "", "body", tag[group], at=tag.start(group))
        if b"<!" in body[:_PROLOGUE]:
            declared = body[:_PROLOGUE].replace(b"\n", b" ")  # no text of several lines
            yield from self._in_value("body", "", "body", declared, at=0)

    def _in_value(
        self, place: str, name: str, part: str, text: bytes, *, at: int | None = None, header: bytes = b""
    ) -> Sequence[Tried]:
        """What is tried in one value; *at* is where it stands in the part, None where it is not known."""
        self._left_bytes -= min(len(text), LOOKED_AT_BYTES)
        if self._left_bytes < 0:
            return ()
        attacks = attacks_in(text)
        if not attacks:
            return ()
        tried = []
        for attack in attacks:
            where = () if at is None else (at + attack.start, at + attack.end)
            shown_by = Pointer(self.request.exchange, part, *where)
            tried.append(Tried(place, name or header.decode("latin-1"), attack, shown_by))
        return tried


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _tool(head: Head) -> Tool | None:
    if len(head.first_values) != len(head.headers):  # one of them is there twice
        return tool_in(head.headers)
    return tool_of(head.first_values)


@dataclass(frozen=True, slots=True)
class _Values:
    """What may be tried in headers."""

    texts: tuple[tuple[bytes, bytes], ...]
    """Header and value, or a part of it."""
    size_bytes: int
    """How many of them are looked at."""
    attacks: tuple[tuple[bytes, Attack], ...]
    """None where that are too many: then it depends on what was looked at before."""


def _all_values(head: Head) -> _Values:
    return _values_in(head.headers)


def _values(head: Head) -> _Values:
    return _values_in([each for each in head.headers[:_VALUES] if each[0].lower() != b"referer"])


def _values_in(headers: Sequence[tuple[bytes, bytes]]) -> _Values:
    texts = tuple(_texts_in(headers))
    size = sum(min(len(text), LOOKED_AT_BYTES) for _, text in texts)
    if size > _LOOKED_AT_BYTES:
        return _Values(texts, size, ())
    found = [(header, attack) for header, text in texts for attack in attacks_in(text)]
    return _Values(texts, size, tuple(found))


def _texts_in(headers: Sequence[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    for header, value in headers[:_VALUES]:
        lower = header.lower()
        if lower in _ORDINARY or lower.startswith((b"sec-", b"access-control-")):
            continue
        if lower == b"cookie":
            for piece in value.split(b";")[:_VALUES]:
                first, _, second = piece.strip().partition(b"=")
                yield header, first
                yield header, second
        elif lower == b"referer":
            yield header, value.partition(b"//")[2].partition(b"/")[2] or value
        else:
            yield header, value
