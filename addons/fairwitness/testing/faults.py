"""Parts of a running fairwitness that break on demand: the program, and the door to it.

The program is ``python -m fairwitness.testing.faults JSON run ...``, see `FaultDoor.program`.  A hook is
broken inside the wrapper that its class's decorator has put around it, everything else where it is called.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from fairwitness.testing.tally import PATIENCE_S

_LOOK_AGAIN_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Which part fails, how, and when."""

    part: str
    """``module:Class.attribute``, or ``module:function``."""
    error: str = ""
    """One of `breaking.ERRORS`; none where there is a deed."""
    deed: str = ""
    """A shell command that runs then, before the part's work: $PPID is the proxy, . is its folder."""
    is_before: bool = True
    """Whether it fails before its own work, else after it."""
    calls: tuple[int, ...] = (1,)
    """Which calls fail, counted from now on from 1; none: all."""

    def __str__(self) -> str:
        when = "before" if self.is_before else "after"
        return f"{self.part.partition(':')[2]}: {self.error or self.deed} {when}"


class FaultDoor:
    """Tells a running program which of its parts are to fail, and hears whether they did.

    A class, because it owns a socket's folder.

    Args:
        faults: What is broken from the start.
        names: The addresses that names resolve to.
    """

    def __init__(
        self, faults: Sequence[Fault] = (), *, names: dict[str, Sequence[str]] | None = None
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="faults-"))  # a socket's path must be short
        self._door = self._folder / "door"
        self._faults = faults
        self._names = names

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def program(self) -> list[str]:
        """What Python is to run, for `Proxy`."""
        plan = {
            "door": str(self._door),
            "faults": [asdict(each) for each in self._faults],
            "names": self._names or {},
        }
        return ["-m", "fairwitness.testing.faults", json.dumps(plan)]

    def break_part(self, fault: Fault) -> None:
        """From now on it fails so."""
        self._ask({"do": "break", "fault": asdict(fault)})

    def mend(self, part: str) -> None:
        """From now on it works."""
        self._ask({"do": "mend", "part": part})

    def failures(self, part: str) -> int:
        """How often it failed since it was broken last."""
        return int(self._ask({"do": "failures", "part": part}))

    def parts(self) -> dict[str, list[str]]:
        """Every ``hook``, ``store`` call, ``rule`` and ``learning`` that there is."""
        found: dict[str, list[str]] = self._ask({"do": "parts"})
        return found

    def rename(self, names: dict[str, Sequence[str]]) -> None:
        """From now on names resolve to these addresses."""
        self._ask({"do": "names", "names": names})

    def step_clock(self, step_us: int) -> None:
        """Let the wall clock stand so far ahead of the true one, as this program sees it."""
        self._ask({"do": "clock", "step_us": step_us})

    def shorten_holds(self, last_us: int) -> None:
        """Let nobody wait longer for the researcher than this."""
        self._ask({"do": "holds", "last_us": last_us})

    def shorten_standstills(self, long_us: int) -> None:
        """Let it tell of each time of this length in which it stood still."""
        self._ask({"do": "standstills", "long_us": long_us})

    @contextlib.contextmanager
    def broken(self, *faults: Fault) -> Iterator[None]:
        """Broken as long as the block lasts."""
        for fault in faults:
            self.break_part(fault)
        try:
            yield
        finally:
            for fault in faults:
                self.mend(fault.part)

    def has_failed(self, part: str, *, timeout: float = PATIENCE_S) -> bool:
        """Whether it fails within that time."""
        ends = time.monotonic() + timeout
        while not self.failures(part):
            if time.monotonic() > ends:
                return False
            time.sleep(_LOOK_AGAIN_S)
        return True

    def _ask(self, order: dict[str, Any]) -> Any:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(PATIENCE_S)
            asked.connect(str(self._door))
            asked.sendall(json.dumps(order).encode() + b"\n")
            with asked.makefile() as answer:
                return json.loads(answer.readline())


if __name__ == "__main__":
    from fairwitness.testing import breaking

    breaking.run(json.loads(sys.argv.pop(1)))
