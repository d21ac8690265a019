"""Text for a person's eyes: recorded data comes from strangers and must not drive the terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from fairwitness.model.printable import printable, printable_bytes

__all__ = ["machine", "moment", "plural", "printable", "printable_bytes", "size"]


def machine(form: object) -> str:
    """One line of JSON, ASCII only, so that it is safe on a terminal too."""
    return json.dumps(form, separators=(",", ":")).replace("\x7f", "\\u007f")


def moment(time_us: int) -> str:
    """A time for people, UTC, to the second."""
    return f"{datetime.fromtimestamp(time_us // 1_000_000, UTC):%Y-%m-%d %H:%M:%S}"


def size(count: int | None) -> str:
    """Bytes for people; ``-`` where they were not counted."""
    if count is None:
        return "-"
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def plural(count: int, noun: str) -> str:
    """``1 host``, ``2 hosts``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
