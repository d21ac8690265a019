"""docs/policy.md."""

import re
from pathlib import Path

from fairwitness.policy.known import KEYS, RULE_NAMES, RULE_OPTIONS
from fairwitness.policy.presets import presets

TEXT = (Path(__file__).parents[2] / "docs" / "policy.md").read_text("utf-8")
HEADINGS = set(re.findall(r"(?m)^#+ `([^`]+)`$", TEXT))
# Blocks that occur in several places: their keys are explained once, by their own name.
SHARED = {
    "": "",
    "scope entry": None,
    "limits of one kind": "",
    "meter": "",
    "rule": "",
    "approval": "approvals.",
}


def test_every_key_has_its_heading():
    """A new key nags here until a researcher can look it up."""
    wanted = {
        f"{SHARED.get(block, block + '.')}{key}"
        for block, keys in KEYS.items()
        for key in keys
        if SHARED.get(block, "") is not None
    }
    options = {key for keys in RULE_OPTIONS.values() for key in keys}

    assert set() == (wanted | options) - HEADINGS


def test_no_heading_explains_a_key_that_is_gone():
    """The other way round."""
    known = {key for keys in KEYS.values() for key in keys} | {
        key for keys in RULE_OPTIONS.values() for key in keys
    }

    assert set() == {heading for heading in HEADINGS if heading.split(".")[-1] not in known}


def test_every_rule_and_preset_is_named():
    """By its name in code."""
    assert [] == [name for name in (*RULE_NAMES, *presets()) if f"`{name}`" not in TEXT]
