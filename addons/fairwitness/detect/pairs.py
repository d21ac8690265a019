"""``name=value``: parameters of URLs and fields of forms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

import re2

from fairwitness.detect.secret import Secret, compiled
from fairwitness.detect.values import says_nothing
from fairwitness.detect.words import kind_of_name

_FORM = re.compile(rb"[A-Za-z0-9_.~%\-\[\]+$:]{1,100}=[^\s<>{]*(?:&|$)")
_RUN = compiled(rb"[?&#](?:amp;)?([A-Za-z0-9_.~%$+:\-\[\]]{1,100}=[^\s?#\"'`<>\\]{3,})")
_CALL_BACK = (b"state", b"session_state", b"iss", b"scope")  # what stands beside the code of RFC 6749


def secrets_in_queries(text: bytes) -> Iterator[Secret]:
    """In every ``?query`` and ``#fragment`` of *text*."""
    if b"=" not in text:
        return
    for match in re2.finditer(_RUN, text):
        yield from _in_pairs(text, match.start(1), match.end(1))


def secrets_in_form(text: bytes) -> Iterator[Secret]:
    """If the whole *text* is a urlencoded form."""
    if _FORM.match(text[:4096].rstrip()):
        yield from _in_pairs(text, 0, len(text))


def _in_pairs(text: bytes, start: int, end: int) -> Iterator[Secret]:
    pairs = list(_pairs(text, start, end))
    is_call_back = any(name in _CALL_BACK for name, _, _ in pairs)
    for name, at, stop in pairs:
        kind = kind_of_name(unquote_to_bytes(name).decode("latin-1"))
        if is_call_back and name in (b"code", b"state", b"session_state"):
            kind = "code"
        value = text[at:stop]
        if kind is not None and not says_nothing(value):
            yield Secret(at, stop, kind, unquote_to_bytes(value.replace(b"+", b" ")))


def _pairs(text: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, and where its value stands."""
    for part in text[start:end].split(b"&"):
        name, equals, value = part.partition(b"=")
        name = name.removeprefix(b"amp;")
        if equals and len(name) <= 100:
            stop = start + len(part)
            yield name, stop - len(value), stop
        start += len(part) + 1
