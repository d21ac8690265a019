"""The town of a soak: origins that also speak badly, and a proxy that dies and is started again."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fairwitness.testing.authority import Authority
from fairwitness.testing.proxy import Proxy
from fairwitness.testing.soak.errands import rough
from fairwitness.testing.soak.vitals import Vitals, resident_bytes, vitals_of
from fairwitness.testing.tally import PATIENCE_S
from fairwitness.testing.town import Town

_LOOK_AGAIN_S = 0.1
_STARTS = 3  # on a machine that does much else, one may take longer than is waited for
_DISK_BYTES = 512 << 20
_WARM_S = 90.0  # until then caches fill


@dataclass(slots=True)
class Life:
    """One run of the proxy."""

    born_s: float
    baseline: Vitals
    memory: list[tuple[float, float]]
    """Seconds since birth, and bytes held."""
    used: list[tuple[float, float]] = field(default_factory=list)
    """Errands until then, and bytes in use, at rests of a life that is warm."""
    may_close_gate: bool = False
    """Whether something was done to it after which it has to close its gate."""


class Stage:
    """What errands and faults act on.

    A class, because the proxy is replaced while others use it.

    Args:
        town: Entered already.
        file: Where the proxy tells its vitals.
        is_on_own_disk: Whether the evidence lies on a disk that may be filled.
    """

    def __init__(self, town: Town, file: Path, *, is_on_own_disk: bool) -> None:
        self.town = town
        self.is_on_own_disk = is_on_own_disk
        self._file = file
        self.lives: list[Life] = [self._life()]
        self.told: Counter[str] = Counter()
        """What the proxies that have ended said of themselves."""
        self.surprises: list[str] = []
        """What the proxy did that it should not have done."""

    @property
    def life(self) -> Life:
        """The present one."""
        return self.lives[-1]

    def restart(self, number: signal.Signals) -> None:
        """End the proxy by a signal, and start it on the same folder."""
        code = self.town.proxy.stop(number)
        if number is signal.SIGTERM and (code != 0) != bool(self.closings()):
            self.surprises.append(f"exit code {code} after SIGTERM")
        self._look()
        self.town.proxy = self._started()
        self.lives.append(self._life())

    def _started(self) -> Proxy:
        for _ in range(_STARTS):
            with contextlib.suppress(TimeoutError):
                return self.town.another_proxy().__enter__()
            self.told["a start that took too long"] += 1
        raise TimeoutError("the proxy does not start")

    def mend(self) -> None:
        """Start the proxy again where it has ended or closed its gate."""
        proxy = self.town.proxy
        if not proxy.is_running:
            self.surprises.append("the proxy ended by itself")
            self.restart(signal.SIGKILL)
        elif reasons := self.closings():
            if not self.life.may_close_gate:
                self.surprises.append(f"the gate closed: {reasons[0]}")
            self.restart(signal.SIGTERM)

    def closings(self) -> list[str]:
        """Why the gate of this life closed; empty where it is open."""
        told = [each for each in self.town.proxy.told if each.kind == "store"]
        return [each.text("reason") for each in told if each.text("state") in ("gate-closed", "failed")]

    def measure(self) -> None:
        """Note the proxy's memory."""
        held = resident_bytes(self.town.proxy.pid)
        if held:
            self.life.memory.append((time.monotonic() - self.life.born_s, held))

    def leaks(self, *, patience_s: float = PATIENCE_S) -> tuple[str, ...]:
        """What the quiet proxy still holds beyond its baseline once *patience_s* are over."""
        ends = time.monotonic() + patience_s
        while True:
            beyond = vitals_of(self.town.proxy.pid, self._file).beyond(self.life.baseline)
            if not beyond or time.monotonic() > ends:
                return beyond
            time.sleep(_LOOK_AGAIN_S)

    def weigh(self, errands: int) -> None:
        """Note what the quiet proxy uses after so many errands, if it has lived long enough."""
        used = vitals_of(self.town.proxy.pid, self._file).used_bytes
        if used and time.monotonic() - self.life.born_s > _WARM_S:
            self.life.used.append((errands, used))

    def end(self) -> None:
        """Stop the proxy in good order."""
        code = self.town.proxy.stop(signal.SIGTERM)
        if (code != 0) != bool(self.closings()):
            self.surprises.append(f"exit code {code} after SIGTERM")
        self._look()

    def stop(self) -> None:
        """Let no proxy outlive the stage."""
        self.town.proxy.stop()

    def _look(self) -> None:
        self.told.update(
            f"{each.text('state')} {each.text('reason')}".strip()
            for each in self.town.proxy.told
            if each.kind == "store"
        )
        if "Traceback" in self.town.proxy.stderr:
            self.surprises.append(f"stderr: {self.town.proxy.stderr[-500:]}")

    def _life(self) -> Life:
        proxy = self.town.proxy
        self.town.curl(self.town.inside.url("/first"))  # what is opened at first use belongs to the baseline
        return Life(time.monotonic(), vitals_of(proxy.pid, self._file), [])


@contextlib.contextmanager
def staged(folder: Path, *, may_mount: bool) -> Iterator[Stage]:
    """A stage in *folder*; its evidence lies on a small disk of its own where one may and can be mounted."""
    file = folder / "vitals.json"
    town = Town(
        Authority(folder / "authority"),
        folder / "town",
        include=lambda _: ["http://dead.test:9"],
        program=[str(Path(__file__).with_name("watched_run.py")), str(file)],
    )
    with contextlib.ExitStack() as stack:
        is_on_own_disk = may_mount and _mount(folder / "town" / "evidence")
        if is_on_own_disk:
            stack.callback(_unmount, folder / "town" / "evidence")
        stack.enter_context(town)
        town.inside.behave("rough", rough)
        stage = Stage(town, file, is_on_own_disk=is_on_own_disk)
        stack.callback(stage.stop)
        yield stage


def _mount(place: Path) -> bool:
    place.mkdir(parents=True, mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES},mode=0700", "tmpfs", str(place)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _unmount(place: Path) -> None:
    subprocess.run(["umount", str(place)], capture_output=True, check=False)
