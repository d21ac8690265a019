"""Every format that is read, with the traps of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairwitness.errors import FairwitnessError, RecordingError
from fairwitness.policy import draft_policy, read_policy
from fairwitness.policy.importers import IMPORTERS, read_source, sort_rows
from fairwitness.policy.importers.imported import imported
from fairwitness.policy.importers.row import MAX_SOURCE_BYTES

SHARED = Path(__file__).parents[4] / "shared"
DOCS = Path(__file__).parents[3] / "docs" / "policy.md"

CSV = b"""identifier,asset_type,instruction,eligible_for_bounty,eligible_for_submission,max_severity
shop.example.test,URL,,true,true,critical
*.example.test,WILDCARD,"No load tests;
helpdesk.example.test is excluded",false,true,high
https://*.cdn.example.test/,WILDCARD,,false,true,low
Example APIs,API,Label only,true,true,critical
8.8.4.0/28,CIDR,,true,true,medium
test.example.app,GOOGLE_PLAY_APP_ID,,true,true,high
status.example.test,URL,,false,false,none
odd.example.test,URL,,false,maybe,none
"""
BURP = {
    "target": {
        "scope": {
            "advanced_mode": True,
            "include": [
                {"enabled": True, "protocol": "https", "host": "^shop\\.example\\.test$", "port": "^443$"},
                {"enabled": True, "protocol": "any", "host": "^.*\\.api\\.example\\.test$"},
                {"enabled": True, "protocol": "any", "host": "^(.*\\.)?both\\.example\\.test$"},
                {"enabled": True, "protocol": "https", "host": "^a\\.example\\.test$", "file": "^/app/.*"},
                {"enabled": True, "host": "^p\\.example\\.test$", "port": "^8443$"},
                {"enabled": True, "host": "^page\\.example\\.test$", "file": "^/one$"},
                {"enabled": True, "protocol": "any", "host": ".*"},
                {"enabled": True, "protocol": "any", "host": ""},
                {"enabled": True, "protocol": "any", "host": "^(eu|us)\\.example\\.test$"},
                {"enabled": False, "protocol": "any", "host": "^off\\.example\\.test$"},
                {"enabled": True, "prefix": "https://pre.example.test/x/", "include_subdomains": True},
            ],
            "exclude": [
                {"enabled": True, "host": "^status\\.example\\.test$"},
                {"enabled": True, "host": "loose\\.example\\.test"},
            ],
        }
    }
}
ZAP = b"""<?xml version="1.0"?><configuration><context><name>Lab</name><inscope>true</inscope>
<incregexes>https://shop\\.example\\.test/.*</incregexes><incregexes>https://b\\.example\\.test/app/.*</incregexes>
<incregexes>https?://.*\\.w\\.example\\.test.*</incregexes>
<excregexes>https://shop\\.example\\.test/logout</excregexes></context></configuration>"""


def places(content: bytes, **more: str) -> tuple[list[str], list[str], list[str], int]:
    """Entries to include, to exclude, rows to decide, rows that are no network."""
    found = sort_rows(read_source(content, file="source", **more).rows)
    assert found.read == found.became_entries + len(found.decide) + found.not_network
    return (
        [line.entry for line in found.include],
        [line.entry for line in found.exclude],
        [each.raw for each in found.decide],
        found.not_network,
    )


def test_hackerones_table_is_read_by_its_columns() -> None:
    """Bounty alone does not decide; an instruction may narrow; a label is no host."""
    include, exclude, decide, not_network = places(CSV)

    assert ["shop.example.test", "https://*.cdn.example.test", "8.8.4.0/28"] == include
    assert ["status.example.test"] == exclude
    assert {"*.example.test", "Example APIs", "odd.example.test"} == set(decide)
    assert 1 == not_network


@pytest.mark.parametrize("kind", ["TESTFLIGHT", "AI_MODEL", "SMART_CONTRACT", "QUANTUM"])
def test_only_kinds_that_are_known_are_no_network(kind: str) -> None:
    """A kind that HackerOne has made up since is a row to decide."""
    is_known = kind != "QUANTUM"
    _, _, decide, not_network = places(f"identifier,asset_type\nx.example.test,{kind}\n".encode())

    assert (0 if is_known else 1, int(is_known)) == (len(decide), not_network)


def test_a_table_without_a_header_has_identifier_and_type() -> None:
    """The short form that older exports have."""
    assert (["shop.example.test"], [], [], 1) == places(
        b"shop.example.test,URL\ncom.example,GOOGLE_PLAY_APP_ID\n"
    )


