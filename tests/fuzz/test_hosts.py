"""No spelling of a stranger is allowed, by an oracle that shares no code with the policy."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
import socket
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st
from tests.fuzz.mutate import bounded

from fairwitness.errors import PolicyError
from fairwitness.model.exchange import Destination
from fairwitness.policy import Scope, canonical_host, read_policy

NAMES = ["shop.example", "bücher.example", "faß.example", "xn--9ca.example", "a-b.c_d.example"]
TREE = "tree.example"
ADDRESSES = ["192.0.2.7", "2001:db8::1", "::ffff:198.51.100.4"]
POLICY = read_policy(
    json.dumps(
        {
            "version": 1,
            "program": {"name": "A", "policy_url": "https://a.example/"},
            "scope": {
                "include": [*NAMES, "*." + TREE, *ADDRESSES, "203.0.113.0/28"],
                "exclude": ["no." + TREE],
            },
        }
    ).encode(),
    path="policy.yaml",
)
SCOPE = Scope(POLICY)
SEEDS = [*NAMES, "a." + TREE, "no." + TREE, TREE, *ADDRESSES, "203.0.113.9", "evil.example", "3221225991"]
SEEDS += [
    "0xc0.0x00.0x02.0x07",
    "030000001007",
    "[2001:db8::1]",
    "::ffff:192.0.2.7",
    "0:0:0:0:0:ffff:c633:6404",
]
PUTS = [
    "\0",
    "\b\u200d",
    "%2e",
    "%00",
    "@",
    "#",
    "/",
    "\\",
    "?",
    ":",
    ":443",
    "[",
    "]",
    "%25eth0",
    " ",
    "\t",
    "\r\n",
    "..",
    ".",
    "。",
]
PUTS += [
    "．",
    "｡",
    "\u00ad",
    "\u200b",
    "\u200c",
    "\u200d",
    "\u2060",
    "\ufeff",
    "\u0301",
    "\u05d0",
    "\ufe0f",
    "\u202e",
]
PUTS += [
    "xn--",
    "xn--a",
    "ⓔ",
    "ｅ",
    "K",
    "ſ",
    "ß",
    "ẞ",
    "İ",
    "ı",
    "0x",
    "0",
    "00",
    "٣",
    "³",
    "½",
    "𝟏",
    "\ud800",
    "…",
]
PUTS += [
    "evil.example",
    "-",
    "_",
    "*",
    "~",
    "!",
    "'",
    "‐",
    "℀",
    "㏂",
    "⁄",
    "．example",
    "ｗｗｗ",
    "\U000e0061",
]


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """A seed with pieces put in, letters changed in case or width, stretches gone or doubled."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        how = draw(st.integers(0, 5))
        if how <= 1:
            text = text[:at] + draw(st.sampled_from(PUTS)) + text[at:]
        elif how == 2:
            text = text[:at] + text[at : at + 1].swapcase() + text[at + 1 :]
        elif how == 3 and text[at : at + 1].isascii() and text[at : at + 1].isalnum():
            text = text[:at] + chr(ord(text[at]) + 0xFEE0) + text[at + 1 :]
        elif how == 4:
            text = text[:at] + text[at + draw(st.integers(1, 4)) :]
        else:
            text = (
                text[:at] + draw(st.characters(exclude_categories=())) + text[at + draw(st.integers(0, 1)) :]
            )
    return text


def _is_listed(spelled: str) -> bool:
    """Whether any reader of hosts, also a lenient one, takes it for a listed one."""
    return any(map(_covers, _readings(spelled)))


