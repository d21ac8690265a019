"""What a detector reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


Detector = Callable[[bytes], Iterator[Secret]]
"""Yields the secrets of one text, in any order; they may overlap."""
