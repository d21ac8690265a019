"""What may happen to a log, and to its process, while it starts or ends: ``scripts/soak --ends``."""

from __future__ import annotations

import argparse
import contextlib
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairwitness.testing.authority import Authority
from fairwitness.testing.disks import NotAllowedError, small_disk
from fairwitness.testing.faults import Fault, FaultDoor
from fairwitness.testing.proxy import Proxy
from fairwitness.testing.sweep import check_end, check_next_start
from fairwitness.testing.tally import PATIENCE_S
from fairwitness.testing.tour import another_proxy, attempt, https, unlogged
from fairwitness.testing.town import Town

MOMENTS = (
    "fairwitness.cli.session:replay",
    "fairwitness.witness.conductor:Witness.open_gate",
    "fairwitness.proxy.serve:_listen",
    "fairwitness.control.server:Server.start",
    "fairwitness.control.server:Server.close",
    "fairwitness.proxy.serve:_close_all",
    "fairwitness.evidence.log:Log.close",
)
"""The last three are of the end."""
_LOCKED, _HEALED = "locked", "healed"
_DISK_BYTES = 6 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """What happens at a moment."""

    deed: str
    """As in `Fault`."""
    undo: str = ":"
    """A shell command that mends it, once the process has ended."""
    codes: frozenset[int] = frozenset({3})
    """How the process may end."""
    needs_disk: bool = False
    """Whether the evidence must lie on a disk of its own."""


HARMS = {
    "deleted": Harm(deed="rm -f evidence/log.sqlite3*"),
    "replaced": Harm(deed="for each in evidence/log.sqlite3*; do cp $each copy; mv copy $each; done"),
    "moved": Harm(deed="mv evidence moved", undo="rm -rf evidence && mv moved evidence"),
    "locked": Harm(
        deed=f"{sys.executable} -m fairwitness.testing.ends lock >lock.log 2>&1 & "
        f"while [ ! -e {_LOCKED} ] && kill -0 $!; do sleep 0.05; done",
        undo=f"touch {_HEALED}; while [ -e {_LOCKED} ]; do sleep 0.05; done",
    ),
    "filled": Harm(
        deed="cat /dev/zero >evidence/filler 2>/dev/null || true",
        undo="rm -f evidence/filler",
        needs_disk=True,
    ),
    "read-only": Harm(
        deed="mount --bind evidence evidence && mount -o remount,bind,ro evidence",
        undo="umount --lazy evidence",
        codes=frozenset({0, 3}),
        needs_disk=True,
    ),
    "bad policy": Harm(deed="echo 'scope: [' >policy.yaml", codes=frozenset({0})),
    "SIGSTOP": Harm(deed="(sleep 1; kill -CONT $PPID) & kill -STOP $PPID", codes=frozenset({0})),
    "SIGTERM": Harm(deed="kill -TERM $PPID", codes=frozenset({0, 143})),
    "SIGINT": Harm(deed="kill -INT $PPID", codes=frozenset({0, 130})),
    "SIGKILL": Harm(deed="kill -KILL $PPID", codes=frozenset({-9})),
}


def try_harm(town: Town, folder: Path, name: str, moment: str) -> list[str]:
    """Start a proxy, send a request where it accepts, end it.  What is wrong then, a line each.

    Raises:
        NotAllowedError: It needs a disk of its own, and nothing may be mounted here.
    """
    harm, mark = HARMS[name], secrets.token_hex(8)
    with contextlib.ExitStack() as disk:
        if harm.needs_disk:
            disk.enter_context(_disk_at(folder / "evidence"))
        door = disk.enter_context(FaultDoor([Fault(part=moment, deed=harm.deed)]))
        proxy = another_proxy(town, folder, door.program)
        with contextlib.suppress(TimeoutError), proxy:
            attempt(https, town, proxy, mark)
        code = proxy.stop()
        subprocess.run(["sh", "-c", harm.undo], cwd=folder, timeout=PATIENCE_S, check=True)
    found = [] if code in harm.codes else [f"it ended with {code}"]
    found += [f"it said {proxy.stderr!r}"] if not _said_enough(proxy, code) else []
    if (folder / "evidence" / "log.sqlite3").exists():
        found += [*unlogged(town, proxy, mark), *check_end(town, folder, proxy, ended=True)]
    else:
        found += check_next_start(town, folder)
    return [f"{name} at {moment.partition(':')[2]}: {each}" for each in found]


def _said_enough(proxy: Proxy, code: int) -> bool:
    """One message where it ends with an error; nothing where somebody ended it."""
    lines = proxy.stderr.strip().splitlines()
    return [line.startswith("fairwitness: error: ") for line in lines] == [True] * (code in (3, 4, 143))


@contextlib.contextmanager
def _disk_at(evidence: Path) -> Iterator[None]:
    """Small, and what lies on it lies there afterwards."""
    kept = evidence.with_name("kept")
    with small_disk(evidence, size_bytes=_DISK_BYTES):
        yield
        shutil.copytree(evidence, kept)
    shutil.rmtree(evidence)
    kept.rename(evidence)


def _lock() -> None:
    """Hold the log in this folder until the harm is healed."""
    other = sqlite3.connect("evidence/log.sqlite3", isolation_level=None, timeout=PATIENCE_S)
    other.execute("BEGIN IMMEDIATE")
    Path(_LOCKED).touch()
    ends = time.monotonic() + PATIENCE_S
    while not Path(_HEALED).exists() and time.monotonic() < ends:
        time.sleep(0.01)
    other.close()
    Path(_LOCKED).unlink()


def main(arguments: Sequence[str]) -> int:
    """Try every harm at every moment, and print a line a harm; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(prog="scripts/soak --ends", description=__doc__)
    parser.add_argument("--ends", action="store_true", help="what brought you here")
    parser.add_argument("--harm", action="append", choices=list(HARMS), help="only this; may be repeated")
    options = parser.parse_args(arguments)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="ends-") as place:
        folder = Path(place)
        with Town(Authority(folder / "authority"), folder / "town") as town:
            town.proxy.stop()
            for name in options.harm or HARMS:
                found: list[str] = []
                try:
                    for number, moment in enumerate(MOMENTS):
                        found += try_harm(town, folder / f"{name}-{number}", name, moment)
                except NotAllowedError as error:
                    found = [f"not tried: {error}"]
                wrong += len(found)
                lines = [f"{name:<12}{len(MOMENTS)} moments  {len(found)} wrong", *found]
                sys.stdout.write("\n    ".join(lines) + "\n")
                sys.stdout.flush()
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["lock"]:
        _lock()
    else:
        sys.exit(main(sys.argv[1:]))
