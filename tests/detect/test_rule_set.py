"""How well attacks and scanners are recognised, on the regression tests of the OWASP Core Rule Set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairwitness.testing.rule_set import ATTACKS, SCANNERS, Score, cases_of, is_recognised, measure

FOLDER = Path(__file__).parents[3] / "shared" / "corpora" / "crs-tests"
# Share of the attacks that is recognised, at least.  The set also wants single words and signs to match
# ("||", "date(", "uname" alone), which people send as well; the floors are where such tests begin.
RECALL = {
    "913": 1.0,
    "921": 0.55,
    "930": 0.9,
    "931": 0.6,
    "932": 0.6,
    "933": 0.65,
    "934": 0.8,
    "941": 0.7,
    "942": 0.5,
    "944": 0.94,
}


@pytest.fixture(scope="module")
def scores() -> dict[str, Score]:
    """All families, measured once."""
    if not FOLDER.is_dir():
        pytest.skip("the tests of the rule set are not here")
    return {score.family: score for score in measure(FOLDER)}


@pytest.mark.parametrize("family", [SCANNERS, *ATTACKS])
def test_attacks_of_the_rule_set_are_recognised(scores: dict[str, Score], family: str) -> None:
    """Of each family a share that does not shrink unseen."""
    assert scores[family].recall >= RECALL[family]


@pytest.mark.parametrize("family", [SCANNERS, *ATTACKS])
def test_what_is_taken_for_an_attack_is_one(scores: dict[str, Score], family: str) -> None:
    """Nine of ten at least; most of the others are attacks for another rule of the set."""
    assert scores[family].precision >= 0.9


def test_cases_are_read_as_the_set_writes_them(tmp_path: Path) -> None:
    """A request that must match and one that must not; a body without a type is a form."""
    stages = [
        {"input": {"uri": "/?a=1%20OR%201=1", "headers": {}}, "output": {"log": {"expect_ids": [1]}}},
        {"input": {"method": "POST", "data": "a=b"}, "output": {"log": {"no_expect_ids": [1]}}},
        {"input": {"uri": "/"}, "output": {"status": 400}},
    ]
    tests = [{"test_id": number, "stages": [stage]} for number, stage in enumerate(stages)]
    (tmp_path / "REQUEST-942-SQL.jsonl").write_text(json.dumps({"rule_id": 942100, "tests": tests}))

    cases = list(cases_of(tmp_path, "942"))

    assert [("942100-0", True), ("942100-1", False)] == [(case.name, case.is_attack) for case in cases]
    assert [True, False] == [is_recognised(case.request, family="942") for case in cases]
    assert "application/x-www-form-urlencoded" == cases[1].request.header("content-type")
