"""Edits."""

import difflib

import pytest

from fairwitness.errors import PolicyError
from fairwitness.model.verdict import ScopeList
from fairwitness.policy import add_hosts, add_scope, read_policy
from fairwitness.policy.edit import checked_edit

BLOCK = b"""# top
version: 1   # one
program:
    name:   'Example'      # spaced
    policy_url: "https://example.com/security"
    reviewed: 2026-11-23
    contact: null
scope:
    # the list
    include:
        # first
        - a.example   # apex
        - "*.a.example"
        # after the last
    load: []   # nothing yet
    tunnel:
      - preset:captcha
    noise: [preset:browser,   'n.example']   # flow

# the rules
rules:
    spam: {action: hold, says: "No spam."}   # here
limits: {on_exceed: throttle,
  request_body: 2 MiB}
"""


def lines_changed(before: bytes, after: bytes) -> tuple[list[str], list[str]]:
    """Lines that went and lines that came."""
    diff = list(difflib.ndiff(before.decode().splitlines(), after.decode().splitlines()))
    return [line[2:] for line in diff if line.startswith("- ")], [
        line[2:] for line in diff if line.startswith("+ ")
    ]


def listed(text: bytes, scope_list: ScopeList) -> list[str]:
    """The hosts on a list, a preset once."""
    entries = read_policy(text, path="p").entries
    return list(
        dict.fromkeys(
            f"preset:{each.preset}" if each.preset else each.text
            for each in entries
            if each.scope_list is scope_list
        )
    )


def test_host_is_added_and_every_other_line_stays():
    """Comments, quotes, spacing and order survive."""
    after = add_hosts(BLOCK, [(ScopeList.TUNNEL, "preset:github-signin")])

    assert ([], ["preset:github-signin"]) == (
        lines_changed(BLOCK, after)[0],
        [line.strip(" -") for line in lines_changed(BLOCK, after)[1]],
    )
    assert ["preset:captcha", "preset:github-signin"] == listed(after, ScopeList.TUNNEL)


def test_empty_flow_missing_and_null_lists_take_hosts():
    """Whatever the list looks like; nothing beside it changes."""
    text = BLOCK.replace(b"    tunnel:\n      - preset:captcha\n", b"    tunnel: null\n")
    additions = [
        (ScopeList.LOAD, "cdn.example"),
        (ScopeList.NOISE, "*.ads.example"),
        (ScopeList.TUNNEL, "login.example"),
        (ScopeList.MINE, "me.example:8443"),
    ]

    after = add_hosts(text, additions)

    assert [
        ["cdn.example"],
        ["preset:browser", "n.example", "*.ads.example"],
        ["login.example"],
        ["me.example:8443"],
    ] == [listed(after, scope_list) for scope_list, _ in additions]
    assert (
        [
            "    load: []   # nothing yet",
            "    tunnel: null",
            "    noise: [preset:browser,   'n.example']   # flow",
        ],
        [
            "    load: [cdn.example]   # nothing yet",
            "    tunnel: [login.example]",
            "    noise: [preset:browser,   'n.example', \"*.ads.example\"]   # flow",
            "    mine:",
            '      - "me.example:8443"',
        ],
    ) == lines_changed(text, after)


def test_what_is_listed_already_is_not_added_again():
    """The same text comes back, however the host is spelled."""
    additions = [(ScopeList.NOISE, "N.example."), (ScopeList.TUNNEL, "preset:captcha")]

    assert BLOCK == add_hosts(BLOCK, additions)


def test_nothing_to_add_changes_nothing():
    """Byte for byte."""
    assert BLOCK == add_hosts(BLOCK, [])


