"""What every export format is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO, Protocol

from fairwitness.model.disclosure import Shown


class Exporter(Protocol):
    """Writes exchanges in one format, in constant memory: one exchange at a time."""

    name: str
    """As ``--format`` names it."""

    def write(self, shown: Iterable[Shown], out: BinaryIO) -> None:
        """Write all of them, and whatever the format needs before, between and behind them."""
