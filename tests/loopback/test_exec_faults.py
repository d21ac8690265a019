"""A command that runs through a proxy whose gate was closed meanwhile: that is said, and in the exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fairwitness.testing import Town
from fairwitness.testing.faults import Fault, FaultDoor
from fairwitness.testing.tour import another_proxy

pytestmark = pytest.mark.gate

WATCH = Fault(part="fairwitness.evidence.log:Log.checkpoint", error="RuntimeError")
DISK = Fault(part="fairwitness.evidence.store:Store._write", error="OperationalError", calls=())
UNTIL_CLOSED = 'while curl -sf -o /dev/null "$0"; do :; done; exit '


@pytest.mark.parametrize(
    ("fault", "command", "code", "word"),
    [
        (WATCH, 0, 4, "the watch over the log failed"),
        (WATCH, 7, 7, "the watch over the log failed"),
        (DISK, 0, 3, "disk is full"),
    ],
)
def test_exec_says_that_the_gate_was_closed(
    town: Town, tmp_path: Path, fault: Fault, command: int, code: int, word: str
) -> None:
    """A command that was content does not end with 0; one that failed keeps its code."""
    url = town.inside.url("/exec", scheme="http")
    with FaultDoor() as door:
        spare = another_proxy(town, tmp_path, door.program)
        words = [
            *("exec", "--policy", str(spare.policy_file), "--evidence", str(spare.evidence)),
            *("--ca-dir", str(tmp_path / "ca"), "--resolve", town.inside.resolve),
            *("--listen", "127.0.0.1:0", "--", "sh", "-c", f"{UNTIL_CLOSED}{command}", url),
        ]
        with subprocess.Popen(
            [sys.executable, *door.program, *words], stderr=subprocess.PIPE, text=True, env=spare.environment
        ) as running:
            assert running.stderr
            assert "proxy 127.0.0.1:" in running.stderr.readline()
            door.break_part(fault)
            said = running.stderr.read()
    errors = [line for line in said.splitlines() if line.startswith("fairwitness: error: ")]

    assert code == running.returncode, said
    assert [True] == ["nothing passed since" in each and word in each for each in errors]
    assert "fairwitness: sh: " in said


def test_exec_that_joined_says_that_the_gate_was_closed(town: Town, tmp_path: Path) -> None:
    """The running proxy is asked at the end."""
    with FaultDoor([WATCH]) as door, another_proxy(town, tmp_path, door.program) as proxy:
        proxy.wait_for(lambda told: told.text("state") == "gate-closed", "that the gate closed")
        place = "--policy", str(proxy.policy_file), "--evidence", str(proxy.evidence)
        done = proxy.command("exec", *place, "--", "true")

    assert 4 == done.returncode
    assert "the gate of the running proxy is closed" in done.stderr
    assert "the watch over the log failed" in done.stderr
