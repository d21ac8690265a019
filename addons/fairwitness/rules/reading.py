"""What a request says, read once for all rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from fairwitness.detect import LOOKED_AT_BYTES, Attack, Tool, attacks_in, tool_in
from fairwitness.model.exchange import Initiator, Request
from fairwitness.model.flag import Pointer
from fairwitness.rules.attempts import Attempt, attempt_in
from fairwitness.rules.endpoint import endpoint_of, host_of
from fairwitness.rules.fields import Field, fields_of, json_of

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
    def endpoint(self) -> str:
        """As `endpoint_of`: what counts as the same kind of request."""
        return endpoint_of(self.request)

    @cached_property
    def host(self) -> str:
        """The host by which requests are counted."""
        return host_of(self.request)

    @property
    def headers(self) -> dict[bytes, bytes]:
        """Lower-case header names with their first values."""
        return self.request.first_values

    @cached_property
    def tool(self) -> Tool | None:
        """The program that its headers name."""
        return tool_in(self.request.headers)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """What its query and body give, bounded."""
        return tuple(fields_of(self.request))

    @cached_property
    def json(self) -> object:
        """Its body as JSON; None where it is none, or longer than a form."""
        return json_of(self.request.body) if self.request.body else None

    @cached_property
    def attempt(self) -> Attempt | None:
        """What it guesses: a password, a code."""
        return attempt_in(self.request, lambda: self.fields)

    @cached_property
    def attacks(self) -> tuple[Tried, ...]:
        """What is attack-like in its path, fields and unusual headers."""
        return tuple(islice(self._tried(), _VALUES))

    def _tried(self) -> Iterator[Tried]:
        request = self.request
        path, _, _ = request.target.partition(b"?")
        yield from self._in_value("path", "", "head", path, at=len(request.method) + 1)
        for field in self.fields[:_VALUES]:
            part = "body" if field.place == "body" else "head"
            for text in (field.value, field.name):
                if text.isdigit():
                    continue
                yield from self._in_value(
                    field.place, field.name, part, text.encode("utf-8", "surrogatepass")
                )
        if request.body and not any(field.place == "body" for field in self.fields):
            yield from self._in_body(request.body)
        for name, value in request.headers[:_VALUES]:
            lower = name.lower()
            if lower in _ORDINARY or lower.startswith((b"sec-", b"access-control-")):
                continue
            if lower == b"referer":
                if request.initiator is not Initiator.TOOL:
                    continue  # a browser names the page: its query was judged when it was opened
                value = value.partition(b"//")[2].partition(b"/")[2] or value
            pieces = value.split(b";")[:_VALUES] if lower == b"cookie" else (value,)
            for piece in pieces:
                first, _, second = piece.strip().partition(b"=") if lower == b"cookie" else (piece, b"", b"")
                for each in (first, second):
                    yield from self._in_value("header", name.decode("latin-1"), "head", each)

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
        self, place: str, name: str, part: str, text: bytes, *, at: int | None = None
    ) -> Iterator[Tried]:
        """What is tried in one value; *at* is where it stands in the part, None where it is not known."""
        self._left_bytes -= min(len(text), LOOKED_AT_BYTES)
        if self._left_bytes < 0:
            return
        for attack in attacks_in(text):
            where = () if at is None else (at + attack.start, at + attack.end)
            yield Tried(place, name, attack, Pointer(self.request.exchange, part, *where))
