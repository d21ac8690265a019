"""Remarks."""

import os
from pathlib import Path

import pytest

from fairwitness.policy import check_policy, read_policy
from fairwitness.policy.check import MAX_CONFLICTS
from fairwitness.policy.known import RULE_NAMES
from fairwitness.policy.units import day_start_us, parse_day

NOW_US = day_start_us(parse_day("2026-11-24")) + 1
READ = {"reviewed": "2026-11-23"}
WRITTEN = {rule: {"action": "log"} for rule in RULE_NAMES}


def remarks(policy, word: str) -> list[tuple[str, str]]:
    """Severity and text of the remarks that hold a word."""
    return [(each.severity, each.what) for each in check_policy(policy, now_us=NOW_US) if word in each.what]


def test_sound_policy_has_no_remark(make_policy):
    """Nothing to say is said."""
    assert () == check_policy(make_policy(program=READ, rules=WRITTEN), now_us=NOW_US)


def said_of_a_file(make_policy, file: Path) -> list[tuple[str, str]]:
    """What is said of a sound policy that lies in *file*."""
    text = make_policy(program=READ, rules=WRITTEN).text
    file.write_bytes(text)
    policy = read_policy(text, path=str(file))
    return [(each.what, each.mend) for each in check_policy(policy, now_us=NOW_US)]


def test_file_of_ones_own_has_no_remark(make_policy, tmp_path):
    """Also where the user's group can write it, which is what many machines begin with."""
    file = tmp_path / "policy.yaml"
    file.touch()
    file.chmod(0o664)
    assert said_of_a_file(make_policy, file) == []


def test_file_that_everybody_can_write_is_said(make_policy, tmp_path):
    """Another user of the machine would decide where the next start may send."""
    file = tmp_path / "a policy.yaml"
    file.touch()
    file.chmod(0o666)
    ((what, mend),) = said_of_a_file(make_policy, file)
    assert "every user" in what
    assert mend == f"chmod o-w '{file}'"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_file_of_another_user_is_said(make_policy, tmp_path, monkeypatch):
    """Unless it is the user who became root with sudo."""
    file = tmp_path / "policy.yaml"
    file.touch()
    os.chown(file, 65534, -1)
    monkeypatch.delenv("SUDO_UID", raising=False)
    ((what, _),) = said_of_a_file(make_policy, file)
    assert "another user (uid 65534)" in what

    monkeypatch.setenv("SUDO_UID", "65534")
    assert said_of_a_file(make_policy, file) == []


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ({}, "does not say when"),
        ({"reviewed": "2026-10-01"}, "54 days ago, and you wanted to every 30"),
        ({"reviewed": "2026-11-20", "review_every": "3"}, "4 days ago"),
        ({"reviewed": "2026-12-24"}, "lies in the future"),
    ],
)
def test_review_that_is_long_ago_is_said(make_policy, program, what):
    """A rule that changed since is a rule that nobody keeps."""
    assert ["warning"] == [severity for severity, _ in remarks(make_policy(program=program), what)]


def test_review_is_fresh_on_its_last_day(make_policy):
    """Thirty days are thirty days."""
    assert [] == remarks(make_policy(program={"reviewed": "2026-10-25"}), "last read")


@pytest.mark.parametrize(
    ("window", "what", "severity"),
    [
        ({"until": "2026-11-23"}, "is over", "warning"),
        ({"from": "2026-12-01"}, "has not begun", "info"),
    ],
)
def test_window_that_is_not_now_is_said(make_policy, window, what, severity):
    """Everything would be blocked."""
    assert [severity] == [found for found, _ in remarks(make_policy(window=window), what)]


def test_window_that_is_now_is_not_said(make_policy):
    """Its last day is in it."""
    policy = make_policy(window={"from": "2026-11-24", "until": "2026-11-24"}, program=READ, rules=WRITTEN)

    assert () == check_policy(policy, now_us=NOW_US)


@pytest.mark.parametrize(
    ("entry", "what", "severity"),
    [
        ("10.0.0.0/16", "covers many networks", "warning"),
        ("2001:db8::/32", "covers many networks", "warning"),
        ("a.example:*", "covers every port", "warning"),
        ("*.a.example", "and not a.example itself", "info"),
        ("127.0.0.1", "is loopback, and names on scope.include may now resolve to it", "warning"),
        ("192.168.1.0/28", "is private", "warning"),
    ],
)
def test_wide_and_special_entries_are_said(make_policy, entry, what, severity):
    """Whoever wrote them sees what they mean."""
    assert [severity] == [found for found, _ in remarks(make_policy(include=[entry]), what)]


