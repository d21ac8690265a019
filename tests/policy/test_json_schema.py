"""The JSON Schema that editors use: it knows what the loader knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.policy.editor import SCHEMA, STRICTER, is_underlined

from fairwitness.errors import PolicyError
from fairwitness.model.policy import Posture
from fairwitness.policy import DraftAnswers, draft_policy, read_policy
from fairwitness.policy.known import ACTION_WORDS, KEYS, RULE_NAMES, RULE_OPTIONS
from fairwitness.policy.presets import presets
from fairwitness.policy.units import parse_rate, parse_size
from fairwitness.testing.policy_text import policy_text

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
DOCS = (ROOT / "docs" / "policy.md").read_text("utf-8")
DEFS: dict[str, Any] = SCHEMA["$defs"]
BLOCKS = {"": SCHEMA, **{block: DEFS[block.replace(" ", "_")] for block in KEYS if block}}

# For each line of the list in the docs, keys that only the loader refuses.
ONLY_LOADER = {
    "a day that no month has": "window: {from: 2026-02-30}",
    "a host, address or path that has no single meaning": 'scope: {include: ["*.com"]}',
    "a preset or a port in `approvals.hosts`": (
        'approvals: [{rule: spam, by: me, date: 2026-11-23, text: "Yes", hosts: ["a.example:81"]}]'
    ),
    "a path in `tunnel`": 'scope: {include: [a.example], tunnel: ["https://b.example/login"]}',
    "a host that is in `tunnel` and in `include`": "scope: {include: [a.example], tunnel: [a.example]}",
    "a window that ends before it begins": "window: {from: 2026-11-23, until: 2026-11-22}",
    "a size over 1 GiB": "limits: {request_body: 2 GiB}",
    "a number that is no whole one": "limits: {testing: {total: {burst: 1.0}}}",
    "a credential or a framing header in `identify`": "identify: {headers: {Cookie: a}}",
    "a control character": 'declare: ["\\x07"]',
    "a key that stands twice": "report: {confidential: true, confidential: false}",
    '`"yes"` in quotes': 'report: {confidential: "yes"}',
}


def _text(line: str) -> str:
    keys = {
        "version": "version: 1",
        "program": "program: {name: A, policy_url: https://a.example/}",
        "scope": "scope: {include: [a.example]}",
        line.partition(":")[0]: line,
    }
    return "\n".join(keys.values())


def test_schema_is_a_schema():
    """Of draft 2020-12."""
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("block", KEYS)
def test_schema_has_every_key_of_the_loader_and_no_other(block):
    """Whoever teaches the loader a key is told here that editors do not know it."""
    assert set(KEYS[block]) == set(BLOCKS[block]["properties"])
    assert BLOCKS[block]["additionalProperties"] is False


def test_schema_has_every_rule_with_its_options():
    """In `rules` and in approvals."""
    rules = DEFS["rules"]["properties"]
    for name in RULE_NAMES:
        line = DEFS["rule"] if "$ref" in rules[name] else rules[name]
        options = RULE_OPTIONS.get(name, {})
        assert {*KEYS["rule"], *options} == set(line["properties"]), name
        for option, values in options.items():
            assert [*values, None] == line["properties"][option]["enum"]

    assert set(RULE_NAMES) == set(rules) == set(DEFS["approval"]["properties"]["rule"]["enum"])


def test_schema_has_every_word_of_the_loader():
    """Actions, postures, presets, units."""
    rates = re.findall("[a-z]+", DEFS["rate"]["pattern"])

    assert [*ACTION_WORDS, None] == DEFS["action"]["enum"]
    assert [*Posture, None] == SCHEMA["properties"]["posture"]["enum"]
    assert [f"preset:{name}" for name in presets()] == DEFS["preset"]["enum"]
    assert all(parse_rate(f"5/{unit}") for unit in rates)
    for unit in ("", "b", "B", "kb", "KB", "kib", "KiB", "MB", "MiB", "gb", "GiB"):
        assert parse_size(f"1{unit}")
        assert not is_underlined(_text(f"limits: {{request_body: 1 {unit}}}"))


@pytest.mark.parametrize(
    "text",
    [
        (ROOT / "policy.yaml").read_text("utf-8"),
        policy_text(include=["in.test"], load=["cdn.test"], tunnel=["preset:captcha"]),
        draft_policy(
            DraftAnswers(
                name="A",
                policy_url="https://a.example/",
                include=("a.example", "*.b.example"),
                reviewed="2026-11-23",
                headers=(("X-Bug", "me"),),
                rule_says=(("spam", "No spam."),),
            )
        ),
        *(each.read_text("utf-8") for each in sorted(SHARED.glob("*/policy.yaml"))),
    ],
)
def test_policies_that_load_are_not_underlined(text):
    """The example, what `init` writes, what the tests write, and papers that lie beside."""
    assert read_policy(text.encode(), path="policy.yaml")
    assert not is_underlined(text)


@pytest.mark.parametrize(
    "line",
    [
        "scope: {include: []}",
        "scope: {include: [preset:captcha]}",
        "scope: {include: [a.example], load: [preset:none]}",
        "scope: {include: [a.example], surprise: 1}",
        "scope: {include: [ftp://a.example]}",
        "version: 2",
        "posture: away",
        "window: {says: No date}",
        "limits: {testing: {per_host: {rate: 5/fortnight}}}",
        "limits: {testing: {per_host: {burst: 0}}}",
        "rules: {spam: {action: wan}}",
        "rules: {spam: {bodies: shape}}",
        "rules: {spam: null}",
        "approvals: [{rule: spam, by: me, text: Yes}]",
        "report: {fields: [Proof of concept]}",
        "identify: {headers: {X Bug: me}}",
        "program: {name: A}",
    ],
)
def test_common_mistakes_are_underlined(line):
    """While they are typed, as the loader would say later."""
    assert is_underlined(_text(line))
    with pytest.raises(PolicyError):
        read_policy(_text(line).encode(), path="policy.yaml")


@pytest.mark.parametrize("what", STRICTER)
def test_what_only_the_loader_refuses_is_in_the_docs(what):
    """The list of the docs is whole, each line of it is true, and no line is out of date."""
    text = _text(ONLY_LOADER[what])

    assert not is_underlined(text)
    with pytest.raises(PolicyError) as caught:
        read_policy(text.encode(), path="policy.yaml")
    assert re.search(STRICTER[what], caught.value.what)
    assert f"\n- {what}" in DOCS
