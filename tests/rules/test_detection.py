"""The judge's word against the truth of recordings of real tools and real sessions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairwitness.policy import read_policy
from fairwitness.rules import RULES
from fairwitness.testing.bench.cost import costs
from fairwitness.testing.bench.detection import Found, judge_all, recalls
from fairwitness.testing.bench.page import Measured, markdown, text
from fairwitness.testing.bench.truth import LABELS, Recordings, Truth, read_recordings, shared_folder

pytestmark = pytest.mark.timeout(480)  # all recordings are judged in the first set-up, on a busy machine too
NAMES = [rule.name for rule in RULES]
_POLICY = b"""
version: 1
program: {name: lab shop, policy_url: "http://shop.acme.test/policy", reviewed: 2026-11-23}
scope: {include: [shop.acme.test]}
"""


@pytest.fixture(scope="module")
def found() -> tuple[Found, ...]:
    """Every shared recording, judged."""
    recordings = read_recordings(shared_folder() / "recordings", shared_folder() / "lab")
    if recordings is None:
        pytest.skip("no recordings in ../shared")
    return judge_all(recordings)


def _found(
    *,
    kind: str = "breach",
    must: str = "",
    may: str = "",
    must_not: str = "",
    loud: dict[str, int],
    hints: dict[str, int],
) -> Found:
    truth = Truth(
        name="one",
        path=Path("one"),
        kind=kind,
        must=frozenset(must.split()),
        may=frozenset(may.split()),
        must_not=frozenset(must_not.split()),
    )
    return Found(truth, 40, loud, hints, ())


def test_what_must_be_found_is_found(found: tuple[Found, ...]) -> None:
    """Recall is 1 for each label whose rules are all built."""
    assert {} == {
        each.label: each.missed for each in recalls(found, rules=NAMES) if each.is_judged and each.missed
    }


def test_what_must_not_be_found_is_not(found: tuple[Found, ...]) -> None:
    """No label is found where the truth says that it must not be."""
    assert {} == {each.truth.name: each.false for each in found if each.false}


def test_benign_sessions_are_quiet(found: tuple[Found, ...]) -> None:
    """No flag above info, whatever the rule."""
    assert {} == {each.truth.name: each.alarms for each in found if each.alarms}


def test_scanners_are_found_soon(found: tuple[Found, ...]) -> None:
    """Within their first thirty requests."""
    assert {} == {each.truth.name: each.first("scanner") for each in found if each.is_late}


def test_no_rule_fails_on_a_recording(found: tuple[Found, ...]) -> None:
    """Every exchange is judged by every rule."""
    assert {} == {each.truth.name: each.failures for each in found if each.failures}


def test_every_label_of_the_truth_names_rules(found: tuple[Found, ...]) -> None:
    """A label that nobody knows would be missed in silence."""
    told = set().union(*(each.truth.must | each.truth.may | each.truth.must_not for each in found))

    assert told <= set(LABELS)


def test_a_hint_is_no_scanner_but_automation() -> None:
    """An info flag finds the label automation and no other."""
    found = _found(must="scanner automation", loud={}, hints={"automated-scanner": 3})

    assert (("scanner",), 3) == (found.missed, found.first("automation"))


def test_a_label_waits_for_all_its_rules() -> None:
    """What is not built yet is counted but not asked for."""
    found = _found(must="dos", loud={}, hints={})

    waits, asked = (
        next(each for each in recalls([found], rules=rules) if each.label == "dos")
        for rules in (["concurrency"], LABELS["dos"])
    )
    assert (1, 0, ("one",), False) == (waits.must, waits.found, waits.missed, waits.is_judged)
    assert asked.is_judged


def test_a_benign_session_may_only_what_the_truth_says() -> None:
    """Any other rule that speaks above info is an alarm, also one without a label."""
    loud = {"personal-data": 4, "data-alteration": 9}
    found = _found(kind="benign", may="personal_data", must_not="scanner", loud=loud, hints={})

    assert (("data-alteration",), ()) == (found.alarms, found.false)


def test_a_hint_in_a_browser_session_is_false() -> None:
    """Where automation must not be found, an info flag is one too many; it is no alarm."""
    found = _found(kind="benign", must_not="automation scanner", loud={}, hints={"automated-scanner": 5})

    assert (("automation",), ()) == (found.false, found.alarms)


def test_late_is_counted_in_requests() -> None:
    """The thirtieth is in time, the next is not."""
    seen = (_found(must="scanner", loud={"automated-scanner": at}, hints={}) for at in (30, 31))

    assert [False, True] == [each.is_late for each in seen]


def test_the_page_says_what_is_not_as_wanted() -> None:
    """In both forms, and as a whole."""
    alarm = _found(kind="benign", must_not="scanner", loud={"automated-scanner": 7}, hints={})

    measured = Measured.of(
        [alarm], costs(None, read_policy(_POLICY, path="policy.yaml"), ordinary=200), rules=NAMES
    )

    for page in (text(measured), markdown(measured)):
        assert "must not: scanner, alarm: automated-scanner" in page
        assert "all rules" in page
    assert not measured.is_as_wanted
    assert {rule.name for rule in RULES} <= {each.name for each in measured.costs}


def test_without_recordings_there_is_nothing_to_judge(tmp_path: Path) -> None:
    """An empty folder is said to be one."""
    assert read_recordings(tmp_path, tmp_path) is None


def test_only_what_is_at_hand_is_read(tmp_path: Path) -> None:
    """Recordings without a file and of other kinds are left out."""
    entry = {"must": ["rate"], "may": [], "must_not": []}
    told = {
        "there": {"kind": "breach"} | entry,
        "gone": {"kind": "breach"} | entry,
        "x": {"kind": "ambiguous"} | entry,
    }
    (tmp_path / "ground_truth.json").write_text(json.dumps(told), "utf-8")
    for name in ("there", "x"):
        (tmp_path / f"{name}.mitm").write_bytes(b"")
    (tmp_path / "policy.yaml").write_bytes(_POLICY)
    (tmp_path / "accounts.yaml").write_text("accounts: []\n", "utf-8")

    recordings = read_recordings(tmp_path, tmp_path)

    assert isinstance(recordings, Recordings)
    assert ["there"] == [each.name for each in recordings.truths]
