"""The policy as a whole."""

import pytest

from fairwitness.errors import PolicyError
from fairwitness.model.policy import Identify, Posture, Report
from fairwitness.model.verdict import Action, Clause, ScopeList
from fairwitness.policy import load_policy, read_policy
from fairwitness.policy.units import day_end_us, day_start_us, parse_day


def test_what_is_left_out_has_its_default(make_policy):
    """Version, name, address and include are enough."""
    policy = make_policy()

    assert (Posture.MANUAL, None, (), (), 30) == (
        policy.posture,
        policy.window,
        policy.approvals,
        policy.declare,
        policy.program.review_every_days,
    )
    assert Identify(clause=Clause("default:identify", None, "-")) == policy.identify
    assert Report(one_finding_per_report=True, confidential=True) == policy.report


def test_null_is_left_out(make_policy):
    """A key with null has its default."""
    plain, nulls = make_policy(), make_policy(posture=None, limits=None, window=None, rules=None, load=None)

    assert (plain.posture, plain.limits, plain.rules, plain.report) == (
        nulls.posture,
        nulls.limits,
        nulls.rules,
        nulls.report,
    )


def test_program_facts_are_read(make_policy):
    """Dates that YAML would turn into dates stay what is written."""
    facts = {
        "contact": "s@example.com",
        "reviewed": "2026-11-23",
        "review_every": "7 days",
        "rewards": "none",
    }
    program = make_policy(program=facts).program

    assert ("s@example.com", "2026-11-23", 7, "none") == (
        program.contact,
        program.reviewed,
        program.review_every_days,
        program.rewards,
    )


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (b"program: {}", "p:1:1", "version is missing"),
        (b"version: 2\nprogram: {}\nscope: {}", "p:1:10", "version '2' is not known"),
        (b"version: 1\nscope: {include: [a.example]}", "p:1:1", "program is missing"),
        (b"version: 1\nprogram:\nscope: {include: [a.example]}", "p:2:1", "program is missing"),
        (b"version: 1\nprogram: {name: A, policy_url: 'https://a.example'}", "p:1:1", "scope is missing"),
        (
            b"version: 1\nprogram: {name: A}\nscope: {include: [a.example]}",
            "p:2:10",
            "program.policy_url is missing",
        ),
        (
            b"version: 1\nprogram: {name: ' ', policy_url: 'https://a'}\nscope: {include: [a.example]}",
            "p:2:17",
            "name is missing",
        ),
        (
            b"version: 1\nprogram: {name: A, policy_url: here}\nscope: {include: [a.example]}",
            "p:2:32",
            "no web address",
        ),
    ],
)
def test_required_keys_are_required(text, where, what):
    """What is missing is named where it should stand."""
    with pytest.raises(PolicyError) as caught:
        read_policy(text, path="p")

    assert where == caught.value.where
    assert what in caught.value.what
    assert not caught.value.mend.endswith("below ")


@pytest.mark.parametrize("include", [[], None])
def test_empty_include_is_an_error(refuse, include):
    """Neither everything nor nothing, silently."""
    assert "scope.include is empty" in refuse(include=include).what


def test_missing_include_is_an_error():
    """An exclusion alone is no scope."""
    with pytest.raises(PolicyError, match=r"scope\.include is empty"):
        read_policy(
            b"version: 1\nprogram: {name: A, policy_url: 'https://a'}\nscope: {exclude: [a.example]}",
            path="p",
        )


def test_entries_know_their_list_line_and_sentence(make_policy):
    """An entry's own sentence before the one of the whole scope, which speaks of include only."""
    policy = make_policy(
        says="All of it.",
        include=["a.example", {"host": "b.example", "says": "B too."}],
        exclude=["c.a.example"],
    )

    assert [
        (ScopeList.INCLUDE, "scope.include[0]", "All of it."),
        (ScopeList.INCLUDE, "scope.include[1]", "B too."),
        (ScopeList.EXCLUDE, "scope.exclude[0]", None),
    ] == [(entry.scope_list, entry.clause.id, entry.clause.says) for entry in policy.entries]
    assert 3 == len({entry.clause.where for entry in policy.entries})


