"""Rules of engagement in the policy."""

import pytest

from fairwitness.model.policy import Posture
from fairwitness.model.verdict import Action
from fairwitness.policy.known import ACTS_WITHOUT_SENTENCE, RULE_NAMES, default_action


def test_every_rule_has_a_line(make_policy):
    """Also those that are not written out."""
    assert RULE_NAMES == tuple(line.rule for line in make_policy().rules)


def test_unwritten_rule_acts_by_its_default_at_most_warning(make_policy):
    """Its clause says that it is a default."""
    policy = make_policy()

    assert (Action.WARN, "default:automated-scanner", "-", None) == (
        policy.rule("automated-scanner").action,
        policy.rule("automated-scanner").clause.id,
        policy.rule("automated-scanner").clause.where,
        policy.rule("automated-scanner").wanted,
    )
    assert (Action.ALLOW, Action.BLOCK) == (
        policy.rule("data-alteration").action,
        policy.rule("window").action,
    )
    assert all(line.action <= Action.WARN for line in policy.rules if line.rule not in ACTS_WITHOUT_SENTENCE)


def test_written_rule_with_the_programs_sentence_acts_as_it_says(make_policy):
    """The action of the line, else the default of the posture."""
    policy = make_policy(
        rules={
            "spam": {"action": "halt", "says": "No spam."},
            "paid-action": {"says": "Free accounts suffice."},
        }
    )

    assert (Action.HALT, "rules.spam", "No spam.") == (
        policy.rule("spam").action,
        policy.rule("spam").clause.id,
        policy.rule("spam").clause.says,
    )
    assert Action.HOLD == policy.rule("paid-action").action


def test_written_rule_without_a_sentence_may_at_most_warn(make_policy):
    """What it asked for is kept, so that check can say so."""
    line = make_policy(rules={"spam": {"action": "block"}}).rule("spam")

    assert (Action.WARN, Action.BLOCK) == (line.action, line.wanted)


def test_rule_can_be_switched_off(make_policy):
    """log keeps flags and does nothing else; it needs no sentence."""
    line = make_policy(rules={"spam": {"action": "log"}}).rule("spam")

    assert (Action.ALLOW, Action.ALLOW) == (line.action, line.wanted)


def test_limit_rules_take_the_action_and_clause_of_limits(make_policy):
    """Unless their own line says another."""
    policy = make_policy(
        limits={"on_exceed": "block"}, rules={"budget": {"action": "warn"}, "concurrency": {}}
    )

    assert [(Action.BLOCK, "limits"), (Action.BLOCK, "rules.concurrency"), (Action.WARN, "rules.budget")] == [
        (policy.rule(name).action, policy.rule(name).clause.id)
        for name in ("request-rate", "concurrency", "budget")
    ]


def test_limit_rules_of_unwritten_limits_are_defaults(make_policy):
    """Nothing in the file speaks of them."""
    line = make_policy().rule("request-rate")

    assert (Action.THROTTLE, "default:request-rate") == (line.action, line.clause.id)


def test_nobody_is_there_to_release_what_is_held(make_policy):
    """Unattended, hold is block, by default and where written."""
    rules = {"spam": {"says": "No spam."}, "paid-action": {"action": "hold", "says": "Free."}}
    policy = make_policy(posture="unattended", rules=rules)

    assert [Action.BLOCK, Action.BLOCK] == [policy.rule(name).action for name in rules]


@pytest.mark.parametrize("posture", Posture)
def test_every_rule_has_a_default_in_every_posture(posture):
    """No default halts, and unattended holds nothing."""
    actions = {default_action(rule, posture) for rule in RULE_NAMES}

    assert Action.HALT not in actions
    assert posture is not Posture.UNATTENDED or Action.HOLD not in actions


def test_unknown_rule_has_no_default():
    """Asking for one is a programmer's mistake."""
    with pytest.raises(KeyError):
        default_action("no-such-rule", Posture.MANUAL)


def test_option_of_a_rule_is_read(make_policy):
    """Personal data may be kept as a shape only."""
    policy = make_policy(rules={"personal-data": {"bodies": "shape"}})

    assert ((("bodies", "shape"),), ()) == (policy.rule("personal-data").options, policy.rule("spam").options)


@pytest.mark.parametrize(
    ("rules", "what"),
    [
        ({"spam": {"action": "ignore"}}, "none of the actions"),
        ({"spam": {"action": "off"}}, "none of the actions"),
        ({"spam": "warn"}, "not a block of keys"),
        ({"spam": {"bodies": "shape"}}, "unknown key 'bodies'"),
        ({"personal-data": {"bodies": "none"}}, "no such value"),
        ({"spam": None}, "not a block of keys"),
    ],
)
def test_what_is_no_rule_line_is_refused(refuse, rules, what):
    """With the words that are known."""
    assert what in refuse(rules=rules).what
