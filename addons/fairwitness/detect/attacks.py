"""Whether a value is an attempt to attack, and of which family: the expressions of ``attacks.txt``.

Not covered: what is encrypted, in base64 or split over several values; attacks that only make sense to one
application (a changed price, another's id).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from html import unescape
from urllib.parse import unquote_to_bytes

from fairwitness.detect.signatures import Signatures

LOOKED_AT_BYTES = 16 << 10  # of a value
SURE = 2  # the weight from which on one signature is enough

_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.,~ "
_UNESCAPED = bytes(byte for byte in range(256) if byte not in b"%+&\\*")  # what no escape begins with
_SHORT = 2048  # bytes: longer values are not remembered
_COMMENT = re.compile(rb"/\*[^*/]{0,40}\*/")
_UNICODE = re.compile(rb"\\u\{?00([0-9a-fA-F]{2})\}?|%u00([0-9a-fA-F]{2})|\\x([0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Attack:
    """What one signature saw in a value."""

    family: str
    """``sql``, ``xss``, ``lfi``, ``rce``, ...: the first words in ``attacks.txt``."""
    weight: int
    """`SURE`, or less for what means something beside others only."""
    start: int
    end: int
    """Where in the value; all of it where only a decoded reading shows it."""


def attacks_in(text: bytes) -> tuple[Attack, ...]:
    """What is attack-like in a value as it came over the wire; one for each family, the surest."""
    if not text.translate(None, _PLAIN):
        return _in_words(text) if b" " in text else ()
    return _remembered(text) if len(text) <= _SHORT else _attacks_in(text)


def _in_words(text: bytes) -> tuple[Attack, ...]:
    """Without any sign only a few things are attacks, and a longer text is prose."""
    return _remembered(text) if len(text) <= _SHORT else ()


@lru_cache(maxsize=4096)
def _remembered(text: bytes) -> tuple[Attack, ...]:
    return _attacks_in(text)


def _attacks_in(text: bytes) -> tuple[Attack, ...]:
    return matches_in(text, _signatures())


def matches_in(text: bytes, signatures: Signatures) -> tuple[Attack, ...]:
    """What a file of signatures finds in a value, in any of its readings; the surest of each family."""
    found: dict[str, Attack] = {}
    text = text[:LOOKED_AT_BYTES]
    for reading in _readings(text):
        for signature in signatures.matching(reading):
            known = found.get(signature.family)
            if known is not None and known.weight >= signature.weight:
                continue
            match = signature.expression.search(reading) if reading is text else None
            start, end = match.span() if match else (0, len(text))
            found[signature.family] = Attack(signature.family, signature.weight, start, end)
    return tuple(found.values())


@cache
def _signatures() -> Signatures:
    return Signatures("attacks.txt")


def _readings(text: bytes) -> Iterator[bytes]:
    """The value as it is, and as servers may read it, each once."""
    seen = {text}
    yield text
    current = text
    if not text.translate(None, _UNESCAPED):
        return
    for undo in (_percent, _percent, _entities, _unicode, _spaces):
        current = undo(current)
        if current not in seen:
            seen.add(current)
            yield current


def _percent(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" ")) if b"%" in text or b"+" in text else text


def _entities(text: bytes) -> bytes:
    if b"&" not in text:
        return text
    return unescape(text.decode("latin-1")).encode("utf-8", "replace")


def _unicode(text: bytes) -> bytes:
    if b"\\" not in text and b"%u" not in text:
        return text
    return _UNICODE.sub(lambda found: bytes([int(next(filter(None, found.groups())), 16)]), text)


def _spaces(text: bytes) -> bytes:
    return _COMMENT.sub(b" ", text) if b"/*" in text else text