def test_scope_is_added_with_its_sentence():
    """The sentence stands beside the host, whatever characters it has."""
    says = 'All "APIs": #1 & *more*\n are in scope'

    after = add_scope(BLOCK, "api.b.example", says=says)
    entry = read_policy(after, path="p").entries[2]

    assert ("api.b.example", ScopeList.INCLUDE, 'All "APIs": #1 & *more* are in scope') == (
        entry.host,
        entry.scope_list,
        entry.clause.says,
    )
    assert [] == lines_changed(BLOCK, after)[0]


def test_include_grows_only_with_a_sentence():
    """Neither by allow nor with an empty sentence."""
    with pytest.raises(PolicyError, match="without the program's own sentence"):
        add_hosts(BLOCK, [(ScopeList.LOAD, "x.example"), (ScopeList.INCLUDE, "b.example")])
    with pytest.raises(PolicyError, match="sentence is empty"):
        add_scope(BLOCK, "b.example", says=" \n ")


@pytest.mark.parametrize(
    ("scope_list", "entry", "what"),
    [
        (ScopeList.LOAD, "*.com", "public suffix"),
        (ScopeList.LOAD, "a..b", "empty label"),
        (ScopeList.LOAD, "preset:nope", "there is no preset"),
        (ScopeList.LOAD, "a.example", "stands on scope.include already"),
        (ScopeList.LOAD, "preset:captcha", "stands on scope.tunnel already"),
        (ScopeList.TUNNEL, "x.a.example", "which is in scope"),
        (ScopeList.TUNNEL, "https://x.example/a", "never decrypted"),
    ],
)
def test_edit_that_would_break_the_policy_is_refused(scope_list, entry, what):
    """Nothing is written that could not be loaded, or that contradicts another list."""
    with pytest.raises(PolicyError) as caught:
        add_hosts(BLOCK, [(scope_list, entry)])

    assert what in caught.value.what


@pytest.mark.parametrize("host", ["preset:cdn", "*.com", "*", ""])
def test_scope_add_takes_hosts_only(host):
    """A preset or a public suffix is never in scope."""
    with pytest.raises(PolicyError):
        add_scope(BLOCK, host, says="All of it.")


def test_broken_file_is_not_edited():
    """Its own error comes first."""
    with pytest.raises(PolicyError):
        add_hosts(b"version: [", [(ScopeList.LOAD, "x.example")])


HEAD = b"version: 1\nprogram: {name: A, policy_url: 'https://a.example'}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"scope: {include: [a.example]}", b"scope: {include: [a.example], load: [l.example]}"),
        (b"scope: {load: , include: [a.example]}", b"scope: {load: [l.example], include: [a.example]}"),
        (
            b"scope:\n  include: [a.example]\n  load:\n",
            b"scope:\n  include: [a.example]\n  load: [l.example]\n",
        ),
        (
            b"scope:\n  include: [a.example]\n  load: ~ # no\n",
            b"scope:\n  include: [a.example]\n  load: [l.example] # no\n",
        ),
        (b"scope:\n  include: [a.example]", b"scope:\n  include: [a.example]\n  load:\n    - l.example\n"),
        (
            b"scope:\n  include:\n  - a.example",
            b"scope:\n  include:\n  - a.example\n  load:\n    - l.example\n",
        ),
        (
            b"scope:\n  load:\n  - b.example\n  # z\n  include: [a.example]\n",
            b"scope:\n  load:\n  - b.example\n  - l.example\n  # z\n  include: [a.example]\n",
        ),
        (
            b"scope:\n  load: [b.example,\n    c.example, ] # z\n  include: [a.example]\n",
            b"scope:\n  load: [b.example,\n    c.example, l.example, ] # z\n  include: [a.example]\n",
        ),
        (
            b"scope:\n  include:\n    - host: a.example\n      says: >-\n        all\n        of it\n\n# z\n",
            b"scope:\n  include:\n    - host: a.example\n      says: >-\n        all\n        of it\n\n"
            b"  load:\n"
            b"    - l.example\n# z\n",
        ),
    ],
)
def test_every_way_to_write_a_list_is_edited_in_its_own_way(before, after):
    """Brackets stay brackets, lines stay lines."""
    assert HEAD + after == add_hosts(HEAD + before, [(ScopeList.LOAD, "l.example")])


