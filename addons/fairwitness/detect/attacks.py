"""Whether a value is an attempt to attack, and of which family: the expressions of ``attacks.txt``
and the words of ``attack_words.txt``.

Not covered: what is encrypted, in base64 or split over several values; attacks that only make sense to one
application (a changed price, another's id).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from html import unescape
from itertools import chain
from urllib.parse import unquote_to_bytes

from fairwitness.detect.signatures import Signatures, Words

LOOKED_AT_BYTES = 2 << 10  # of a value; hostile text costs 1 to 3 us a byte
SURE = 2  # the weight from which on one signature is enough

_SHORTEST_WORD = 6  # bytes of a word in attack_words.txt
_PROSE = 400  # bytes: what is longer may be an article, a page or a program
_LINES = 3  # line breaks: what has more was written in an editor
_PROSE_BEGINS = 200  # bytes: what is tried stands at the beginning
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.,~ "
_PLAIN_LINES = _PLAIN.replace(b" ", b"\n")
_UNESCAPED = bytes(byte for byte in range(256) if byte not in b"%+&\\*")  # what no escape begins with
_SHORT = 1024  # bytes: longer values are not remembered
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
    """What is attack-like in a value as it came over the wire; one for each family, the surest.

    In the middle of a long text or between several lines it is a hint: people write about SQL and scripts,
    in articles and in editors.
    """
    if text.isalnum() and len(text) < _SHORTEST_WORD:
        return ()
    return _remembered(text) if len(text) <= _SHORT else _attacks_in(text)


def is_harmless(texts: bytes) -> bool:
    """Whether nothing is attack-like in several texts, with a line break between any two.

    A quick look at what most requests hold: no means no more than that each is to be looked at by itself.
    """
    if texts.translate(None, _PLAIN_LINES) or b"__" in texts:
        return False
    return next(_words().matching(texts), None) is None


@lru_cache(maxsize=4096)
def _remembered(text: bytes) -> tuple[Attack, ...]:
    return _attacks_in(text)


def _attacks_in(text: bytes) -> tuple[Attack, ...]:
    if text.translate(None, _PLAIN) or b" " in text or b"__" in text:
        return matches_in(text, _signatures(), _words())
    found = {family: Attack(family, weight, *span) for family, weight, span in _words().matching(text)}
    return tuple(found.values())


def matches_in(text: bytes, signatures: Signatures, words: Words | None = None) -> tuple[Attack, ...]:
    """What a file of signatures finds in a value, in any of its readings; the surest of each family."""
    found: dict[str, Attack] = {}
    text = text[:LOOKED_AT_BYTES]
    is_text = text.count(b"\n") >= _LINES
    for reading in _readings(text):
        for family, weight, span in chain(
            signatures.matching(reading), words.matching(reading) if words else ()
        ):
            if is_text or (len(reading) > _PROSE and span[0] > _PROSE_BEGINS):
                weight = min(weight, SURE - 1)
            known = found.get(family)
            if known is None or known.weight < weight:
                start, end = span if reading is text else (0, len(text))
                found[family] = Attack(family, weight, start, end)
    return tuple(found.values())


@cache
def _words() -> Words:
    return Words("attack_words.txt")


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
