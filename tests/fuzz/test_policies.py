"""The loader, fed with real policies that were changed as editors, merges and strangers change them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.mutate import bounded, change_bytes

from fairwitness.errors import PolicyError
from fairwitness.model.exchange import Destination
from fairwitness.model.policy import Policy
from fairwitness.policy import Scope, check_policy, read_policy

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "policy.yaml", *sorted((ROOT.parent / "shared").glob("*/policy.yaml"))]
TEXTS = [each.read_bytes() for each in FILES]
WORDS = [
    b": ",
    b"- ",
    b"\n",
    b"  ",
    b"\t",
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"'",
    b"#",
    b"|\n",
    b">-\n",
    b"&a ",
    b"*a",
]
WORDS += [
    b"!!str ",
    b"!!binary ",
    b"<<: ",
    b"---\n",
    b"...\n",
    b"%YAML 1.2\n",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\x85",
]
WORDS += [b"null", b"~", b"yes", b"*.", b"*", b"0", b"1e9", b"https://", b"preset:", b"\0", "\u2028".encode()]
STRANGERS = ("stranger.test", "apify.com.stranger.test", "xapify.com", "198.51.100.77", "2001:db8:77::1")


@st.composite
def changed_policies(draw: st.DrawFn) -> bytes:
    """Lines gone, doubled, moved, indented or joined, then bytes changed."""
    lines = draw(st.sampled_from(TEXTS)).splitlines(keepends=True)
    for _ in range(draw(st.integers(0, 3))):
        at, to = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
        how = draw(st.integers(0, 4))
        if how == 0:
            del lines[at]
        elif how == 1:
            lines.insert(to, lines[at])
        elif how == 2:
            lines[at] = draw(st.sampled_from([b"  ", b" ", b"    "])) + lines[at]
        elif how == 3:
            lines[at] = lines[at].lstrip()
        else:
            lines[at] = lines[at].rstrip(b"\n")
    text = b"".join(lines)
    return change_bytes(draw(st.data()), text, WORDS, most=2) if draw(st.booleans()) else text


def _policy_or_error(text: bytes) -> Policy | PolicyError:
    try:
        return read_policy(text, path="policy.yaml")
    except PolicyError as error:
        return error


@bounded
@given(changed_policies())
def test_a_changed_policy_allows_only_what_it_spells_out(text: bytes) -> None:
    """It is refused with place and mend; or each of its entries stands in it, and no stranger is allowed."""
    policy = _policy_or_error(text)
    if isinstance(policy, PolicyError):
        assert policy.where.startswith("policy.yaml:")
        assert policy.mend
        assert str(policy).isprintable()
        return
    check_policy(policy, now_us=0)
    written = text.decode("utf-8-sig")
    scope = Scope(policy)
    assert [] == [entry.text for entry in policy.entries if not entry.preset and entry.text not in written]
    for stranger in STRANGERS:
        verdict = scope.decide([Destination("url", "https", stranger, 443, "/")])
        assert not verdict.is_released, stranger