def test_hackerones_interface_gives_the_same_rows() -> None:
    """JSON:API items."""
    asset = {"asset_identifier": "shop.example.test", "asset_type": "URL", "eligible_for_submission": True}
    form = {"data": [{"type": "structured-scope", "attributes": asset}]}

    assert (["shop.example.test"], [], [], 0) == places(json.dumps(form).encode())


def test_burps_patterns_become_hosts_only_where_they_are_no_more() -> None:
    """Subdomains have the scheme and the folder of their host; an unanchored exclusion needs a look."""
    include, exclude, decide, _ = places(json.dumps(BURP).encode())

    assert [
        "https://shop.example.test",
        "*.api.example.test",
        "both.example.test",
        "*.both.example.test",
        "https://a.example.test/app",
        "p.example.test:8443",
        "https://pre.example.test/x",
        "https://*.pre.example.test/x",
    ] == include
    assert ["status.example.test", "loose.example.test"] == exclude  # the second until somebody decides
    assert 5 == len(decide)
    assert 12 == sort_rows(read_source(json.dumps(BURP).encode(), file="source").rows).read  # one is off


@pytest.mark.parametrize(
    ("rule", "is_decided"),
    [
        ({"file": "^/admin/.*"}, True),
        ({"file": "^/admin$"}, True),
        ({"file": "^/admin"}, False),
        ({"file": "^/admin.*"}, False),
        ({"file": "/admin/"}, False),
        ({"prefix": "https://shop.example.test/admin/"}, True),
        ({"prefix": "https://shop.example.test/admin"}, False),
    ],
)
def test_an_exclusion_of_paths_that_begin_alike_needs_a_decision(
    rule: dict[str, str], is_decided: bool
) -> None:
    """`/administrator` too is excluded there; what an entry can exclude is excluded at once."""
    listed = [{"host": "^shop\\.example\\.test$"}]
    excluded = [{"host": "^shop\\.example\\.test$", **rule}]
    scope = {"target": {"scope": {"include": listed, "exclude": excluded}}}
    include, exclude, decide, _ = places(json.dumps(scope).encode())

    assert ["shop.example.test"] == include
    assert "https://shop.example.test/admin" in exclude
    assert is_decided == (not decide)
    assert is_decided or rule.get("file", rule.get("prefix")) in decide[0]


def test_a_class_of_characters_is_no_letter() -> None:
    r"""`\d` in a path is any digit, and not d."""
    scope = {"target": {"scope": {"include": [{"host": "^a\\.example\\.test$", "file": "^/v\\d/.*"}]}}}

    assert ([], 1) == (places(json.dumps(scope).encode())[0], len(places(json.dumps(scope).encode())[2]))


def test_zaps_expressions_become_hosts_only_where_they_are_no_more() -> None:
    """One page is not what lies below it."""
    include, exclude, decide, _ = places(ZAP)

    assert ["https://shop.example.test", "https://b.example.test/app"] == include
    assert ["https://shop.example.test/logout", "http://shop.example.test/logout"] == exclude
    assert 1 == len(decide)


def test_a_zap_context_that_is_not_in_scope_allows_nothing() -> None:
    """Its exclusions hold all the same."""
    include, exclude, decide, _ = places(ZAP.replace(b"<inscope>true", b"<inscope>false"))

    assert ([], 2, 3) == (include, len(exclude), len(decide))


def test_zaps_entities_are_refused() -> None:
    """A file of somebody else's must not read ours."""
    bomb = b'<?xml version="1.0"?><!DOCTYPE c [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + ZAP[
        21:
    ].replace(b"Lab", b"&x;")

    with pytest.raises(RecordingError, match="safely"):
        read_source(bomb, file="zap.context")


def test_headings_over_bare_lines_say_which_list_they_are() -> None:
    """Neither a plain list, in which all would be in scope, nor without rows."""
    content = b"# In scope\nshop.example.test\n\n# Out of scope\npay.example.test\n"

    assert (["shop.example.test"], ["pay.example.test"], [], 0) == places(content)


def test_caidos_globs_that_cover_strangers_need_a_decision() -> None:
    """``*example.com`` also covers notexample.com; what is surely denied is excluded at once."""
    form = {
        "name": "Lab",
        "allowlist": ["shop.example.test", "*.api.example.test", "*example.test", "a?.example.test"],
        "denylist": ["status.example.test", "*bad.example.test", "s?.example.test"],
    }

    assert (
        ["shop.example.test", "*.api.example.test"],
        ["status.example.test", "bad.example.test", "*.bad.example.test", "s*.example.test"],
        ["*bad.example.test", "s?.example.test", "*example.test", "a?.example.test"],
        0,
    ) == places(json.dumps(form).encode())


