"""Reload."""

import tracemalloc

import pytest

from fairwitness.errors import PolicyError
from fairwitness.model.exchange import Destination
from fairwitness.model.verdict import Action, ScopeList
from fairwitness.policy import Override, PolicyInForce


def ask(force: PolicyInForce, host: str, scheme: str = "https"):
    """The verdict on a host's front page."""
    return force.decide([Destination("url", scheme, host, 443, "/")])


def test_wider_policy_waits_and_both_are_asked(make_policy):
    """Until it is confirmed, a new host stays blocked, and the block says how to let it through."""
    force = PolicyInForce(make_policy(include=["a.example"]))
    wider = make_policy(include=["a.example", "b.example"])

    change = force.offer(wider.text, path="policy.yaml")

    assert ("waits-for-confirmation", "+ include b.example") == (change.state, change.summary)
    assert wider.sha256 == change.policy.sha256 == (force.waiting and force.waiting.sha256)
    assert [Action.ALLOW, Action.BLOCK] == [ask(force, host).action for host in ("a.example", "b.example")]
    assert f"fairwitness confirm {wider.sha256[:12]}" in (ask(force, "b.example").mend or "")
    assert "by the policy in force" in ask(force, "b.example").reason


def test_confirmed_policy_is_in_force(make_policy):
    """A prefix of its hash is enough, if it is long enough to have been read."""
    force = PolicyInForce(make_policy(include=["a.example"]))
    wider = make_policy(include=["a.example", "b.example"])
    force.offer(wider.text, path="policy.yaml")

    confirmed = force.confirm(wider.sha256[:8].upper())

    assert (wider.sha256, None, wider.sha256) == (confirmed.sha256, force.waiting, force.policy.sha256)
    assert Action.ALLOW == ask(force, "b.example").action


def test_remembered_verdicts_end_with_the_policy_that_gave_them(make_policy):
    """A host that was asked for before a change is decided anew after it, at each step."""
    force = PolicyInForce(make_policy(include=["a.example", "b.example"]))

    def actions() -> list[Action]:
        return [ask(force, host).action for host in ("a.example", "b.example", "c.example")]

    before = actions()
    force.offer(make_policy(include=["b.example", "c.example"]).text, path="p")
    waiting = actions()
    force.confirm((force.waiting and force.waiting.sha256) or "")

    assert [Action.ALLOW, Action.ALLOW, Action.BLOCK] == before
    assert [Action.BLOCK, Action.ALLOW, Action.BLOCK] == waiting
    assert [Action.BLOCK, Action.ALLOW, Action.ALLOW] == actions()


def test_verdicts_stay_right_however_many_are_asked_for(make_policy):
    """What is remembered is bounded, and forgetting changes nothing."""
    force = PolicyInForce(make_policy(include=["*.a.example"]))

    actions = {ask(force, f"h{number}.a.example").action for number in range(10_000)}

    assert {Action.ALLOW} == actions
    assert Action.BLOCK == ask(force, "a.example").action


def test_places_with_enormous_paths_are_not_remembered(make_policy):
    """A tool that sends 60 KB paths costs no memory; the verdict is the same."""
    force = PolicyInForce(make_policy(include=["a.example"]))
    tracemalloc.start()
    for number in range(300):
        path = f"/{number}" + "x" * 60_000
        assert force.decide([Destination("url", "https", "a.example", 443, path)]).is_released
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept < 4_000_000


def test_narrower_policy_is_in_force_at_once(make_policy):
    """What only removes needs nobody."""
    force = PolicyInForce(make_policy(include=["a.example", "b.example"]))

    change = force.offer(make_policy(include=["a.example"]).text, path="policy.yaml")

    assert ("in-force", "- include b.example", None) == (change.state, change.summary, force.waiting)
    assert Action.BLOCK == ask(force, "b.example").action


def test_what_the_changed_policy_takes_away_is_gone_while_it_waits(make_policy):
    """A change that removes one host and adds another blocks both until it is confirmed."""
    force = PolicyInForce(make_policy(include=["a.example", "b.example"]))
    force.offer(make_policy(include=["b.example", "c.example"]).text, path="policy.yaml")

    verdicts = [ask(force, host) for host in ("a.example", "b.example", "c.example", "d.example")]

    assert [Action.BLOCK, Action.ALLOW, Action.BLOCK, Action.BLOCK] == [
        verdict.action for verdict in verdicts
    ]
    assert "by the changed policy" in verdicts[0].reason
    assert "policy" not in verdicts[3].reason.removesuffix("is not listed in the policy")


def test_rules_follow_the_stricter_of_both_while_one_waits(make_policy):
    """Limits and actions are met, not replaced."""
    force = PolicyInForce(make_policy(limits={"request_body": "2 KiB"}))
    force.offer(make_policy(limits={"request_body": "4 KiB", "on_exceed": "block"}).text, path="policy.yaml")

    assert (2048, Action.BLOCK) == (force.policy.limits.request_body_bytes, force.policy.limits.on_exceed)


def test_host_that_changes_its_list_takes_the_stricter_treatment(make_policy):
    """From include to load it is only loaded; from load to tunnel it is blocked until somebody looked."""
    force = PolicyInForce(make_policy(include=["a.example", "b.example"], load=["l.example"]))
    force.offer(make_policy(include=["a.example"], load=["b.example"], tunnel=["l.example"]).text, path="p")

    assert ScopeList.LOAD == ask(force, "b.example").scope_list
    assert Action.BLOCK == ask(force, "l.example").action