def test_byte_order_mark_and_foreign_letters_stay():
    """Places are counted in characters, not in bytes."""
    text = b"\xef\xbb\xbf" + "# ☃ é\n".encode() + HEAD + b"scope: {include: [a.example], load: []}\n"

    assert text.replace(b"[]", b"[l.example]") == add_hosts(text, [(ScopeList.LOAD, "l.example")])


def test_scope_is_added_between_brackets_too():
    """With its sentence."""
    after = add_scope(HEAD + b"scope: {include: [a.example]}\n", "b.example", says="B: too.")

    assert HEAD + b'scope: {include: [a.example, {host: b.example, says: "B: too."}]}\n' == after


def test_scope_that_is_listed_is_left_alone():
    """Adding it twice changes nothing."""
    assert BLOCK == add_scope(BLOCK, "A.example", says="All of it.")


def test_windows_line_ends_stay():
    """CRLF in, CRLF out."""
    text = BLOCK.replace(b"\n", b"\r\n")

    after = add_hosts(text, [(ScopeList.LOAD, "cdn.example")])

    more = add_hosts(after, [(ScopeList.TUNNEL, "t.example"), (ScopeList.MINE, "m.example")])

    assert after.count(b"\n") == after.count(b"\r\n")
    assert more.count(b"\n") == more.count(b"\r\n")
    assert ["cdn.example"] == listed(after, ScopeList.LOAD)


def test_file_on_one_line_can_be_edited(make_policy):
    """JSON is YAML."""
    text = make_policy(include=["a.example"]).text.replace(b"\n", b"")

    assert ["cdn.example"] == listed(add_hosts(text, [(ScopeList.LOAD, "cdn.example")]), ScopeList.LOAD)


def test_words_that_yaml_versions_read_differently_stay():
    """yes, 010 and 1:30 mean the same before and after."""
    text = BLOCK + b"declare: [yes, 010, 1:30, 2026-11-23, 1e3, '@x']\nreport: {confidential: yes}\n"

    after = add_hosts(text, [(ScopeList.LOAD, "cdn.example")])

    assert (("yes", "010", "1:30", "2026-11-23", "1e3", "@x"), True) == (
        read_policy(after, path="p").declare,
        read_policy(after, path="p").report.confidential,
    )


def test_ten_thousand_hosts_do_not_slow_an_edit_down_to_a_stop(make_policy):
    """A long list is edited all the same."""
    text = (
        b"version: 1\nprogram: {name: A, policy_url: 'https://a.example'}\nscope:\n  include:\n"
        + b"".join(b"    - h%d.example # %d\n" % (number, number) for number in range(2_000))
    )

    after = add_hosts(text, [(ScopeList.LOAD, "cdn.example")])

    assert ([], 2) == (lines_changed(text, after)[0], after.count(b"\n") - text.count(b"\n"))


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"load: []", b"load: [l.example, other.example]"),
        (b"load: []", b"tunnel: [l.example]"),
        (b"exclude: [e.example]", b"load: [l.example]"),
        (b"load: []}\nposture: manual", b"load: [l.example]}\nposture: tools"),
    ],
)
def test_edit_that_would_change_more_than_it_was_asked_for_is_refused(was, becomes):
    """The policy says what it said, plus the addition, or nothing is written."""
    text = HEAD + b"scope: {include: [a.example], " + (was if b"}" in was else was + b"}") + b"\n"
    edited = (
        HEAD + b"scope: {include: [a.example], " + (becomes if b"}" in becomes else becomes + b"}") + b"\n"
    )
    before = read_policy(text, path="p")

    with pytest.raises(PolicyError, match="without changing more"):
        checked_edit(before, edited, [(ScopeList.LOAD, "l.example")])
