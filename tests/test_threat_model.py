"""docs/threat-model.md and the tests that walk its ways round name each other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "threat-model.md"
FROM_NOTES = set(range(1, 42))
"""Ways that were tried on mitmproxy itself before anything was built."""


def _in_page() -> set[tuple[int, str]]:
    rows = re.findall(r"^\| (\d+) \|.*\|(.*)\|$", PAGE.read_text("utf-8"), re.MULTILINE)
    return {(int(row), test) for row, tests in rows for test in re.findall(r"`([^`\s]+::\w+)`", tests)}


def _marked() -> set[tuple[int, str]]:
    found = set()
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                name = f"{path.relative_to(ROOT).as_posix()}::{node.name}"
                found |= {(row, name) for mark in node.decorator_list for row in _rows(mark)}
    return found


def _rows(mark: ast.expr) -> list[int]:
    if not isinstance(mark, ast.Call) or ast.unparse(mark.func) != "pytest.mark.bypass":
        return []
    return [row for each in mark.args if isinstance(row := ast.literal_eval(each), int)]


def test_every_way_round_has_its_tests_and_every_test_its_way() -> None:
    """The page names for each row just the tests that are marked with it."""
    assert _marked() == _in_page()


def test_no_way_round_is_left_out() -> None:
    """All that were known from the start are rows, and numbers have no gaps."""
    rows = {row for row, _ in _in_page()}

    assert rows >= FROM_NOTES
    assert set(range(1, max(rows) + 1)) == rows
