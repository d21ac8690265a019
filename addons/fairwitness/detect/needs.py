"""What a text must hold for an expression to match at all: so that most expressions are never searched.

Only what is sure is said: where nothing is known of an expression, it may match anything.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any

_reader: Any = importlib.import_module(
    "re._parser"
)  # the standard library's own; RE2 reads the same and less

_SHORTEST = 2  # bytes of a word that tells anything
_MOST_WORDS = 64
_SPACE = b" \t\n\r\f"  # as RE2 has it
LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
"""What names and numbers are made of."""
_ANYTHING = frozenset(range(256))
_CATEGORIES = {
    "CATEGORY_SPACE": frozenset(_SPACE),
    "CATEGORY_DIGIT": frozenset(b"0123456789"),
    "CATEGORY_WORD": frozenset(LETTERS),
}
SIGNS: tuple[frozenset[int], ...] = (
    frozenset(_SPACE),
    frozenset(b"\r\n"),
    frozenset(b"'\"`"),
    frozenset(b"/\\"),
    frozenset(b"([{<"),
    frozenset(b"-#;/"),
    frozenset(range(0x80, 0x100)),
    *(frozenset([byte]) for byte in range(0x21, 0x7F) if byte not in LETTERS),
)
"""Kinds of bytes that words do not hold: an expression may need one of a kind."""

_CASES = [frozenset(bytes([byte]).lower() + bytes([byte]).upper()) for byte in range(256)]
_OF_BYTE = [sum(1 << at for at, sign in enumerate(SIGNS) if byte in sign) for byte in range(256)]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a text must hold for an expression to match it."""

    signs: int
    """A bit for each of `SIGNS` of which it must hold one."""
    words: frozenset[bytes]
    """Lower case: one of them must stand in it; empty where none need."""


def needs_of(expression: bytes) -> tuple[Needs, ...]:
    """What an expression needs that is searched in any case of letters: all of one of these."""
    try:
        parsed = _reader.parse(expression)
    except re.error:  # RE2 knows some things that are unknown there
        return (Needs(0, frozenset()),)
    if b"[:" in expression:  # a class of POSIX, which is something else there
        return (Needs(0, frozenset()),)
    is_choice = len(parsed) == 1 and parsed[0][0].name == "BRANCH"
    return tuple(_needs(each) for each in (parsed[0][1][1] if is_choice else (parsed,)))


def _needs(parsed: Any) -> Needs:
    return Needs(_signs(parsed), _words(parsed) or frozenset())


def signs_of(text: bytes) -> int:
    """A bit for each of `SIGNS` of which a text holds one."""
    held = frozenset(text)
    return sum(1 << at for at, sign in enumerate(SIGNS) if not held.isdisjoint(sign))


def _signs(parsed: Any) -> int:
    """The signs without which it cannot match; none where that is not known."""
    needed = 0
    for op, given in ((op.name, given) for op, given in parsed):
        if op == "LITERAL":
            needed |= _OF_BYTE[given]
        elif op == "IN":
            held = _class(given)
            needed |= sum(1 << at for at, sign in enumerate(SIGNS) if held <= sign)
        elif op == "BRANCH":
            needed |= reduce(and_, (_signs(branch) for branch in given[1]))
        elif op in {"MAX_REPEAT", "MIN_REPEAT"} and given[0] > 0:
            needed |= _signs(given[2])
        elif op == "SUBPATTERN":
            needed |= _signs(given[3])
    return needed


def _class(items: Any) -> frozenset[int]:
    """The bytes of ``[...]``; all where one of its items is not known."""
    held: set[int] = set()
    is_negated = False
    for op, given in ((op.name, given) for op, given in items):
        if op == "NEGATE":
            is_negated = True
        elif op == "LITERAL":
            held |= _CASES[given]
        elif op == "RANGE":
            held.update(*_CASES[given[0] : given[1] + 1])
        elif op == "CATEGORY":
            name = given.name.replace("_NOT_", "_")
            if name not in _CATEGORIES:
                return _ANYTHING
            held |= _CATEGORIES[name] if given.name == name else _ANYTHING - _CATEGORIES[name]
    return _ANYTHING - held if is_negated else frozenset(held)


def _words(parsed: Any) -> frozenset[bytes] | None:
    """Words of which one stands in all that it matches: the longest such choice; None: there is none."""
    found: list[frozenset[bytes]] = []
    run = b""
    for op, given in [*((op.name, given) for op, given in parsed), ("END", None)]:
        if op == "LITERAL" and given < 0x80:  # beyond, RE2 knows of cases that bytes do not
            run += bytes([given]).lower()
            continue
        if len(run) >= _SHORTEST:
            found.append(frozenset([run]))
        run = b""
        inner = None
        if op == "BRANCH":
            inner = _one_of_each([_words(branch) for branch in given[1]])
        elif op == "SUBPATTERN":
            inner = _words(given[3])
        elif op in {"MAX_REPEAT", "MIN_REPEAT"} and given[0] > 0:
            inner = _words(given[2])
        if inner:
            found.append(inner)
    return max(found, key=lambda words: (min(map(len, words)), -len(words)), default=None)


def _one_of_each(branches: list[frozenset[bytes] | None]) -> frozenset[bytes] | None:
    if any(words is None for words in branches):
        return None
    every = reduce(frozenset.union, (words for words in branches if words), frozenset[bytes]())
    return every if len(every) <= _MOST_WORDS else None