def test_intigritis_interface_tells_header_agent_and_rate() -> None:
    """The program's own number becomes the limit, with a sentence; the rest stays a courtesy."""
    form = {
        "name": "Example",
        "domains": {
            "content": [
                {"type": {"value": "Url"}, "endpoint": "shop.example.test", "tier": {"value": "Tier 1"}},
                {"type": {"value": "Url"}, "endpoint": "old.example.test", "tier": {"value": "Out of scope"}},
                {"type": {"value": "iOS"}, "endpoint": "id1", "tier": {"value": "Tier 1"}},
                {"type": {"value": "Url"}, "endpoint": "new.example.test"},
            ]
        },
        "rulesOfEngagement": {
            "content": {
                "testingRequirements": {
                    "automatedTooling": 7,
                    "userAgent": "intigriti-me",
                    "requestHeader": "X-Intigriti: me",
                }
            }
        },
    }
    source = read_source(json.dumps(form).encode(), file="program.json")
    policy = read_policy(draft_policy(imported(source).answers).encode(), path="policy.yaml")

    assert (["shop.example.test"], ["old.example.test"], ["new.example.test"], 1) == places(
        json.dumps(form).encode()
    )
    assert ("7/s", False) == (str(policy.limits.testing.per_host.rate), policy.limits.is_courtesy)
    assert ((("X-Intigriti", "me"),), "intigriti-me") == (
        policy.identify.headers,
        policy.identify.user_agent_suffix,
    )


def test_yeswehacks_and_bugcrowds_interfaces_are_read() -> None:
    """Scopes with types; groups of targets."""
    yes = {
        "scopes": [{"scope": "*.example.test", "scope_type": "wildcard"}],
        "out_of_scope": ["blog.example.test", "Anything else"],
        "user_agent": "ywh-me",
    }
    crowd = {
        "data": {
            "brief": {"name": "Example"},
            "scope": [
                {"inScope": True, "targets": [{"category": "website", "uri": "https://a.example.test/"}]},
                {"inScope": False, "targets": [{"category": "website", "name": "b.example.test", "uri": ""}]},
            ],
        }
    }

    assert (["*.example.test"], ["blog.example.test"], ["Anything else"], 0) == places(
        json.dumps(yes).encode()
    )
    assert (["https://a.example.test"], ["b.example.test"], [], 0) == places(json.dumps(crowd).encode())


def test_of_several_programs_one_is_chosen_by_name() -> None:
    """Without a name, or with one that fits none, the error names some."""
    listed = [
        {
            "name": name,
            "url": f"https://x.example/{name}",
            "targets": {"in_scope": [target], "out_of_scope": []},
        }
        for name, target in (
            ("One", {"type": "url", "target": "one.example.test"}),
            ("Two", {"type": "url", "target": "two.example.test"}),
        )
    ]
    content = json.dumps(listed).encode()

    assert (["two.example.test"], [], [], 0) == places(content, program="two")
    for wrong in ({}, {"program": "Three"}):
        with pytest.raises(RecordingError) as caught:
            read_source(content, file="programs.json", **wrong)
        assert "One, Two" in caught.value.mend


def test_an_impact_that_is_missing_leaves_an_intigriti_row_undecided() -> None:
    """Its scraper files those under in scope."""
    target = {"type": "url", "endpoint": "shop.example.test", "impact": None}
    form = {"name": "x", "targets": {"in_scope": [target], "out_of_scope": []}}

    assert ([], [], ["shop.example.test"], 0) == places(json.dumps(form).encode())


def test_a_plain_list_marks_exclusions_and_remarks() -> None:
    """One entry a line; a remark may narrow it, as the notes of tables do."""
    content = (
        b"# the shop\nshop.example.test\n*.example.test  # all\n- pay.example.test\n!old.example.test\n\n"
        b"api.example.test # except /v1\n"
    )

    assert (
        ["shop.example.test", "*.example.test"],
        ["pay.example.test", "old.example.test"],
        ["api.example.test"],
        0,
    ) == places(content)


