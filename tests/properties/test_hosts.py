"""Canonical hosts, for any input."""

import contextlib
import ipaddress
import re

from hypothesis import given
from hypothesis import strategies as st

from fairwitness.errors import PolicyError
from fairwitness.policy import canonical_host
from fairwitness.policy.hosts import compressed

LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=20)
NAME = (
    st.lists(LABEL, min_size=1, max_size=5)
    .map(".".join)
    .filter(lambda name: not re.search(r"(^|\.)[0-9x]", name))
)


@given(st.text(max_size=80))
def test_any_text_is_canonical_or_refused(raw):
    """Nothing but a host or a PolicyError comes out; a host is its own canonical form and plain ASCII."""
    with contextlib.suppress(PolicyError):
        host = canonical_host(raw)

        assert host == canonical_host(host)
        assert re.fullmatch(r"[!-~]+", host)
        assert not set(host) & set(" #%/<>?@[\\]^|")


@given(NAME, st.data())
def test_spelling_never_changes_where_a_name_leads(name, data):
    """Case, full width, ideographic dots, soft hyphens and a trailing dot are all the same host."""
    spelled = "".join(_respell(letter, data.draw(st.integers(0, 4))) for letter in name)
    ending = data.draw(st.sampled_from(["", ".", "。"]))

    with contextlib.suppress(PolicyError):  # such as xn-- in front of what is no punycode
        assert name == canonical_host(spelled + ending)


def _respell(letter: str, how: int) -> str:
    if how == 1:
        return letter.upper()
    if how == 2 and letter not in "-_":
        return chr(ord(letter) + 0xFEE0)
    if how == 3 and letter == ".":
        return "。"
    return letter + "\u00ad" if how == 4 and letter not in ".-" else letter


@given(st.integers(0, 2**32 - 1), st.data())
def test_every_notation_of_an_ipv4_address_is_the_same_host(number, data):
    """One to four numbers, each decimal, octal or hexadecimal, in any case."""
    parts = data.draw(st.integers(1, 4))
    heads = [number >> shift & 0xFF for shift in (24, 16, 8)][: parts - 1]
    numbers = [*heads, number & ((1 << (8 * (5 - parts))) - 1)]
    written = [
        data.draw(st.sampled_from([f"{each}", f"0x{each:x}", f"0X{each:X}", f"0{each:o}"]))
        for each in numbers
    ]

    assert str(ipaddress.IPv4Address(number)) == canonical_host(".".join(written))


@given(st.ip_addresses(v=6), st.booleans())
def test_every_notation_of_an_ipv6_address_is_the_same_host(address, brackets):
    """Exploded, compressed, upper case, with or without brackets; and Python reads the result back."""
    spellings = {address.exploded, address.compressed, address.exploded.upper()}
    hosts = {canonical_host(f"[{each}]" if brackets else each) for each in spellings}

    assert {compressed(address)} == hosts
    assert address == ipaddress.ip_address(hosts.pop())
