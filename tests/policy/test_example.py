"""The example in the repository's root."""

from pathlib import Path

from fairwitness.model.exchange import Destination
from fairwitness.model.verdict import Action, ScopeList
from fairwitness.policy import Scope, check_policy, load_policy
from fairwitness.policy.known import KEYS, RULE_NAMES
from fairwitness.policy.units import day_start_us, parse_day

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "policy.yaml"
SAID_WITHOUT = {"missing-identification", "window", "stale-policy"}


def test_example_loads_without_a_remark_on_the_day_of_its_review():
    """It is the real policy of a real program, and sound."""
    remarks = check_policy(load_policy(EXAMPLE), now_us=day_start_us(parse_day("2026-11-24")))

    assert () == remarks


def test_example_lists_exactly_the_hosts_of_the_program():
    """Four, no more."""
    policy = load_policy(EXAMPLE)

    assert ["apify.com", "console.apify.com", "api.apify.com", "console-backend.apify.com"] == [
        each.text for each in policy.entries if each.scope_list is ScopeList.INCLUDE
    ]


def test_example_writes_every_rule_out_with_the_programs_sentence():
    """Where the program has one, and each acts as it is written."""
    policy = load_policy(EXAMPLE)

    assert [f"rules.{rule}" for rule in RULE_NAMES] == [line.clause.id for line in policy.rules]
    assert SAID_WITHOUT == {line.rule for line in policy.rules if line.clause.says is None}
    assert [] == [line.rule for line in policy.rules if line.wanted != line.action]


def test_sentences_of_the_example_are_the_programs_own():
    """Word for word, as listed with their source in the test data."""
    said = set((Path(__file__).parent / "data" / "apify-sentences.txt").read_text("utf-8").splitlines())
    policy = load_policy(EXAMPLE)
    quoted = {line.clause.says for line in policy.rules} | {each.clause.says for each in policy.entries}

    assert set() == quoted - said - {None}


def test_example_shows_every_key():
    """It teaches the whole format: each key stands there, at least in a comment."""
    text = EXAMPLE.read_text("utf-8")

    for block, keys in KEYS.items():
        assert [] == [key for key in keys if f"{key}:" not in text], block


def test_example_decides_as_its_program_says():
    """Scope, sign-in, noise and strangers."""
    scope = Scope(load_policy(EXAMPLE))

    def verdict(host: str) -> tuple[Action, ScopeList | None]:
        found = scope.decide([Destination("url", "https", host, 443, "/")])
        return found.action, found.scope_list

    assert [
        (Action.ALLOW, ScopeList.INCLUDE),
        (Action.ALLOW, ScopeList.TUNNEL),
        (Action.BLOCK, ScopeList.NOISE),
        (Action.BLOCK, None),
        (Action.BLOCK, None),
    ] == [
        verdict(host)
        for host in (
            "api.apify.com",
            "github.com",
            "www.google-analytics.com",
            "docs.apify.com",
            "example.com",
        )
    ]
