"""Whether there is a terminal, and whether it is ours."""

from __future__ import annotations

import os
import sys

MIN_WIDTH, MIN_HEIGHT = 60, 15
"""The smallest terminal that the live screen is made for."""


def is_usable() -> bool:
    """Whether stdin and stdout are a terminal that can show the live screen and is ours."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM", "dumb") == "dumb":
        return False
    columns, lines = terminal_size(sys.stdout.fileno())
    return is_foreground() and columns >= MIN_WIDTH and lines >= MIN_HEIGHT


def is_foreground() -> bool:
    """Whether the terminal's keys are ours; a read in the background would stop the whole proxy."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:
        return False


def terminal_size(descriptor: int) -> tuple[int, int]:
    """Columns and lines; 80 and 24 where the terminal does not say."""
    try:
        found = os.get_terminal_size(descriptor)
    except OSError:
        return 80, 24
    return found.columns or 80, found.lines or 24
