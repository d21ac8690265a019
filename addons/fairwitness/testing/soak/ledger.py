"""What the clients did and got, and what was done to the proxy meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Got:
    """A whole answer as a client read it."""

    status: int
    sha256: str


class Ledger:
    """Written by all workers at once.

    A class, because they share one lock.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended: Counter[tuple[str, str]] = Counter()
        self._got: dict[str, Got] = {}
        self._faults: Counter[str] = Counter()
        self._hung: list[str] = []

    def ended(self, kind: str, how: str) -> None:
        """Count an errand that ended ``whole``, ``broken`` or ``without proxy``."""
        with self._lock:
            self._ended[kind, how] += 1

    def hung(self, kind: str, what: str) -> None:
        """Note an errand that nobody answered."""
        with self._lock:
            self._ended[kind, "hung"] += 1
            self._hung.append(f"{kind} {what}")

    def got(self, target: str, status: int, sha256: str) -> None:
        """Note an answer that a client read to its end."""
        with self._lock:
            self._got[target] = Got(status, sha256)

    def fault(self, name: str) -> None:
        """Count a fault."""
        with self._lock:
            self._faults[name] += 1

    @property
    def errands(self) -> Mapping[tuple[str, str], int]:
        """How often each kind ended how."""
        with self._lock:
            return dict(self._ended)

    @property
    def answers(self) -> Mapping[str, Got]:
        """Whole answers by target."""
        with self._lock:
            return dict(self._got)

    @property
    def faults(self) -> Mapping[str, int]:
        """How often each fault was done."""
        with self._lock:
            return dict(self._faults)

    @property
    def unanswered(self) -> tuple[str, ...]:
        """Those that hung."""
        with self._lock:
            return tuple(self._hung)