MARKDOWN = """---
title: Example security
---
# Disclosure

## Scope
The following hosts may be tested by researchers:

- [shop.example.test](https://shop.example.test)
- `api.example.test` - the interface
- **Our mobile apps**

### Out of scope

* blog.example.test
* Clickjacking on pages without state

## Rules
- Automated scanners are not permitted
- Please send the header `X-Research: me`
- No social engineering

Write to security@example.test.
"""
HTML = """<!doctype html><html><head><title>Example security</title>
<script>var a = "evil.example.test"</script></head>
<body><h2>Scope</h2>
<p>The following hosts may be tested by researchers:</p><ul>
<li><a href="https://shop.example.test">shop.example.test</a></li>
<li><code>api.example.test</code> - the interface</li>
<li>Our mobile apps</li></ul>
<h3>Out of scope</h3><ul><li>blog.example.test</li>
<li>Clickjacking on pages without state</li></ul>
<h2>Rules</h2><ul><li>Automated scanners are not permitted</li>
<li>Please send the header X-Research: me</li><li>No social engineering</li></ul>
<p>Write to security@example.test.</p></body></html>"""


@pytest.mark.parametrize("page", [MARKDOWN, HTML], ids=["markdown", "html"])
def test_a_programs_page_gives_hosts_and_sentences(page: str) -> None:
    """Items under a heading of scope are rows; sentences become the rules' own words."""
    source = read_source(page.encode(), file="page")

    assert (
        ["shop.example.test", "api.example.test"],
        ["blog.example.test"],
        ["Our mobile apps"],
        0,
    ) == places(page.encode())
    assert ("Example security", "security@example.test") == (source.name, source.contact)
    assert "The following hosts may be tested by researchers" == source.scope_says
    assert "Automated scanners are not permitted" == dict(source.rule_says)["automated-scanner"]
    assert ((("X-Research", "me"),), ("no-social-engineering",), ("clickjacking",)) == (
        source.headers,
        source.declare,
        source.excluded,
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00", b"{", b'{"a": 1}', b"[]", b"{" + b'"a":{' * 100_000, b"\x89PNG\r\n\x1a\n\xff"],
)
def test_what_is_no_source_is_one_clear_error(content: bytes) -> None:
    """Never a traceback."""
    with pytest.raises(RecordingError):
        read_source(content, file="x")


def test_a_source_that_is_too_large_is_refused() -> None:
    """Before it is parsed."""
    with pytest.raises(RecordingError, match="larger"):
        read_source(b" " * (MAX_SOURCE_BYTES + 1), file="x")


_WORDS = "data type attributes scopes scope scope_type domains content targets in_scope out_of_scope target"
_KEYS = [*_WORDS.split(), "include", "host", "allowlist", "endpoint", "impact"]
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(_json | st.text(max_size=200))
def test_no_document_is_a_crash(document: object) -> None:
    """An answer or a clear error, and the draft of an answer loads."""
    content = (
        document.encode("utf-8", "replace") if isinstance(document, str) else json.dumps(document).encode()
    )
    try:
        answers = imported(read_source(content, file="x")).answers
        read_policy(draft_policy(answers).encode("utf-8", "replace"), path="policy.yaml")
    except FairwitnessError:
        pass


def test_every_importer_has_its_heading() -> None:
    """In docs/policy.md."""
    text = DOCS.read_text("utf-8")

    assert [] == [each.name for each in IMPORTERS if f"| {each.name} |" not in text]


def test_real_programs_become_policies_that_load() -> None:
    """All programs of five platforms, where the corpus is at hand."""
    folder = SHARED / "corpora" / "bounty-targets"
    read = 0
    for file in sorted(folder.glob("*_data.json")) if folder.is_dir() else []:
        for program in json.loads(file.read_bytes()):
            draft = imported(read_source(json.dumps([program]).encode(), file=file.name))
            read_policy(draft_policy(draft.answers).encode(), path="policy.yaml")
            scope = draft.scope
            read += 1

            assert scope.read == scope.became_entries + len(scope.decide) + scope.not_network
            assert not {line.entry for line in scope.include} & {line.entry for line in scope.exclude}
    assert bool(read) == folder.is_dir()


def test_the_first_programs_page_gives_its_four_hosts_and_its_sentences() -> None:
    """The page that policy.yaml was written from by hand, where it is at hand."""
    page = SHARED / "programs" / "apify-security.md"
    if page.exists():
        source = read_source(page.read_bytes(), file=page.name)
        says = dict(source.rule_says)

        hosts = ["apify.com", "console.apify.com", "api.apify.com", "console-backend.apify.com"]
        assert (hosts, [], [], 0) == places(page.read_bytes())
        assert "security@apify.com" == source.contact
        assert "Automated scanners are not permitted without prior approval" == says["automated-scanner"]
        assert ("clickjacking", "spf-dkim-dmarc", "best-practice-without-impact") == source.excluded
