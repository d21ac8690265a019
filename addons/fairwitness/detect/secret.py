"""What a detector reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import re2

_MEMORY_BYTES = 64 << 20  # of an expression's automaton; beyond, it is searched more slowly


@dataclass(frozen=True, slots=True)
class Secret:
    """A run of bytes that must not be shown."""

    start: int
    end: int
    kind: str
    """``cookie``, ``token``, ``password``, ``key``, ``basic``, ``signature``, ``code``."""
    value: bytes
    """What the run says once the escapes of its place are undone: the value to look for elsewhere."""


def compiled(expression: bytes) -> Any:
    """An expression that is searched in linear time, whatever the text."""
    options = re2.Options()
    options.max_mem = _MEMORY_BYTES
    options.log_errors = False  # they would stand on stderr
    return re2.compile(expression, options)


def occurs(expression: bytes) -> Callable[[bytes], bool]:
    """Whether an expression occurs in a text: in a third of the time that `compiled` takes to say where."""
    found_in = occurring({0: expression})
    return lambda text: bool(found_in(text))


def occurring(expressions: Mapping[int, bytes]) -> Callable[[bytes], frozenset[int]]:
    """Which of several expressions occur in a text, as the numbers that they have here; in one pass.

    For words and short expressions: together they are one automaton.
    """
    options = re2.Options()
    options.max_mem = _MEMORY_BYTES
    options.log_errors = False
    together = re2.Set.SearchSet(options)
    numbers = {together.Add(expression): number for number, expression in expressions.items()}
    together.Compile()
    match, nothing = together.Match, frozenset[int]()
    return lambda text: frozenset([numbers[index] for index in found]) if (found := match(text)) else nothing


Detector = Callable[[bytes], Iterator[Secret]]
"""Yields the secrets of one text, in any order; they may overlap."""
