"""The stricter of two policies."""

import pytest

from fairwitness.model.policy import Meter, Posture, Rate
from fairwitness.model.verdict import Action
from fairwitness.policy.meet import meet, only_narrows

SECOND = 1_000_000
DAY = 86_400 * SECOND
APPROVAL = {"rule": "spam", "by": "s@example.com", "date": "2026-11-23", "text": "Yes."}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"include": ["a.example", "b.example"]}, {"include": ["a.example"]}),
        ({"include": ["a.example", "b.example"]}, {"include": ["b.example", "a.example"]}),
        ({"include": ["a.example"], "load": ["l.example"]}, {"include": ["a.example"]}),
        ({"include": ["*.a.example"]}, {"include": ["b.a.example"]}),
        ({"include": ["a.example"]}, {"include": ["https://a.example/app"]}),
        ({"include": ["a.example:*"]}, {"include": ["https://a.example", "http://a.example:8080"]}),
        ({"include": ["192.0.2.0/24"]}, {"include": ["192.0.2.0/28"]}),
        ({"include": ["*.a.example"]}, {"include": ["*.a.example"], "exclude": ["x.a.example"]}),
        ({"include": ["a.example"]}, {"include": ["a.example"], "noise": ["n.example"]}),
        ({"include": ["a.example"], "noise": ["n.example"]}, {"include": ["a.example"]}),
        ({"include": ["a.example"], "exclude": ["e.example"]}, {"include": ["a.example"]}),
        ({"posture": "tools"}, {"posture": "manual"}),
        ({"posture": "manual"}, {"posture": "unattended"}),
        (
            {"rules": {"spam": {"action": "hold", "says": "x"}}},
            {"rules": {"spam": {"action": "block", "says": "x"}}},
        ),
        ({}, {"rules": {"personal-data": {"bodies": "shape"}}}),
        ({}, {"limits": {"testing": {"per_host": {"rate": "2/s"}}}}),
        ({}, {"limits": {"testing": {"per_host": {"rate": "5/s"}}}}),
        ({}, {"limits": {"request_body": "1 KiB"}}),
        ({}, {"limits": {"on_exceed": "block"}}),
        ({}, {"limits": {"says": "Five a second."}}),
        ({}, {"window": {"from": "2026-11-01"}}),
        ({"window": {"until": "2026-12-01"}}, {"window": {"from": "2026-11-02", "until": "2026-11-03"}}),
        ({"approvals": [APPROVAL]}, {}),
        ({}, {"declare": ["phishing"]}),
        ({}, {"report": {"excluded": ["dos"]}}),
        ({}, {"program": {"contact": "x@example.com", "reviewed": "2026-11-24", "rewards": "lots"}}),
        ({}, {"program": {"review_every": "7"}}),
    ],
)
def test_change_that_only_removes_or_lowers_needs_no_confirmation(make_policy, before, after):
    """Fewer hosts, stricter actions, smaller limits, shorter windows, newer facts."""
    assert only_narrows(make_policy(**before), make_policy(**after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"include": ["a.example"]}, {"include": ["a.example", "b.example"]}),
        ({"include": ["a.example"]}, {"include": ["*.a.example", "a.example"]}),
        ({"include": ["b.a.example"]}, {"include": ["*.a.example"]}),
        ({"include": ["a.example"]}, {"include": ["a.example:*"]}),
        ({"include": ["a.example"]}, {"include": ["a.example", "a.example:443"]}),
        ({"include": ["a.example:*"]}, {"include": ["a.example:443"]}),
        ({"include": ["https://a.example/x"]}, {"include": ["a.example"]}),
        ({"include": ["https://a.example/x"]}, {"include": ["https://a.example"]}),
        ({"include": ["192.0.2.0/28"]}, {"include": ["192.0.2.0/24"]}),
        ({"include": ["a.example"]}, {"include": ["a.example"], "load": ["l.example"]}),
        ({"include": ["a.example"]}, {"include": ["a.example"], "tunnel": ["preset:captcha"]}),
        ({"include": ["a.example"]}, {"include": ["a.example"], "mine": ["m.example"]}),
        ({"include": ["*.a.example"], "exclude": ["x.a.example"]}, {"include": ["*.a.example"]}),
        ({"include": ["*.a.example"], "noise": ["x.a.example"]}, {"include": ["*.a.example"]}),
        ({"include": ["*.a.example"], "load": ["x.a.example"]}, {"include": ["*.a.example"]}),
        (
            {"include": ["*.a.example"], "exclude": ["adm*.a.example"]},
            {"include": ["*.a.example", "admin.a.example"], "exclude": ["adm*.a.example"]},
        ),
        ({"include": ["a.example", "https://a.example/x"]}, {"include": ["a.example"]}),
        ({"include": ["a.example"], "exclude": ["192.0.2.7"]}, {"include": ["a.example"]}),
        ({"include": ["a.example"], "load": ["b.example"]}, {"include": ["a.example", "b.example"]}),
        ({"include": ["a.example", "b.example"]}, {"include": ["a.example"], "tunnel": ["b.example"]}),
        ({"posture": "manual"}, {"posture": "tools"}),
        ({"rules": {"spam": {"action": "block", "says": "x"}}}, {}),
        ({"rules": {"spam": {"action": "block", "says": "x"}}}, {"rules": {"spam": {"action": "block"}}}),
        ({"rules": {"personal-data": {"bodies": "shape"}}}, {}),
        ({}, {"rules": {"spam": {"action": "log"}}}),
        ({}, {"limits": {"testing": {"per_host": {"rate": "6/s", "burst": 6}}}}),
        ({}, {"limits": {"testing": {"per_host": {"burst": 31}}}}),
        ({}, {"limits": {"testing": {"per_host": {"concurrent": None}}}}),
        ({}, {"limits": {"testing": {"total": {"requests": "20001/day"}}}}),
        ({}, {"limits": {"testing": {"total": {"requests": "20000/h"}}}}),
        ({}, {"limits": {"testing": {"per_endpoint": {"rate": None}}}}),
        ({}, {"limits": {"request_body": "2 MiB"}}),
        ({}, {"limits": {"on_exceed": "warn"}}),
        ({"limits": {"says": "Five a second."}}, {}),
        ({"window": {"until": "2026-12-01"}}, {}),
        ({"window": {"until": "2026-12-01"}}, {"window": {"until": "2026-12-02"}}),
        ({"window": {"from": "2026-11-02"}}, {"window": {"from": "2026-11-01"}}),
        ({}, {"approvals": [APPROVAL]}),
        ({"approvals": [APPROVAL]}, {"approvals": [{**APPROVAL, "rule": "enumeration"}]}),
        ({"declare": ["phishing"]}, {}),
        ({"identify": {"headers": {"X-A": "me"}}}, {}),
        ({}, {"identify": {"headers": {"X-A": "me"}}}),
        ({}, {"report": {"confidential": False}}),
        ({}, {"report": {"one_finding_per_report": False}}),
        ({"program": {"review_every": "7"}}, {}),
    ],
)
def test_change_that_widens_anything_waits(make_policy, before, after):
    """Whatever permits more, or treats a host otherwise, is looked at first."""
    assert not only_narrows(make_policy(**before), make_policy(**after))


