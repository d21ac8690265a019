"""What came of each fault of a sweep."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fairwitness.testing.faults import Fault

_HELD, _WRONG, _NEVER_CALLED = "held", "wrong", "never called"


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a fault."""

    fault: Fault
    was_called: bool
    wrong: tuple[str, ...]
    """What did not hold, a sentence each."""

    @property
    def says(self) -> list[str]:
        """What is wrong with it, a line each."""
        return [
            f"{self.fault}: {each}" for each in self.wrong or ("it was never called",) * (not self.was_called)
        ]


class Account:
    """What was tried, and what came of it; kept in a file, so that a sweep may go on where one was stopped.

    A class, because workers write it at the same time.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._tried: dict[str, str] = {}
        if file is not None and file.exists():
            lines = [line.split("\t") for line in file.read_text().splitlines()]
            self._tried = {name: came for came, _, name in lines if came == _HELD}

    def has(self, fault: Fault) -> bool:
        """Whether it held in an earlier sweep."""
        return str(fault) in self._tried

    def note(self, tried: Tried) -> None:
        """Take it down."""
        came = _WRONG if tried.wrong else _HELD if tried.was_called else _NEVER_CALLED
        with self._lock:
            self._tried[str(tried.fault)] = came
            if self._file is not None:
                with self._file.open("a") as file:
                    file.write(f"{came}\t{tried.fault.part}\t{tried.fault}\n")

    def table(self, faults: Sequence[tuple[str, Fault]]) -> list[str]:
        """A line a kind: how many there are, were tried, held, were never called."""
        lines = [f"{'kind':<10}{'faults':>8}{'tried':>8}{'held':>8}{'wrong':>8}{'never called':>14}"]
        for kind in dict.fromkeys(kind for kind, _ in faults):
            came = [self._tried.get(str(each), "") for its, each in faults if its == kind]
            counts = [len(came), len(came) - came.count(""), came.count(_HELD), came.count(_WRONG)]
            lines.append(
                f"{kind:<10}" + "".join(f"{each:>8}" for each in counts) + f"{came.count(_NEVER_CALLED):>14}"
            )
        return lines
