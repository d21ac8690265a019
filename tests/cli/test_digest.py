"""Tests of fairwitness.cli.digest: what the conduct report is told of a policy."""

from __future__ import annotations

import pytest

from fairwitness.cli.digest import digest_policy
from fairwitness.model.conduct import PolicyDigest
from fairwitness.policy.known import RULE_NAMES
from fairwitness.rules import RULES

BEGINNING = """\
version: 1
program: {name: Shop, policy_url: "https://shop.test/policy", reviewed: 2026-11-23}
"""


def digest(text: str) -> PolicyDigest:
    """The digest of a policy that can be read."""
    read = digest_policy((BEGINNING + text).encode())
    assert read is not None
    return read


def test_entries_stand_as_written_and_a_preset_once() -> None:
    """A preset of many hosts is one entry: a reader looks for what the file says."""
    read = digest(
        "scope: {include: [shop.test, '*.api.shop.test'], load: ['preset:fonts'], exclude: [pay.shop.test]}\n"
    )

    assert {
        ("include", "shop.test"),
        ("include", "*.api.shop.test"),
        ("load", "preset:fonts"),
        ("exclude", "pay.shop.test"),
    } == set(read.entries)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ("", True),
        ("limits: {testing: {per_host: {rate: 7/s}}}\n", True),
        ("limits: {testing: {per_host: {rate: 7/s}}, says: 'Seven.'}\n", False),
        ("limits: {testing: {per_endpoint: {rate: 7/s}}, says: 'Seven.'}\n", True),
        (
            "limits: {testing: {per_host: {rate: 7/s}}}\n"
            "rules: {request-rate: {action: block, says: 'Slow.'}}\n",
            False,
        ),
    ],
)
def test_a_limit_is_a_courtesy_without_the_programs_sentence(limits: str, expected: bool) -> None:
    """As the rule itself judges: no sentence, or a limit that the file does not write."""
    assert expected == digest(f"scope: {{include: [shop.test]}}\n{limits}").is_courtesy


def test_the_rate_comes_with_its_burst() -> None:
    """What may go at once is the burst, else one second's worth."""
    scope = "scope: {include: [shop.test]}\n"
    minute = digest(f"{scope}limits: {{testing: {{per_host: {{rate: 30/min, burst: 9}}}}}}\n")
    second = digest(f"{scope}limits: {{testing: {{per_host: {{rate: 7/s}}}}}}\n")

    assert ((30, 60_000_000), 9) == (minute.rate_per_host, minute.at_once)
    assert (7, 1_000_000) == second.rate_per_host


def test_rules_that_are_not_judged_are_those_written_out() -> None:
    """Rules that the policy names and that have no code; defaults are nobody's wish."""
    written = "".join(f"  {name}: {{action: warn}}\n" for name in RULE_NAMES)
    judged = {rule.name for rule in RULES}
    everything = digest(f"scope: {{include: [shop.test]}}\nrules:\n{written}")
    nothing = digest("scope: {include: [shop.test]}\n")

    assert {name for name in RULE_NAMES if name not in judged} == set(everything.not_judged)
    assert () == nothing.not_judged
    assert judged == set(nothing.judged)


@pytest.mark.parametrize("text", [b"", b"version: 99", b"\xff\xfe", b"a: &a [*a]"])
def test_a_policy_that_cannot_be_read_has_no_digest(text: bytes) -> None:
    """A newer version's policy, or damage, is told in the report and stops nothing."""
    assert digest_policy(text) is None
