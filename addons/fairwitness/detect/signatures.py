"""Many expressions searched a few at a time, in linear time.

One automaton of all would be the fastest on ordinary text. But text it has not seen makes a new state at
nearly every byte, and a state is as large as all expressions together: ten times the cost, on the loop that
all traffic waits for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

import ahocorasick
import re2

from fairwitness.detect.secret import compiled

_TOGETHER = 10  # expressions in one automaton; fewer are slower on ordinary text, more on hostile text
_MEMORY_BYTES = 8 << 20  # of states an automaton keeps; what hostile text makes beyond is made again
Match = tuple[str, int, tuple[int, int]]
"""Family, weight, and where."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One line of a data file."""

    family: str
    weight: int
    """1: a hint that means something beside others only; 2: sure."""
    expression: Any


class Signatures:
    """The expressions of a data file as a few automata; a class, because compiling costs milliseconds.

    Args:
        name: A file of this package, with lines of family, weight and RE2 expression.
    """

    def __init__(self, name: str) -> None:
        options = re2.Options()
        options.max_mem = _MEMORY_BYTES
        options.log_errors = False
        options.encoding = re2.Options.Encoding.LATIN1
        self._sets: list[tuple[Any, tuple[Signature, ...]]] = []
        every = list(lines_of(name))
        for begin in range(0, len(every), _TOGETHER):
            together = re2.Set.SearchSet(options)
            signatures = []
            for family, weight, source in every[begin : begin + _TOGETHER]:
                expression = f"(?is){source}".encode()
                together.Add(expression)
                signatures.append(Signature(family, int(weight), compiled(expression)))
            together.Compile()
            self._sets.append((together, tuple(signatures)))

    def matching(self, text: bytes) -> Iterator[Match]:
        """Those that occur in a text, each where it begins first.

        One pass over the text for every ten expressions: who asks often skips what is plain, and remembers.
        """
        for together, signatures in self._sets:
            for index in together.Match(text) or ():
                signature = signatures[index]
                match = signature.expression.search(text)
                yield signature.family, signature.weight, match.span() if match else (0, len(text))


class Words:
    """The words of a data file as one automaton: what needs no expression.

    Args:
        name: A file of this package, with lines of family, weight and word.
    """

    def __init__(self, name: str) -> None:
        self._automaton = ahocorasick.Automaton()
        for family, weight, word in lines_of(name):
            is_exact = word.startswith("=")
            word = word.removeprefix("=")
            self._automaton.add_word(word.lower(), (family, int(weight), word, is_exact))
        self._automaton.make_automaton()

    def matching(self, text: bytes) -> Iterator[Match]:
        """Those that occur in a text, where they do."""
        plain = text.decode("latin-1")
        lower = text.lower().decode("latin-1")
        for end, (family, weight, word, is_exact) in self._automaton.iter(lower):
            start = end + 1 - len(word)
            is_whole = start == 0 or not (lower[start - 1].isalnum() and word[0].isalnum())
            if plain.startswith(word, start) if is_exact else is_whole:
                yield family, weight, (start, end + 1)


def lines_of(name: str) -> Iterator[list[str]]:
    """The lines of a data file that are no comments, in three columns."""
    text = resources.files("fairwitness.detect").joinpath(name).read_text("utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            yield line.split(None, 2)
