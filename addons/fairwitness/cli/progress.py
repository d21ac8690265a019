"""How far a slow command is, on the line of a terminal that the result then takes."""

from __future__ import annotations

import sys
import time
from typing import Self

import click

from fairwitness.cli.text import printable

_SAID_EVERY_S = 0.2


class Progress:
    """Says it on stderr where that is a terminal, else nothing.  A class, because of when it spoke last.

    Args:
        after_s: What is done sooner needs no words.
    """

    def __init__(self, *, after_s: float = 0.0) -> None:
        self._is_shown = sys.stderr.isatty()
        self._due_s = time.monotonic() + after_s
        self._has_spoken = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def tell(self, words: str) -> None:
        """What is being done, and how much of it is."""
        if self._is_shown and time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + _SAID_EVERY_S
            self._has_spoken = True
            click.echo(f"\r{printable(words)}\x1b[K", nl=False, err=True)

    def clear(self) -> None:
        """Leave the line empty."""
        if self._has_spoken:
            self._has_spoken = False
            click.echo("\r\x1b[K", nl=False, err=True)