def _readings(spelled: str) -> set[str]:
    """What the C library, and compatibility mapping with and without IDNA, make of it."""
    found: set[str] = set()
    with contextlib.suppress(OSError, ValueError, UnicodeError):
        return {str(ipaddress.IPv6Address(socket.inet_pton(socket.AF_INET6, spelled.strip("[]"))))}
    plain = "".join(each for each in unicodedata.normalize("NFKC", spelled) if not _is_ignored(each))
    plain = unicodedata.normalize("NFKC", plain.lower()).translate(dict.fromkeys(map(ord, "。｡．"), "."))
    plain = plain.removesuffix(".")
    if re.fullmatch(r"[0-9a-fx.]+", plain):
        with contextlib.suppress(OSError, ValueError):
            return {str(ipaddress.IPv4Address(socket.inet_aton(plain)))}
    labels = []
    for label in plain.split("."):
        with contextlib.suppress(UnicodeError):
            label = label[4:].encode().decode("punycode") if label.startswith("xn--") else label
        labels.append(label)
    return found | {".".join(labels)}


def _is_ignored(character: str) -> bool:
    """What UTS-46 maps to nothing."""
    code = ord(character)
    return (
        character in "\u00ad\u034f\u200b\u2060\u2064\ufeff"
        or 0xFE00 <= code <= 0xFE0F
        or (0x180B <= code <= 0x180F or 0xE0100 <= code <= 0xE01EF or 0x1BCA0 <= code <= 0x1BCA3)
    )


def _covers(host: str) -> bool:
    if host in {*NAMES, "é.example", *(str(ipaddress.ip_address(each)) for each in ADDRESSES)}:
        return True
    if re.fullmatch(r"203\.0\.113\.(1[0-5]|[0-9])", host):
        return True
    return host.endswith("." + TREE) and host != "no." + TREE and "" not in host.split(".")


WAYS = st.sampled_from(
    [("dial", None), ("connect", None), ("sni", None), ("host", "/"), ("url", "/a"), ("authority", "/%2e")]
)


@bounded
@given(spellings(), WAYS, st.sampled_from(["https", "http", "wss", "ws"]))
@example("no。tree.example", ("url", "/"), "https")
@example("ＮＯ.tree.example.", ("dial", None), "http")
def test_whatever_is_allowed_is_listed(spelled: str, way: tuple[str, str | None], scheme: str) -> None:
    """In whatever spelling, case or encoding, by whatever part of a request it is named."""
    named_by, path = way
    port = 443 if scheme in ("https", "wss") else 80
    verdict = SCOPE.decide([Destination(named_by, scheme, spelled, port, path)])

    assert not verdict.is_released or _is_listed(spelled), (verdict, _readings(spelled))


@bounded
@given(spellings())
def test_a_host_has_one_canonical_form_or_none(spelled: str) -> None:
    """Plain ASCII, its own canonical form, one that DNS can carry; never a part of a URL."""
    try:
        host = canonical_host(spelled)
    except PolicyError:
        return
    assert canonical_host(host) == host == canonical_host(host.upper())
    assert re.fullmatch(r"[!-~]{1,253}", host)
    assert not set(host) & set(" #%/<>?@[\\]^|")


@bounded
@given(st.lists(spellings(), min_size=1, max_size=3))
def test_one_stranger_among_the_names_of_a_request_blocks_it(spelled: list[str]) -> None:
    """Behind any number of listed names, in any place."""
    listed = Destination("dial", "https", "shop.example", 443, "/")
    places = [listed, *(Destination("host", "https", each, 443, "/") for each in spelled), listed]

    assert not SCOPE.decide(places).is_released or all(map(_is_listed, spelled))


def test_oracle_knows_the_listed_ones() -> None:
    """It is no oracle that says no to everything, nor one that says yes."""
    assert all(map(_is_listed, [*NAMES, *ADDRESSES, "a." + TREE, "203.0.113.9", "３221225991", "0xc0.0.519"]))
    assert not any(
        map(_is_listed, ["evil.example", TREE, "no." + TREE, "203.0.113.16", "shop.example.evil.test"])
    )
    assert all(
        SCOPE.decide([Destination("url", "https", each, 443, "/")]).is_released
        for each in (*NAMES, *ADDRESSES, "a." + TREE, "203.0.113.9")
    )
