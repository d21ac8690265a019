"""A real ``mitmdump`` with the launcher, and scripts beside it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import fairwitness
from fairwitness.evidence import Reader
from fairwitness.model.record import ExchangeRecord, ExchangeRow
from fairwitness.testing.client import Reply, curl
from fairwitness.testing.lookups import Lookups
from fairwitness.testing.tally import PATIENCE_S
from fairwitness.testing.town import Town

LAUNCHER = Path(fairwitness.__file__).parents[1] / "fairwitness_addon.py"


class Mitmdump:
    """A running ``mitmdump -s`` with the launcher, on a free port.

    Args:
        folder: Holds everything of it.
        town: Its origins are what can be reached.
        launcher: The script, or a copy.
        beside: A second script; it runs as a copy in *folder*.
        arguments: Further arguments.
        policy: Text of policy.yaml.
        program: ``mitmdump``, or another of mitmproxy's own.
    """

    def __init__(
        self,
        folder: Path,
        town: Town,
        *,
        launcher: Path = LAUNCHER,
        beside: Path | None = None,
        arguments: Sequence[str] = (),
        policy: str | None = None,
        program: str = "mitmdump",
    ) -> None:
        self.folder = folder
        (folder / "policy.yaml").write_text(town.policy_text() if policy is None else policy)
        scripts = [str(launcher)]
        if beside:
            (folder / beside.name).write_text(beside.read_text())
            scripts.append(str(folder / beside.name))
        settings = {
            "fairwitness_policy": str(folder / "policy.yaml"),
            "fairwitness_evidence": str(folder / "evidence"),
            "confdir": str(folder / "ca"),
            "ssl_verify_upstream_trusted_ca": str(town.authority.pem),
        }
        self._command = [
            str(Path(sys.executable).with_name(program)),
            *(each for script in scripts for each in ("-s", script)),
            *("--listen-host", "127.0.0.1", "--listen-port", "0"),
            *(each for name, value in settings.items() for each in ("--set", f"{name}={value}")),
            *(each for o in town.origins for each in ("--set", f"fairwitness_resolve={o.resolve}")),
            *arguments,
        ]
        self._lookups = Lookups(folder)
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._process: subprocess.Popen[str]

    def __enter__(self) -> Self:
        self.start()
        found = self.wait_for(r"proxy listening at (\S+?)\.?$")
        self.address = found[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self.wait()

    def start(self) -> None:
        """Start it and wait for nothing."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=self.folder,
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(home),
                "PYTHONUNBUFFERED": "1",
                **self._lookups.environment,
            },
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self) -> int:
        """Its exit code."""
        try:
            code = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            code = 0  # it did not end by itself
        self._reader.join(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code

    @property
    def output(self) -> str:
        """All it has written."""
        return "\n".join(self._lines)

    @property
    def lines(self) -> int:
        """How many lines it has written so far."""
        return len(self._lines)

    def wait_for(self, pattern: str, *, after: int = 0) -> re.Match[str]:
        """The first line behind the first *after* that has *pattern*."""
        ends = time.monotonic() + PATIENCE_S
        with self._changed:
            while True:
                for line in self._lines[after:]:
                    if found := re.search(pattern, line):
                        return found
                if time.monotonic() > ends or self._process.poll() is not None:
                    raise TimeoutError(f"mitmdump never wrote {pattern!r} but {self.output}")
                self._changed.wait(0.05)

    def curl(self, url: str, *arguments: str) -> Reply:
        """What curl gets through it."""
        ca = str(self.folder / "ca" / "mitmproxy-ca-cert.pem")
        return curl(f"http://{self.address}", url, "--cacert", ca, *arguments)

    @property
    def looked_up(self) -> frozenset[str]:
        """Names that it asked the system for; an address of --resolve is asked for too."""
        return self._lookups.names

    def rows(self) -> tuple[ExchangeRow, ...]:
        """The log's exchanges."""
        with Reader.open(self.folder / "evidence") as reader:
            return tuple(reader.exchanges())

    def record(self, row: ExchangeRow) -> ExchangeRecord:
        """Everything that is stored of one exchange."""
        with Reader.open(self.folder / "evidence") as reader:
            return reader.exchange(row.exchange)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(line.rstrip())
                self._changed.notify_all()
