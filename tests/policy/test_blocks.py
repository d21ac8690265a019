"""Blocks of keys."""

import pytest

from fairwitness.policy import read_policy


@pytest.mark.parametrize(
    ("keys", "what", "mend"),
    [
        ({"limts": {}}, "the policy has the unknown key 'limts'", "Did you mean 'limits'"),
        ({"rate": "5/s"}, "the policy has the unknown key 'rate'", "It belongs below meter"),
        (
            {"limits": {"testing": {"per_hots": {}}}},
            "limits.testing has the unknown key",
            "Did you mean 'per_host'",
        ),
        (
            {"rules": {"automated-scaner": {}}},
            "rules has the unknown key",
            "Did you mean 'automated-scanner'",
        ),
        (
            {"report": {"qqqq": 1}},
            "report has the unknown key 'qqqq'",
            "Write one of: fields, one_finding_per_report",
        ),
        ({"limits": [1]}, "limits is a list, not a block of keys", "Write keys below it"),
        (
            {"report": {"fields": "a"}},
            "report.fields is a single value, not a list",
            "Write it as [one, two]",
        ),
        (
            {"report": {"fields": [{"a": 1}]}},
            "an item of report.fields is a block of keys",
            "Write one text there",
        ),
        ({"report": {"fields": [None]}}, "an item of report.fields is null", "Write one text there"),
        ({"report": {"confidential": "maybe"}}, "neither true nor false", "Write true or false"),
        ({"posture": "x" * 5000}, "longer than 4096 characters", "Shorten it"),
        ({"posture": "a\x7fb"}, "control character", "Delete it"),
        ({"identify": {"headers": "x"}}, "identify.headers is a single value", "'name: value'"),
    ],
)
def test_mistake_in_a_block_is_named_with_its_mend(refuse, keys, what, mend):
    """Unknown keys name the nearest known one, wrong shapes the right one."""
    found = refuse(**keys)

    assert what in found.what
    assert mend in found.mend


def test_unknown_key_that_is_enormous_costs_nothing(refuse):
    """The suggestion looks at the beginning only, and the message is short."""
    assert len(refuse(**{"x" * 60_000: 1}).what) < 200


def test_values_are_one_line(make_policy):
    """What becomes a line of the log holds no line break."""
    policy = make_policy(program={"name": " Two\n lines "})

    assert "Two lines" == policy.program.name


@pytest.mark.parametrize(
    ("word", "expected"), [("yes", True), ("off", False), ("TRUE", True), ("False", False)]
)
def test_booleans_are_those_of_yaml(make_policy, word, expected):
    """A bare yes or off is true or false, as YAML says."""
    text = make_policy().text.removesuffix(b"}") + b', "report": {"confidential": ' + word.encode() + b"}}"

    assert expected == read_policy(text, path="p").report.confidential
