"""What the conductor wants to know of the clients' connections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fairwitness.model.connection import Callers


class Crowd(Protocol):
    """Those who are connected."""

    def silent(self, now_us: int) -> Sequence[Callers]:
        """By address, where connections are silent."""

    def close_silent(self, address: str, now_us: int) -> None:
        """Close the silent ones of an address."""

    def stop_refused(self) -> None:
        """Close those whose request was released and would not be any more."""
