"""What a detector reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Secret:
    """A run of bytes that must not be shown."""

    start: int
    end: int
    kind: str
    """``cookie``, ``token``, ``password``, ``key``, ``basic``, ``signature``, ``code``."""
    value: bytes
    """What the run says once the escapes of its place are undone: the value to look for elsewhere."""


Detector = Callable[[bytes], Iterator[Secret]]
"""Yields the secrets of one text, in any order; they may overlap."""