def test_same_text_is_no_change_and_takes_back_a_waiting_one(make_policy):
    """Undoing an edit needs no confirmation."""
    policy = make_policy(include=["a.example"])
    force = PolicyInForce(policy)
    force.offer(make_policy(include=["a.example", "b.example"]).text, path="p")

    change = force.offer(policy.text, path="p")

    assert ("same", None, policy) == (change.state, force.waiting, force.policy)


def test_changed_comment_is_in_force_at_once(make_policy):
    """Nothing acts differently, but the text that goes into the log does."""
    policy = make_policy()
    force = PolicyInForce(policy)

    change = force.offer(b"# a comment\n" + policy.text, path="p")

    assert ("in-force", "wording only") == (change.state, change.summary)
    assert change.policy.sha256 == force.policy.sha256


def test_broken_file_changes_nothing(make_policy):
    """What was in force stays, and what waited still waits."""
    force = PolicyInForce(make_policy(include=["a.example"]))
    force.offer(make_policy(include=["a.example", "b.example"]).text, path="p")
    waiting = force.waiting

    with pytest.raises(PolicyError):
        force.offer(b"version: 1\nscope: [", path="p")

    assert waiting is force.waiting
    assert Action.ALLOW == ask(force, "a.example").action


@pytest.mark.parametrize("facts", [{"name": "Other"}, {"policy_url": "https://other.example/"}])
def test_another_programs_policy_is_refused(make_policy, facts):
    """One program per log."""
    force = PolicyInForce(make_policy())

    with pytest.raises(PolicyError, match="and this log is"):
        force.offer(make_policy(program=facts).text, path="p")


def test_confirming_needs_a_waiting_policy(make_policy):
    """Nothing is confirmed by accident."""
    with pytest.raises(PolicyError, match="no changed policy waits"):
        PolicyInForce(make_policy()).confirm("0" * 64)


@pytest.mark.parametrize("prefix", ["", "0", "0" * 12, "zzzzzzzz", "{first7}", "{all}0"])
def test_confirming_needs_the_hash_of_the_one_that_waits(make_policy, prefix):
    """Neither a shorter prefix nor another hash will do: the file may have changed since somebody looked."""
    force = PolicyInForce(make_policy(include=["a.example"]))
    wider = make_policy(include=["a.example", "b.example"])
    force.offer(wider.text, path="p")

    with pytest.raises(PolicyError, match="the policy that waits is"):
        force.confirm(prefix.format(first7=wider.sha256[:7], all=wider.sha256))
    assert force.waiting


def test_address_guard_asks_both_policies(make_policy):
    """An address entry of a policy that waits lifts nothing yet."""
    force = PolicyInForce(make_policy(include=["a.example"]))
    force.offer(make_policy(include=["a.example", "127.0.0.1"]).text, path="p")

    def refused() -> bool:
        return force.refuse_addresses("a.example", 443, ScopeList.INCLUDE, ["127.0.0.1"]) is not None

    before = refused()
    force.confirm((force.waiting and force.waiting.sha256) or "")

    assert [True, False] == [before, refused()]


def test_address_entry_that_is_about_to_go_lifts_nothing_more(make_policy):
    """A change that takes it away and adds a host counts for its taking away at once."""
    force = PolicyInForce(make_policy(include=["a.example", "127.0.0.1"]))
    force.offer(make_policy(include=["a.example", "b.example"]).text, path="p")

    assert force.refuse_addresses("a.example", 443, ScopeList.INCLUDE, ["127.0.0.1"])


def test_overrides_stay_through_reloads(make_policy):
    """They are the researcher's, not the file's."""
    force = PolicyInForce(make_policy(), overrides=(Override("a.example", 443, ("127.0.0.1",)),))
    force.offer(make_policy(include=["in.example", "b.example"]).text, path="p")

    assert ("127.0.0.1",) == force.override("a.example", 443)
    assert None is force.refuse_addresses("a.example", 443, ScopeList.INCLUDE, ["127.0.0.1"])


def test_summary_of_a_long_change_is_short(make_policy):
    """It names some entries, counts the rest, and lists the settings that changed."""
    force = PolicyInForce(make_policy(include=["a.example"], load=["l.example"]))
    many = [f"h{number}.example" for number in range(20)]

    summary = force.offer(
        make_policy(include=["a.example", *many], tunnel=["preset:captcha"], posture="unattended").text,
        path="p",
    ).summary

    assert "and 14 more; posture" in summary
    assert summary.startswith("+ include h0.example; + include h1.example")


def test_what_was_read_aside_is_compared_with_the_policy_then_in_force(make_policy):
    """A policy was confirmed while another was read: the other is compared again, with that one."""
    force = PolicyInForce(make_policy(include=["a.example"]))
    wider = make_policy(include=["a.example", "b.example"])
    force.offer(wider.text, path="p")
    considered = force.consider(make_policy(include=["b.example"]).text, path="p")
    force.confirm(wider.sha256)

    change = force.take(considered)

    assert ("waits-for-confirmation", "in-force") == (considered.change.state, change.state)
    assert [Action.BLOCK, Action.ALLOW] == [ask(force, host).action for host in ("a.example", "b.example")]


def test_a_change_with_too_much_to_compare_waits(make_policy):
    """Many stars below one name, and many exclusions gone: to see what that lets through takes long."""
    stars = [f"a{number}*.in.example" for number in range(500)]
    gone = [f"b{number}*.x.in.example" for number in range(401)]
    few = PolicyInForce(make_policy(include=stars, exclude=gone[:-2]))
    many = PolicyInForce(make_policy(include=stars, exclude=gone))
    after = make_policy(include=stars).text

    states = [force.offer(after, path="p").state for force in (few, many)]

    assert ["in-force", "waits-for-confirmation"] == states
