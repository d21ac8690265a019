"""What a process holds: descriptors, memory, tasks."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_LOOK_AGAIN_S = 0.05
_PATIENCE_S = 10.0
_OWN_FILES = (".sqlite3", "-wal", "-shm", ".lock")
_MAY_BRING = ("01", "02", "03", "08")  # states of TCP in which somebody may read or connect yet
_OPEN_FILES = 4  # of one database: who writes it, and who reads it now and then


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a quiet process holds."""

    descriptors: Mapping[str, int]
    """By what they point at; sockets and pipes by their kind."""
    tasks: Mapping[str, int]
    """asyncio's, by the function that they run."""
    kept: Mapping[str, int] = field(default_factory=dict)
    """Objects that belong to one connection or exchange, by class."""
    used_bytes: int = 0
    """Memory in use (`used.used_bytes`)."""

    def beyond(self, baseline: Vitals) -> tuple[str, ...]:
        """What there is more of than in *baseline*."""
        pairs = (
            ("descriptor", self.descriptors, baseline.descriptors),
            ("task", self.tasks, baseline.tasks),
            ("object", self.kept, baseline.kept),
        )
        return tuple(
            f"{what} {name} {before.get(name, 0)} -> {count}"
            for what, now, before in pairs
            for name, count in sorted(now.items())
            if count > max(before.get(name, 0), _OPEN_FILES if name.endswith(_OWN_FILES) else 0)
        )


def vitals_of(pid: int, file: Path) -> Vitals:
    """Ask a `watched_run` for what it holds; it writes into *file*.

    Raises:
        TimeoutError: It did not answer.
    """
    file.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR2)
    ends = time.monotonic() + _PATIENCE_S
    while not file.exists():
        if time.monotonic() > ends:
            raise TimeoutError("the proxy did not tell what it holds")
        time.sleep(_LOOK_AGAIN_S)
    told = json.loads(file.read_text())
    return Vitals(_descriptors(pid), told["tasks"], told["kept"], told["used_bytes"])


def _descriptors(pid: int) -> Mapping[str, int]:
    held: Counter[str] = Counter()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            held[each.readlink().name.partition(":")[0]] += 1
        except OSError:  # it was closed meanwhile
            continue
    return dict(held)


def resident_bytes(pid: int) -> int:
    """Memory of a process (VmRSS); 0 where it has ended."""
    return _status_bytes(pid, "VmRSS:")


def peak_bytes(pid: int) -> int:
    """The most memory it had (VmHWM) since it began, or since `forget_peak`; 0 where it has ended."""
    return _status_bytes(pid, "VmHWM:")


def forget_peak(pid: int) -> None:
    """Begin `peak_bytes` of a process of one's own anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def cpu_seconds(pid: int) -> float:
    """Time of the processor that it took since it began; 0 where it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime


def disk_bytes(folder: Path) -> int:
    """What all files in a folder take."""
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def waiting_bytes(address: str, client_port: int) -> int:
    """What this client has sent and who listens at *address* has not read, in both queues of the kernel."""
    ends = f":{int(address.rpartition(':')[2]):04X}", f":{client_port:04X}"
    waiting = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        sent, _, received = queues.partition(":")
        if (local[-5:], remote[-5:]) == ends:
            waiting += int(received, 16)
        if (remote[-5:], local[-5:]) == ends:
            waiting += int(sent, 16)
    return waiting


def connections_to(port: int) -> int:
    """How many of this machine's TCP connections lead to a port and have not begun to close."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(fields[2].endswith(f":{port:04X}") and fields[3] == "01" for fields in map(str.split, lines))


def is_quiet(port: int) -> bool:
    """Whether no TCP connection of this machine leads to a port, and its listener has closed all that did."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        if state in _MAY_BRING and f":{port:04X}" in (local[-5:], remote[-5:]):
            return False
    return True


def _status_bytes(pid: int, key: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(key)), 0)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How fast the second number of *points* grows with the first, by least squares."""
    if len(points) < 2:
        return 0.0
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0
