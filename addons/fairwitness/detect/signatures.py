"""Many expressions searched a few at a time, in linear time.

One automaton of all would be the fastest on ordinary text. But text it has not seen makes a new state at
nearly every byte, and a state is as large as all expressions together: ten times the cost, on the loop that
all traffic waits for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import ahocorasick
import re2

from fairwitness.detect.needs import LETTERS, Needs, needs_of, signs_of
from fairwitness.detect.secret import compiled

_TOGETHER = 10  # expressions in one automaton; fewer are slower on ordinary text, more on hostile text
_REMEMBERED = 4096  # collections of signs of which it is known what may match
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
        self._sets: list[tuple[Any, tuple[Signature, ...], int]] = []
        self._needs: list[Needs] = []
        every = list(lines_of(name))
        for begin in range(0, len(every), _TOGETHER):
            together = re2.Set.SearchSet(options)
            signatures = []
            first = len(self._needs)
            for family, weight, source in every[begin : begin + _TOGETHER]:
                expression = f"(?is){source}".encode()
                together.Add(expression)
                signatures.append(Signature(family, int(weight), compiled(expression)))
                self._needs += needs_of(source.encode())
            together.Compile()
            self._sets.append((together, tuple(signatures), (1 << len(self._needs)) - (1 << first)))
        self._wordless = sum(1 << at for at, needs in enumerate(self._needs) if not needs.words)
        self._words = ahocorasick.Automaton()
        for word in frozenset[bytes]().union(*(needs.words for needs in self._needs)):
            who = sum(1 << at for at, needs in enumerate(self._needs) if word in needs.words)
            self._words.add_word(word.decode("latin-1"), who)
        self._words.make_automaton()
        self._with_signs = lru_cache(maxsize=_REMEMBERED)(self._possible)

    def matching(self, text: bytes) -> Iterator[Match]:
        """Those that occur in a text, each where it begins first.

        Ordinary text has hardly anything that any of them needs, so it costs the same however many there are.
        """
        may_match = self._may_match(text)
        if not may_match:
            return
        for together, signatures, needs in self._sets:
            if not needs & may_match:
                continue
            for index in together.Match(text) or ():
                signature = signatures[index]
                match = signature.expression.search(text)
                yield signature.family, signature.weight, match.span() if match else (0, len(text))

    def _may_match(self, text: bytes) -> int:
        """A bit for each of the needs that a text fulfils."""
        possible: int = self._with_signs(bytes(sorted(set(text.translate(None, LETTERS)))))
        found = possible & self._wordless
        if possible != found:
            for _, who in self._words.iter(text.lower().decode("latin-1")):
                found |= possible & who
                if found == possible:
                    break
        return found

    def _possible(self, held: bytes) -> int:
        signs = signs_of(held)
        return sum(1 << at for at, needs in enumerate(self._needs) if needs.signs & ~signs == 0)


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
