"""How well attacks and scanners are recognised: measured on the regression tests of the OWASP Core Rule Set.

A test of that set says whether one of its rules must match, or must not.  Both are about that rule alone: a
request that one rule must leave alone may be an attack for another, so the share of these that are taken for
attacks is the highest that precision could suffer, not what ordinary traffic does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairwitness.detect import SURE, ToolKind, probe_in, tool_in
from fairwitness.model.exchange import Request
from fairwitness.rules.reading import Reading
from fairwitness.rules.testing import make_request

SCANNERS = "913"
ATTACKS = ("921", "930", "931", "932", "933", "934", "941", "942", "944")


@dataclass(frozen=True, slots=True)
class Case:
    """One request of the set's tests."""

    name: str
    """Rule and test: ``942100-3``."""
    is_attack: bool
    request: Request


@dataclass(frozen=True, slots=True)
class Score:
    """What was seen of one family."""

    family: str
    attacks: int
    missed: tuple[str, ...]
    others: int
    """Requests that one rule of the family must leave alone."""
    taken: tuple[str, ...]
    """Those among them that were taken for attacks."""

    @property
    def recall(self) -> float:
        """Of the attacks, the share that was recognised."""
        return 1 - len(self.missed) / self.attacks if self.attacks else 1.0

    @property
    def precision(self) -> float:
        """Of what was taken for an attack, the share that is one."""
        seen = self.attacks - len(self.missed)
        return seen / (seen + len(self.taken)) if seen + len(self.taken) else 1.0


def measure(folder: Path) -> tuple[Score, ...]:
    """Scores of all families whose tests are in a folder of JSON lines, one rule a line; scanners first."""
    return tuple(_score(family, list(cases_of(folder, family))) for family in (SCANNERS, *ATTACKS))


def cases_of(folder: Path, family: str) -> Iterator[Case]:
    """The requests of one family's tests."""
    for path in sorted(folder.glob(f"*-{family}-*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            rule: dict[str, Any] = json.loads(line)
            for test in rule["tests"]:
                for stage in test["stages"]:
                    log = stage["output"].get("log", {})
                    if "expect_ids" in log or "no_expect_ids" in log:
                        name = f"{rule['rule_id']}-{test['test_id']}"
                        yield Case(name, "expect_ids" in log, _request(stage["input"]))


def is_recognised(request: Request, *, family: str) -> bool:
    """Whether it is taken for an attack; in the family of scanners, for one of their requests."""
    if family == SCANNERS:
        tool = tool_in(request.headers)
        return tool is not None and tool.kind is ToolKind.SCANNER
    if probe_in(request.target.partition(b"?")[0]):
        return True
    return any(tried.attack.weight >= SURE for tried in Reading(request).attacks)


def _score(family: str, cases: list[Case]) -> Score:
    seen = {case.name: is_recognised(case.request, family=family) for case in cases}
    attacks = [case.name for case in cases if case.is_attack]
    others = [case.name for case in cases if not case.is_attack]
    return Score(
        family=family,
        attacks=len(attacks),
        missed=tuple(name for name in attacks if not seen[name]),
        others=len(others),
        taken=tuple(name for name in others if seen[name]),
    )


def _request(given: dict[str, Any]) -> Request:
    target = str(given.get("uri") or "/").encode("utf-8", "replace").decode("latin-1")
    headers = {str(name): str(value) for name, value in (given.get("headers") or {}).items()}
    body = str(given.get("data") or "")
    if body and "content-type" not in map(str.lower, headers):
        headers["Content-Type"] = (
            "application/x-www-form-urlencoded"  # as the program does that sends these tests
        )
    return make_request(
        f"http://shop.test{target if target.startswith('/') else '/' + target}",
        method=str(given.get("method", "GET")),
        headers=tuple((name.encode(), value.encode("utf-8", "replace")) for name, value in headers.items()),
        body=body.encode("utf-8", "replace"),
    )