def test_narrow_entries_are_not_said(make_policy):
    """Nor an apex that is listed, nor what a preset covers."""
    policy = make_policy(
        include=["a.example", "*.a.example", "93.184.215.0/24"],
        noise=["preset:analytics"],
        program=READ,
        rules=WRITTEN,
    )

    assert () == check_policy(policy, now_us=NOW_US)


def test_rule_that_asks_for_more_than_it_may_is_said(make_policy):
    """It only warns, and the remark says so."""
    found = remarks(make_policy(rules={"spam": {"action": "block"}}), "rule spam asks to block")

    assert [("warning", True)] == [(severity, what.endswith("so it only warns")) for severity, what in found]


def test_rules_that_are_not_written_out_are_said(make_policy):
    """As one remark; not those that do more than warn all the same."""
    found = remarks(make_policy(rules={"spam": {"action": "log"}}), "not written out")

    assert ["info"] == [severity for severity, _ in found]
    assert not {"spam", "window"} & set(found[0][1].split(": ")[1].split(", "))


def test_ended_approval_is_said(make_policy):
    """It lifts nothing any more; one that has not ended is not spoken of."""
    base = {"rule": "spam", "by": "s@example.com", "date": "2026-11-01", "text": "Yes."}
    policy = make_policy(approvals=[{**base, "until": "2026-11-23"}, {**base, "until": "2026-11-24"}, base])

    assert [("warning", "the approval for spam has ended")] == remarks(policy, "approval for")


def test_posture_tools_without_approval_is_said(make_policy):
    """Whoever lets tools run should know who allowed it."""
    assert ["info"] == [
        severity for severity, _ in remarks(make_policy(posture="tools"), "no approval names")
    ]


def test_placeholder_in_identification_is_said(make_policy):
    """your-handle is nobody's handle."""
    policy = make_policy(identify={"headers": {"X-A": "your-handle", "X-B": "me"}})

    assert [("warning", "header X-A still has its placeholder")] == remarks(policy, "placeholder")


@pytest.mark.parametrize(
    ("lists", "severity", "what"),
    [
        ({"include": ["*.a.example"], "exclude": ["x.a.example"]}, "info", "where both do, exclude wins"),
        ({"include": ["x.a.example"], "exclude": ["*.a.example"]}, "warning", "where both do, include wins"),
        ({"include": ["*.a.example"], "load": ["x.a.example"]}, "info", "where both do, load wins"),
        ({"include": ["a.example"], "exclude": ["a.example"]}, "info", "where both do, exclude wins"),
        ({"include": ["img*.a.example"], "exclude": ["*7.a.example"]}, "warning", "both do, include wins"),
        ({"include": ["i*.a.example"], "exclude": ["*g.a.example"]}, "info", "both do, exclude wins"),
        ({"load": ["preset:captcha"], "noise": ["www.google.com"]}, "info", "(preset:captcha)"),
    ],
)
def test_conflicts_are_said_with_their_winner(make_policy, lists, severity, what):
    """Where the winner lets through what the other blocks, it is a warning."""
    assert [severity] == [found for found, _ in remarks(make_policy(**lists), what)]


def test_thousand_conflicts_are_not_all_said(make_policy):
    """Nobody reads more than a few hundred."""
    hosts = [f"h{number}.example" for number in range(MAX_CONFLICTS + 50)]
    policy = make_policy(include=hosts, exclude=hosts)

    assert MAX_CONFLICTS == len(remarks(policy, "speak of the same host"))
    assert 1 == len(remarks(policy, "the rest is left out"))


def test_what_cannot_be_compared_in_time_is_said(make_policy):
    """Many stars below one name on two lists: the check ends, and says what it leaves out."""
    stars = [f"a{number}*.in.example" for number in range(500)]
    policy = make_policy(include=stars, exclude=[f"b{number}*.x.in.example" for number in range(401)])

    assert 1 == len(remarks(policy, "are not listed"))


def test_preset_that_conflicts_often_is_said_once(make_policy):
    """One remark for two lines of the file."""
    policy = make_policy(noise=["preset:browser"], load=["*.services.mozilla.com"])

    assert 1 == len(remarks(policy, "speak of the same host"))


def test_entry_that_stands_twice_is_said(make_policy):
    """With the line of the first."""
    found = remarks(make_policy(include=["a.example", "b.example", "a.example"]), "twice")

    assert [("info", "'a.example' stands on scope.include twice (policy.yaml:9)")] == found


def test_grave_remarks_come_first(make_policy):
    """Warnings before hints."""
    found = [each.severity for each in check_policy(make_policy(include=["*.a.example"]), now_us=NOW_US)]

    assert sorted(found, key=["error", "warning", "info"].index) == found
    assert {"warning", "info"} == set(found)
