"""Each sentence of a real program is watched by a rule, declared, or a stated limit.

The sentences are those of Apify's vulnerability disclosure policy (docs.apify.com/platform/security, read on
2026-11-23), a public page; the policy.yaml in the root is about it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fairwitness.model.policy import Policy
from fairwitness.policy import RULE_NAMES, load_policy

ROOT = Path(__file__).parents[1]
SENTENCES = (
    "The following Apify services and domains are eligible for security research and responsible reporting",
    "Please use your personal account for research purposes",
    "Free accounts are sufficient for most testing.",
    "Issues with third-party systems",
    "Clickjacking on non-sensitive pages",
    "SPF/DKIM/DMARC or other email configuration issues",
    "Best practices or informational findings without impact",
    "Denial of Service (DoS), brute-force attacks, and resource exhaustion",
    "Social engineering, phishing, or physical attacks",
    "Attacks requiring MITM or stolen credentials",
    "please report it to our security team at",
    "Clear description of the issue",
    "Step-by-step reproduction instructions",
    "PoC (screenshots or code snippets)",
    "Impact analysis",
    "Affected URL or endpoint",
    "Only target accounts or data you control (test accounts)",
    "Never disrupt our services or other users",
    "Avoid privacy violations and do not destroy or alter data",
    "Automated scanners are not permitted without prior approval",
    "No spam, DoS, or social engineering",
    "Submit one vulnerability per report (unless chaining is required)",
    "If you follow these guidelines and act in good faith",
    "Do not publicly disclose vulnerabilities until resolved.",
    "Treat all related information as confidential.",
    "Comply with all legal terms.",
    "must not take any action that might cause an overload, disruption, or denial of service",
    "result in unauthorized access to another user's data",
)


def _section() -> str:
    page = (ROOT / "docs" / "rules.md").read_text("utf-8")
    return page.partition("\n## What the program says, and what watches it\n")[2].partition("\n## ")[0]


def _rows() -> dict[str, str]:
    """What the program says, and what watches it."""
    lines = [line.strip("|").split("|") for line in _section().splitlines() if line.startswith("|")]
    return {first.strip(): second.strip() for first, second in lines[2:] if second.strip()}


@pytest.fixture(scope="module")
def policy() -> Policy:
    """The example."""
    return load_policy(ROOT / "policy.yaml")


@pytest.mark.parametrize("sentence", SENTENCES)
def test_sentence_of_the_program_has_a_row(sentence: str) -> None:
    """A rule, a declaration, a field of the report, or a limit that is stated."""
    watched_by = _rows().get(sentence, "")

    assert re.search(r"`[a-z.-]+[a-z_]*`|declared: |Limit: |conduct report", watched_by)


def test_sentence_of_the_policy_is_one_of_the_programs(policy: Policy) -> None:
    """`says` holds the program's own words, and nothing that it did not say."""
    said = {line.clause.says for line in policy.rules} | {entry.clause.says for entry in policy.entries}
    said |= {policy.limits.clause.says, policy.identify.clause.says} - {None}

    assert set() == {each for each in said if each and each not in SENTENCES}
    assert set() == {each for each in said if each and each not in _rows()}


def test_rule_stands_beside_the_sentence_that_the_policy_quotes_for_it(policy: Policy) -> None:
    """Where policy.yaml gives a rule a sentence, the table says so too."""
    rows = _rows()
    wrong = [
        line.rule
        for line in policy.rules
        if line.clause.says and f"`{line.rule}`" not in rows[line.clause.says]
    ]

    assert [] == wrong


@pytest.mark.parametrize("name", RULE_NAMES)
def test_rule_has_a_row(name: str) -> None:
    """Who adds a rule says which words of a program it watches."""
    assert f"`{name}`" in " ".join(_rows().values())


def test_declaration_stands_beside_its_sentence(policy: Policy) -> None:
    """What is asked of the researcher is what the program says and no proxy sees."""
    watched_by = " ".join(_rows().values())

    assert policy.declare
    assert [] == [each for each in policy.declare if each not in watched_by]


def test_excluded_class_is_one_of_the_programs(policy: Policy) -> None:
    """A class that the program did not exclude is not held against a finding."""
    rows = [line for line, by in _rows().items() if "`excluded-finding`" in by]
    said = " ".join(rows).casefold()

    wrong = [
        each for each in policy.report.excluded if not set(re.findall(r"[a-z]{3,}", each)) <= _stems(said)
    ]

    assert [] == wrong


def _stems(text: str) -> set[str]:
    words = set(re.findall(r"[a-z]{3,}", text))
    return words | {word.removesuffix("s") for word in words}


def test_every_rule_is_written_out_in_the_example(policy: Policy) -> None:
    """Who copies it sees all of them."""
    text = policy.text.decode()

    assert [] == [name for name in RULE_NAMES if not re.search(rf"^  {name}:", text, re.MULTILINE)]


def test_table_links_to_no_rule_that_is_not_there() -> None:
    """A slip in a name would promise a rule."""
    keys = {"load", "tunnel", "approvals", "window"}
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", " ".join(_rows().values()))) - keys

    assert set() == named - set(RULE_NAMES)