def test_preset_gives_one_entry_a_line_with_the_clause_of_its_own(make_policy):
    """All its entries name the line on which it stands."""
    policy = make_policy(tunnel=["preset:github-signin"])
    found = [entry for entry in policy.entries if entry.scope_list is ScopeList.TUNNEL]

    assert {"github.com", "api.github.com"} <= {entry.host for entry in found}
    assert {("github-signin", "scope.tunnel[0]")} == {(entry.preset, entry.clause.id) for entry in found}


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ({"include": ["preset:cdn"]}, "never in scope"),
        ({"mine": ["preset:cdn"]}, "not yours"),
        ({"load": ["preset:cdnn"]}, "there is no preset 'cdnn'"),
        ({"load": [{"hots": "a.example"}]}, "unknown key 'hots'"),
        ({"load": [{"says": "x"}]}, "host is missing"),
        ({"load": ["*.com"]}, "public suffix"),
        ({"tunnel": ["https://a.example/x"]}, "never decrypted"),
        ({"include": ["a.example"], "tunnel": ["a.example"]}, "which is in scope"),
        ({"include": ["a.example"], "tunnel": ["A.example.:8443"]}, "which is in scope"),
        ({"include": ["*.a.example"], "tunnel": ["login.a.example"]}, "which is in scope"),
        ({"include": ["x.a.example"], "tunnel": ["*.a.example"]}, "which is in scope"),
        ({"include": ["i*.a.example"], "tunnel": ["*g.a.example"]}, "which is in scope"),
        ({"include": ["*.b.a.example"], "tunnel": ["*.a.example"]}, "which is in scope"),
        ({"include": ["https://a.example/x"], "tunnel": ["a.example"]}, "which is in scope"),
        ({"include": ["192.0.2.0/28"], "tunnel": ["192.0.2.7"]}, "which is in scope"),
        ({"include": ["api.github.com"], "tunnel": ["preset:github-signin"]}, "preset:github-signin holds"),
        ({"posture": "careless"}, "posture 'careless' is not known"),
        ({"window": {}}, "window names no date"),
        ({"window": {"from": "2026-12-01", "until": "2026-11-01"}}, "ends before it begins"),
        ({"window": {"from": "soon"}}, "'soon' is no date"),
        ({"program": {"reviewed": "yesterday"}}, "program.reviewed"),
        ({"program": {"review_every": "0"}}, "program.review_every"),
        ({"approvals": [{"rule": "spam"}]}, "date is missing"),
        ({"approvals": [{"rule": "spm"}]}, "there is no rule 'spm'"),
        ({"approvals": ["spam"]}, "not a block of keys"),
        ({"report": {"fields": ["Proof of Concept"]}}, "no name of a field"),
    ],
)
def test_mistakes_are_named(refuse, keys, what):
    """What cannot be meant is refused with its place."""
    found = refuse(**keys)

    assert what in found.what
    assert found.frame


@pytest.mark.parametrize(
    "host", ["https://a.example", "a.example:1", "a.example:*", "preset:cdn", "*.com", "a..b"]
)
def test_approvals_name_plain_hosts(refuse, host):
    """An approval for a port or a path would lift a rule for more than it says."""
    approval = {"rule": "spam", "by": "s@example.com", "date": "2026-11-23", "text": "Yes.", "hosts": [host]}

    assert refuse(approvals=[approval]).frame


def test_approval_is_read_with_its_line(make_policy):
    """Until ends with its day; hosts are canonical."""
    approval = {
        "rule": "automated-scanner",
        "by": "s@example.com",
        "date": "2026-11-23",
        "until": "2026-12-31",
        "hosts": ["API.a.example.", "*.b.example", "192.0.2.7"],
        "text": "You may.",
        "file": "mail.eml",
    }
    found = make_policy(approvals=[approval]).approvals[0]

    assert ("automated-scanner", "2026-11-23", day_end_us(parse_day("2026-12-31")), "mail.eml") == (
        found.rule,
        found.date,
        found.until_us,
        found.file,
    )
    assert ("api.a.example", "*.b.example", "192.0.2.7/32") == found.hosts
    assert ("approvals[0]", "You may.") == (found.clause.id, found.clause.says)


def test_approval_without_end_or_hosts_has_none(make_policy):
    """Both may be left out."""
    approval = {"rule": "spam", "by": "s@example.com", "date": "2026-11-23", "text": "Yes."}
    found = make_policy(approvals=[approval]).approvals[0]

    assert (None, ()) == (found.until_us, found.hosts)


def test_window_is_from_midnight_to_the_end_of_its_last_day(make_policy):
    """Both days are permitted, in UTC."""
    both = make_policy(window={"from": "2026-11-01", "until": "2026-11-30", "says": "In November."}).window
    begin = make_policy(window={"from": "2026-11-01"}).window
    end = make_policy(window={"until": "2026-11-30"}).window
    assert both
    assert begin
    assert end

    assert (day_start_us(parse_day("2026-11-01")), day_start_us(parse_day("2026-12-01"))) == (
        both.from_us,
        both.until_us,
    )
    assert ("window", "In November.", None, None) == (
        both.clause.id,
        both.clause.says,
        begin.until_us,
        end.from_us,
    )


def test_report_and_declare_are_read(make_policy):
    """Lists of words."""
    policy = make_policy(
        declare=["social engineering"],
        report={
            "fields": ["impact"],
            "one_finding_per_report": False,
            "excluded": ["dos"],
            "confidential": False,
        },
    )

    assert ("social engineering",) == policy.declare
    assert Report(fields=("impact",), excluded=("dos",)) == policy.report


def test_policy_file_is_loaded(make_policy, tmp_path):
    """From disk as from text."""
    path = tmp_path / "policy.yaml"
    path.write_bytes(make_policy().text)

    assert (str(path), Action.WARN) == (load_policy(path).path, load_policy(path).rule("spam").action)


def test_unreadable_file_is_an_error_that_says_how_to_mend_it(tmp_path):
    """Missing, a folder, or a name that no file can have."""
    for path in (tmp_path / "none.yaml", tmp_path, tmp_path / "a\0b"):
        with pytest.raises(PolicyError, match="cannot be read") as caught:
            load_policy(path)
        assert "fairwitness init" in caught.value.mend


def test_huge_file_is_not_read_whole(tmp_path):
    """A sparse file of a gigabyte is refused at once."""
    path = tmp_path / "policy.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 30)

    with pytest.raises(PolicyError, match="larger than"):
        load_policy(path)


def test_tunnels_that_cannot_be_compared_in_time_are_refused(refuse):
    """Each star of tunnel is compared with each of include below the same name, which may take hours."""
    error = refuse(
        include=[f"a{number}*.in.example" for number in range(500)],
        tunnel=[f"b{number}*.x.in.example" for number in range(401)],
    )

    assert "overlap in more than 200,000 ways" in error.what
    assert "policy.yaml:" in error.where