def test_huge_change_waits(make_policy):
    """What nobody can compare cheaply, somebody has to look at."""
    after = make_policy(include=[f"h{number}.a.example" for number in range(600)])

    assert not only_narrows(make_policy(include=["*.a.example"]), after)


def test_meet_is_stricter_in_every_respect(make_policy):
    """Each setting comes from whichever policy is stricter there."""
    one = make_policy(
        posture="tools",
        include=["a.example", "b.example"],
        exclude=["x.example"],
        limits={
            "testing": {
                "per_host": {"rate": "5/s", "burst": 30, "concurrent": 4},
                "total": {"requests": "100/h"},
            }
        },
        rules={"spam": {"action": "block", "says": "One."}, "personal-data": {"bodies": "shape"}},
        window={"from": "2026-11-01", "until": "2026-11-30"},
        approvals=[APPROVAL],
        declare=["a"],
        report={"excluded": ["dos"], "confidential": False},
    )
    other = make_policy(
        posture="unattended",
        include=["b.example", "c.example"],
        noise=["y.example"],
        limits={
            "testing": {
                "per_host": {"rate": "60/min", "concurrent": 9},
                "total": {"requests": "500/day", "rate": None},
            },
            "browsing": {"total": {"concurrent": 7}},
            "request_body": "1 KiB",
            "on_exceed": "block",
            "says": "Other.",
        },
        rules={"spam": {"action": "hold", "says": "Other."}},
        window={"from": "2026-11-10"},
        approvals=[APPROVAL, {**APPROVAL, "rule": "enumeration"}],
        declare=["b"],
        program={"review_every": "7", "contact": "new@example.com"},
    )

    both = meet(one, other)

    assert Posture.UNATTENDED == both.posture
    assert {("include", "b.example"), ("exclude", "x.example"), ("noise", "y.example")} == {
        (entry.scope_list, entry.text) for entry in both.entries
    }
    assert Meter(rate=Rate(60, 60 * SECOND), burst=1, concurrent=4) == both.limits.testing.per_host
    assert (Rate(100, DAY), Rate(10, SECOND), 7) == (
        both.limits.testing.total.requests,
        both.limits.testing.total.rate,
        both.limits.browsing.total.concurrent,
    )
    assert (1 << 10, Action.BLOCK, "Other.") == (
        both.limits.request_body_bytes,
        both.limits.on_exceed,
        both.limits.clause.says,
    )
    assert (Action.BLOCK, "One.") == (both.rule("spam").action, both.rule("spam").clause.says)
    assert (("bodies", "shape"),) == both.rule("personal-data").options
    assert one.window
    assert other.window
    assert both.window
    assert (other.window.from_us, one.window.until_us) == (both.window.from_us, both.window.until_us)
    assert (("spam",), {"a", "b"}) == (tuple(each.rule for each in both.approvals), set(both.declare))
    assert (("dos",), True) == (both.report.excluded, both.report.confidential)
    assert (7, "new@example.com", one.sha256, one.identify) == (
        both.program.review_every_days,
        both.program.contact,
        both.sha256,
        both.identify,
    )


def test_meet_of_a_policy_with_itself_is_itself(make_policy):
    """Nothing is lost."""
    policy = make_policy(include=["a.example"], load=["l.example"], window={"from": "2026-11-01"})

    assert only_narrows(policy, policy)
    assert policy.entries == meet(policy, policy).entries
