from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

RUN_S = 60  # a command that takes so long hangs


@dataclass(frozen=True)
class Result:
    """What a person saw."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of error, with nothing around it."""
        lines = [line for line in self.err.splitlines() if line.startswith("fairwitness: error: ")]
        assert 1 == len(lines), self
        assert "Traceback" not in self.err, self.err
        return lines[0]

    def form(self) -> Any:
        """The JSON object on stdout."""
        return json.loads(self.out)

    def forms(self) -> list[Any]:
        """The JSON lines on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Home:
    """An empty home with a folder to work in, and the real program."""

    folder: Path
    environment: dict[str, str]

    def command(self, *words: str | bytes) -> list[str | bytes]:
        """The program's command line."""
        return [sys.executable, "-m", "fairwitness", *words]

    def run(self, *words: str | bytes, given: str = "", **variables: str) -> Result:
        """Run the program to its end."""
        done = subprocess.run(
            self.command(*words),
            input=given.encode(),
            capture_output=True,
            cwd=self.folder,
            env=self.environment | variables,
            timeout=RUN_S,
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def write(self, name: str, text: str) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.write_text(text)
        return path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    folder = tmp_path / "work"
    folder.mkdir()
    runtime = tmp_path / "r"
    runtime.mkdir(mode=0o700)
    environment = {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "XDG_RUNTIME_DIR": str(runtime),
    }
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "COVERAGE_FILE"):
        if name in os.environ:
            environment[name] = os.environ[name]
    return Home(folder, environment)


POLICY = """\
version: 1
program:
  name: Lab shop
  policy_url: https://shop.test/policy
  contact: security@shop.test
  reviewed: 2026-11-23
scope:
  include:
    # the shop itself
    - shop.test
    - "api.shop.test:8443"
  exclude: [pay.shop.test]
  load: [cdn.test]
"""


@pytest.fixture
def policy(home: Home) -> Path:
    """A small policy as ./policy.yaml."""
    return home.write("policy.yaml", POLICY)
