"""What a request says, read once for all rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from fairwitness.detect import Attack, attacks_in
from fairwitness.model.exchange import Request
from fairwitness.model.flag import Pointer
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
        b"user-agent",
    }
)
_URL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:/?&="
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

    @cached_property
    def endpoint(self) -> str:
        """As `endpoint_of`: what counts as the same kind of request."""
        return endpoint_of(self.request)

    @cached_property
    def host(self) -> str:
        """The host by which requests are counted."""
        return host_of(self.request)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """What its query and body give, bounded."""
        return tuple(fields_of(self.request))

    @cached_property
    def json(self) -> object:
        """Its body as JSON; None where it is none, or longer than a form."""
        return json_of(self.request.body) if self.request.body else None

    @cached_property
    def attacks(self) -> tuple[Tried, ...]:
        """What is attack-like in its path, fields and unusual headers."""
        return tuple(islice(self._tried(), _VALUES))

    def _tried(self) -> Iterator[Tried]:
        request = self.request
        exchange = request.exchange
        path, _, _ = request.target.partition(b"?")
        at = len(request.method) + 1
        for attack in attacks_in(path):
            yield Tried("path", "", attack, Pointer(exchange, "head", at + attack.start, at + attack.end))
        for field in self.fields[:_VALUES]:
            part = "body" if field.place == "body" else "head"
            for text in (field.value, field.name):
                if text.isalnum():
                    continue
                for attack in attacks_in(text.encode("utf-8", "surrogatepass")):
                    yield Tried(field.place, field.name, attack, Pointer(exchange, part))
        if request.body and not any(field.place == "body" for field in self.fields):
            for attack in attacks_in(request.body):
                yield Tried("body", "", attack, Pointer(exchange, "body", attack.start, attack.end))
        for name, value in request.headers[:_VALUES]:
            lower = name.lower()
            if lower in _ORDINARY or lower.startswith((b"sec-", b"access-control-")):
                continue
            if not value.translate(None, _URL):  # ordinary URLs and ids
                continue
            values = value.split(b"; ")[:_VALUES] if lower == b"cookie" else (value,)
            for each in values:
                for attack in attacks_in(each if lower != b"cookie" else each.partition(b"=")[2]):
                    yield Tried("header", name.decode("latin-1"), attack, Pointer(exchange, "head"))
