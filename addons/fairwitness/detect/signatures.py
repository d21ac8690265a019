"""Many expressions searched at once, in linear time, at a cost that does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

import re2

from fairwitness.detect.secret import compiled

_MEMORY_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Signature:
    """One line of a data file."""

    family: str
    weight: int
    """1: a hint that means something beside others only; 2: sure."""
    expression: Any


class Signatures:
    """The expressions of a data file as one automaton; a class, because compiling costs milliseconds.

    Args:
        name: A file of this package, with lines of family, weight and RE2 expression.
    """

    def __init__(self, name: str) -> None:
        options = re2.Options()
        options.max_mem = _MEMORY_BYTES
        options.log_errors = False
        options.encoding = re2.Options.Encoding.LATIN1
        self._set = re2.Set.SearchSet(options)
        self._all: list[Signature] = []
        for family, weight, source in lines_of(name):
            expression = f"(?is){source}".encode()
            self._set.Add(expression)
            self._all.append(Signature(family, int(weight), compiled(expression)))
        self._set.Compile()

    def matching(self, text: bytes) -> Iterator[Signature]:
        """Those that occur in a text."""
        for index in self._set.Match(text) or ():
            yield self._all[index]


def lines_of(name: str) -> Iterator[list[str]]:
    """The lines of a data file that are no comments, in three columns."""
    text = resources.files("fairwitness.detect").joinpath(name).read_text("utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            yield line.split(None, 2)
