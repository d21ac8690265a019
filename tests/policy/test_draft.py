"""The first policy.yaml."""

import pytest

from fairwitness.errors import PolicyError
from fairwitness.model.policy import Posture
from fairwitness.model.verdict import Action, ScopeList
from fairwitness.policy import DraftAnswers, check_policy, draft_policy, read_policy
from fairwitness.policy.draft_words import LISTS, RULE_ABOUT
from fairwitness.policy.known import KEYS, RULE_NAMES

NARROW = DraftAnswers(name="Example", policy_url="https://example.com/security", include=("a.example",))


def test_narrow_answers_give_a_policy_that_allows_one_host():
    """Nothing is tunnelled, loaded or added that nobody asked for."""
    policy = read_policy(draft_policy(NARROW).encode(), path="policy.yaml")

    assert {(ScopeList.INCLUDE, "a.example")} == {
        (each.scope_list, each.text) for each in policy.entries if not each.preset
    }
    assert {(ScopeList.NOISE, "browser"), (ScopeList.NOISE, "analytics")} == {
        (each.scope_list, each.preset) for each in policy.entries if each.preset
    }
    assert not policy.identify.is_wanted
    assert policy.limits.is_courtesy


def test_draft_writes_every_rule_out_as_it_would_act():
    """No line promises more than it does."""
    policy = read_policy(draft_policy(NARROW).encode(), path="policy.yaml")

    assert [(rule, f"rules.{rule}") for rule in RULE_NAMES] == [
        (line.rule, line.clause.id) for line in policy.rules
    ]
    assert [] == [line.rule for line in policy.rules if line.wanted != line.action]


def test_draft_writes_every_key_out_with_a_comment():
    """It teaches the format."""
    text = draft_policy(NARROW)

    for block in ("", "program", "scope", "identify", "limits", "report"):
        assert [] == [key for key in KEYS[block] if f"{key}:" not in text and key != "says"], block
    for about in (*LISTS.values(), *RULE_ABOUT.values()):
        assert f"# {about}" in text


def test_fresh_draft_has_one_remark_only():
    """That the page was not read yet."""
    policy = read_policy(draft_policy(NARROW).encode(), path="policy.yaml")

    assert ["program.reviewed does not say when you read the policy"] == [
        each.what for each in check_policy(policy, now_us=0)
    ]


def test_answers_are_written_as_they_are():
    """Sentences make rules strict; quotes, colons and stars do no harm."""
    answers = DraftAnswers(
        name='A: "b" # c',
        policy_url="https://example.com/x",
        include=("*.a.example", "https://b.example/app"),
        contact="s@example.com",
        reviewed="2026-11-23",
        rewards="none",
        posture=Posture.UNATTENDED,
        scope_says="- all: [of] *it* \u2603\n\nreally",
        exclude=("x.a.example",),
        load=("cdn.example",),
        tunnel=("preset:captcha",),
        noise=(),
        mine=("me.example",),
        headers=(("X-Bug-Bounty", "me: #1"),),
        user_agent_suffix="me",
        nonce_header="X-N",
        rule_says=(("spam", "No spam!"),),
        declare=("phishing",),
        excluded=("clickjacking",),
    )

    policy = read_policy(draft_policy(answers).encode(), path="policy.yaml")

    assert ('A: "b" # c', "2026-11-23", Posture.UNATTENDED) == (
        policy.program.name,
        policy.program.reviewed,
        policy.posture,
    )
    assert "- all: [of] *it* \u2603 really" == policy.entries[0].clause.says
    assert (("X-Bug-Bounty", "me: #1"),) == policy.identify.headers
    assert (Action.BLOCK, "No spam!") == (policy.rule("spam").action, policy.rule("spam").clause.says)
    assert (("phishing",), ("clickjacking",)) == (policy.declare, policy.report.excluded)
    assert ["*.a.example", "https://b.example/app", "x.a.example", "cdn.example", "me.example"] == [
        each.text for each in policy.entries if not each.preset
    ]


@pytest.mark.parametrize(
    "answers",
    [
        DraftAnswers(name="A", policy_url="https://a.example", include=()),
        DraftAnswers(name="", policy_url="https://a.example", include=("a.example",)),
        DraftAnswers(name="A", policy_url="nowhere", include=("a.example",)),
        DraftAnswers(name="A", policy_url="https://a.example", include=("*.com",)),
        DraftAnswers(name="A", policy_url="https://a.example", include=("a.example",), tunnel=("a.example",)),
        DraftAnswers(name="A\x07", policy_url="https://a.example", include=("a.example",)),
        DraftAnswers(name="A\udcff", policy_url="https://a.example", include=("a..example",)),
    ],
)
def test_answers_that_make_no_policy_are_refused(answers):
    """With the policy's own errors."""
    with pytest.raises(PolicyError):
        draft_policy(answers)


def test_every_rule_is_described():
    """In the order of the rules."""
    assert RULE_NAMES == tuple(RULE_ABOUT)
