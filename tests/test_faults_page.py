"""docs/architecture.md names for each fault the test that shows what holds after it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOOPBACK = ROOT / "tests" / "loopback"
CHECKS_THE_REST = {"check_end", "check_town_end", "sweep", "try_harm"}
"""What verifies the log and starts again on it."""


def _named() -> list[str]:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = page.partition("| fault | test, in tests/loopback |")[2].partition("\n\n")[0]
    return re.findall(r"`(test_\w+\.py::test_\w+)`", table)


def _calls() -> dict[str, set[str]]:
    return {
        f"{path.name}::{node.name}": {
            each.func.id
            for each in ast.walk(node)
            if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)
        }
        for path in LOOPBACK.glob("test_*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }


def test_every_fault_has_a_test_that_verifies_the_log_and_starts_again() -> None:
    """A test that is renamed, or that forgets how the run goes on, is missed here."""
    calls = _calls()

    assert len(_named()) > 20
    assert [] == [each for each in _named() if not CHECKS_THE_REST & calls.get(each, set())]
