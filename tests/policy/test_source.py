"""YAML with its places."""

import pytest

from fairwitness.errors import PolicyError
from fairwitness.policy import read_policy
from fairwitness.policy.source import MAX_BYTES

GOOD = b"""version: 1
program:
  name: Example
  policy_url: https://example.com/security
scope:
  include: [a.example]
"""


def error(text: bytes) -> PolicyError:
    """The error that a text gives."""
    with pytest.raises(PolicyError) as caught:
        read_policy(text, path="policy.yaml")
    return caught.value


def test_error_shows_place_reason_mend_and_a_code_frame():
    """Line and column count from one; the frame marks the word."""
    found = error(GOOD.replace(b"include", b"inclde"))

    assert "policy.yaml:6:3" == found.where
    assert "scope has the unknown key 'inclde'" == found.what
    assert "Did you mean 'include'" == found.mend
    assert (
        "  4 |   policy_url: https://example.com/security\n"
        "  5 | scope:\n"
        "> 6 |   inclde: [a.example]\n"
        "    |   ^^^^^^" == found.frame
    )


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        (b"", "policy.yaml:1:1", "empty"),
        (b"# only a comment\n", "policy.yaml:1:1", "empty"),
        (b"a: b: c", "policy.yaml:1:5", "no YAML"),
        (b"a: [1, 2", "policy.yaml:1:1", "no YAML"),
        (GOOD + b"\tx: 1", "policy.yaml:7:1", "tab"),
        (GOOD + b"x: \x07", "policy.yaml:7:1", "control character"),
        (GOOD + b"\xff", "policy.yaml:7:1", "not UTF-8"),
        (GOOD + b"x: &a 1", "policy.yaml:7:4", "anchors and aliases"),
        (GOOD + b"x: *a", "policy.yaml:7:4", "anchors and aliases"),
        (GOOD.replace(b"[a.example]", b"[*.a.example]"), "policy.yaml:6:14", "bare star"),
        (GOOD + b"--- {}\n", "policy.yaml:7:1", "no YAML"),
        (GOOD + b"version: 1\n", "policy.yaml:7:1", "stands here twice"),
        (GOOD + b"<<: {}\n", "policy.yaml:7:1", "unknown key '<<'"),
        (GOOD + b"? [a]\n: 1\n", "policy.yaml:7:3", "a key must be a word"),
        (GOOD + b"~: 1\n", "policy.yaml:7:1", "a key must be a word"),
        (GOOD + b"rules: !!python/object/apply:os.system [x]\n", "policy.yaml:7:8", "tag of its own"),
        (GOOD.replace(b"a.example]", b"!x a.example]"), "policy.yaml:6:13", "tag of its own"),
        (b"!x {version: 1}", "policy.yaml:1:1", "not a block of keys"),
        (b"- a\n- b\n", "policy.yaml:1:1", "the policy is a list"),
        (b"hello", "policy.yaml:1:1", "the policy is a single value"),
    ],
)
def test_what_is_no_policy_is_refused_where_it_is_wrong(text, where, says):
    """Syntax errors, bombs, tags, duplicates and wrong shapes name their place."""
    found = error(text)

    assert where == found.where
    assert says in found.what


def test_policy_over_the_size_limit_is_refused_unread():
    """Nothing is parsed of a file that cannot be a policy."""
    assert "larger than 4 MiB" in error(b"#" * (MAX_BYTES + 1)).what


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b"{a: " * 50_000, b"- " * 100_000, b"a: [" + b"1," * 300_000 + b"]"]
)
def test_deep_and_long_files_are_refused_before_a_tree_is_built(text):
    """Nesting and node count are bounded; no stack overflows."""
    assert "nested too deeply" in error(text).what


def test_alias_bomb_is_refused():
    """Nine lines that would grow to a billion strings are one error."""
    lines = [b"a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [b"a%d: &a%d [%s]" % (n, n, b",".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 9)]

    assert "anchors and aliases" in error(b"\n".join(lines)).what


def test_frame_of_a_long_line_shows_the_part_that_is_wrong():
    """The marked word stays in sight however long the line is."""
    found = error(GOOD.replace(b"[a.example]", b"[" + b"a.example, " * 500 + b"b..example]"))

    assert found.frame is not None
    row, carets = found.frame.splitlines()[-2:]
    assert "b..example" == row[carets.index("^") : carets.rindex("^") + 1]
    assert len(row) < 130


def test_control_and_direction_characters_never_reach_the_terminal():
    """A hostile file cannot repaint the terminal that shows its error."""
    found = error(GOOD.replace(b"Example", "\u202eExample".encode()).replace(b"include", b"inclde"))
    later = error(GOOD + "version\u202e: 1\n".encode())

    assert "\u202e" not in (found.frame or "")
    assert "\u202e" not in (later.frame or "") + later.what


def test_byte_order_mark_is_no_error():
    """Editors on Windows write one."""
    assert "Example" == read_policy(b"\xef\xbb\xbf" + GOOD, path="p").program.name


def test_policy_keeps_its_text_and_hash():
    """The log gets exactly the bytes that were read."""
    policy = read_policy(GOOD, path="policy.yaml")

    assert (GOOD, "policy.yaml", 64) == (policy.text, policy.path, len(policy.sha256))


def test_crlf_files_count_lines_as_editors_do():
    """A line ends with CRLF, LF or CR."""
    found = error(GOOD.replace(b"\n", b"\r\n") + b"\r\nbad: 1\r\n")

    assert "policy.yaml:8:1" == found.where
    assert "bad: 1" in (found.frame or "")
