"""The real ``fairwitness run`` as a child process, and what it tells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from fairwitness.evidence import Reader
from fairwitness.model.record import ExchangeRecord, ExchangeRow
from fairwitness.testing.lookups import Lookups
from fairwitness.testing.tally import PATIENCE_S

_LOOK_AGAIN_S = 0.02  # a SQLite file tells nobody that it grew


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the proxy's JSON."""

    kind: str
    """``ready`` | ``exchange`` | ``block`` | ``flag`` | ``hold`` | ``policy`` | ``store`` | ..."""
    facts: Mapping[str, object]

    def text(self, key: str) -> str:
        """A fact as text; empty where it is not there."""
        value = self.facts.get(key)
        return "" if value is None else str(value)


class Proxy:
    """A running ``fairwitness run --json`` on a free port of 127.0.0.1.

    A class, because it owns a process, the threads that read its pipes and what they have read.

    Args:
        folder: Holds policy, evidence, CA and home of this proxy; may hold those of an earlier one.
        policy: Text of policy.yaml; None: the one that lies there.
        upstream_ca: PEM file of an authority that servers may be signed by.
        resolve: ``HOST:PORT:ADDR``, each.
        arguments: Further arguments of ``run``.
        program: What Python is to run; a test may run a broken one.
    """

    def __init__(
        self,
        folder: Path,
        *,
        policy: str | None = None,
        upstream_ca: Path | None = None,
        resolve: Sequence[str] = (),
        arguments: Sequence[str] = (),
        program: Sequence[str] = ("-m", "fairwitness"),
    ) -> None:
        self._program = program
        self._folder = folder
        self._home = folder / "home"
        self._home.mkdir(parents=True, exist_ok=True)
        self.policy_file = folder / "policy.yaml"
        """Where the policy lies; a change is picked up on save."""
        if policy is not None:
            self.policy_file.write_text(policy)
        self.evidence = folder / "evidence"
        """The evidence folder."""
        self._lookups = Lookups(folder)
        self._arguments = ["--policy", str(self.policy_file), "--ca-dir", str(folder / "ca")]
        if upstream_ca is not None:
            self._arguments += ["--upstream-ca", str(upstream_ca)]
        for each in resolve:
            self._arguments += ["--resolve", each]
        self._arguments += arguments
        self._told: list[Told] = []
        self._changed = threading.Condition()
        self._stderr: list[str] = []
        self._threads: list[threading.Thread] = []
        self._process: subprocess.Popen[str]

    def __enter__(self) -> Self:
        command = [sys.executable, *self._program, "run", "--json", "--listen", "127.0.0.1:0"]
        self._process = subprocess.Popen(
            [*command, "--evidence", str(self.evidence), *self._arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**self.environment, **self._lookups.environment},
            cwd=self._folder,
        )
        for read in (self._read_events, self._read_errors):
            thread = threading.Thread(target=read, daemon=True)
            thread.start()
            self._threads.append(thread)
        try:
            self.wait_for(lambda told: told.kind == "ready", "ready")
        except BaseException:
            if self.told and self.told[-1].kind == "end":  # it gave up by itself: let it say with which code
                self._process.wait(PATIENCE_S)
            self.stop(signal.SIGKILL)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """What its commands run with: this process's own, with a home of their own and without proxies."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.lower().endswith("_proxy") and not name.startswith(("XDG_", "FAIRWITNESS_", "DBUS_"))
        }
        return {**kept, "HOME": str(self._home)}

    @property
    def address(self) -> str:
        """``host:port`` on which it accepts."""
        return self._ready.text("listen")

    @property
    def url(self) -> str:
        """Its URL, for clients."""
        return f"http://{self.address}"

    @property
    def ca(self) -> Path:
        """PEM file of its own CA."""
        return Path(self._ready.text("ca"))

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._process.poll() is None

    @property
    def told(self) -> tuple[Told, ...]:
        """Everything it told so far, in order."""
        with self._changed:
            return tuple(self._told)

    @property
    def stderr(self) -> str:
        """What it wrote to its standard error so far."""
        return "".join(self._stderr)

    @property
    def looked_up(self) -> frozenset[str]:
        """Names that it asked the system for; an address of --resolve is asked for too."""
        return self._lookups.names

    @property
    def peak_rss_bytes(self) -> int:
        """The most memory that it ever held (VmHWM; Linux)."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmHWM in /proc")

    def wait_for(
        self,
        is_wanted: Callable[[Told], bool],
        what: str = "it",
        *,
        after: int = 0,
        timeout: float = PATIENCE_S,
    ) -> Told:
        """The first thing told, of those after the first *after*, that *is_wanted*.

        Raises:
            TimeoutError: It was not told in time, or the process ended before.
        """
        ends = time.monotonic() + timeout
        with self._changed:
            while True:
                for told in self._told[after:]:
                    if is_wanted(told):
                        return told
                left = ends - time.monotonic()
                if left <= 0 or (self._told and self._told[-1].kind == "end"):
                    raise TimeoutError(f"the proxy never told {what}; stderr: {self.stderr[-2000:]}")
                self._changed.wait(left)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal and wait for nothing."""
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it; gives its exit code (negative: the signal that ended it).  May be called again."""
        if self.is_running:
            self.kill(number)
        try:
            code = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait(PATIENCE_S)
            raise
        for thread in self._threads:
            thread.join(PATIENCE_S)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        return code

    def command(self, *arguments: str, timeout: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
        """Run another fairwitness command on this proxy's evidence folder."""
        return subprocess.run(
            [sys.executable, "-m", "fairwitness", *arguments, "--evidence", str(self.evidence)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self._home,
            timeout=timeout,
            check=False,
        )

    def rows(self) -> tuple[ExchangeRow, ...]:
        """The log's exchanges, blocked attempts too, in order."""
        with Reader.open(self.evidence) as reader:
            return tuple(reader.exchanges())

    def record(self, row: ExchangeRow) -> ExchangeRecord:
        """Everything that is stored of one exchange."""
        with Reader.open(self.evidence) as reader:
            return reader.exchange(row.exchange)

    def wait_for_row(
        self, is_wanted: Callable[[ExchangeRow], bool], *, timeout: float = PATIENCE_S
    ) -> ExchangeRow:
        """The newest exchange in the log that *is_wanted*.

        Raises:
            TimeoutError: None came.
        """
        ends = time.monotonic() + timeout
        while True:
            rows = self.rows()
            for row in reversed(rows):
                if is_wanted(row):
                    return row
            if time.monotonic() > ends:
                last = "\n".join(f"{row.method} {row.url} {row.decision} {row.outcome}" for row in rows[-10:])
                raise TimeoutError(f"the log never had it; its last rows are:\n{last}")
            with self._changed:
                self._changed.wait(_LOOK_AGAIN_S)

    @property
    def _ready(self) -> Told:
        return next(told for told in self.told if told.kind == "ready")

    def _read_events(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._note(_parse(line))
        self._note(Told("end", {}))

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._stderr.append(line)

    def _note(self, told: Told) -> None:
        with self._changed:
            self._told.append(told)
            self._changed.notify_all()


def _parse(line: str) -> Told:
    try:
        facts = json.loads(line)
    except ValueError:
        return Told("garbage", {"line": line})
    if not isinstance(facts, dict) or not isinstance(facts.get("event"), str):
        return Told("garbage", {"line": line})
    return Told(facts["event"], facts)
