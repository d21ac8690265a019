"""Host names as a browser computes them: one spelling for every way to write the same place."""

from __future__ import annotations

import ipaddress
import re
import unicodedata

import idna

from fairwitness.errors import PolicyError

MAX_RAW = 1024  # characters looked at, before any work that grows with them
MAX_NAME = 253  # octets that DNS carries
MAX_LABEL = 63  # octets

_PLAIN = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
# The URL standard's forbidden domain code points.
_FORBIDDEN = re.compile(r"[\x00-\x20#%/:<>?@\[\\\]^|\x7f]")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ZERO_RUN = re.compile(r"(?:^|:)0(?::0)+(?=:|$)")
_JOINERS = "\u200c\u200d"


def canonical_host(raw: str) -> str:
    """The host that a browser would ask for when it reads *raw*.

    UTS-46 (non-transitional), lower case, a trailing dot dropped, IPv4 in any notation as four decimal
    numbers, IPv6 compressed and without brackets.  Narrower than a browser where that keeps one meaning:
    percent signs, zone ids, empty labels and names that DNS cannot carry are refused.

    Args:
        raw: A host, never a URL, never with a port.  IPv6 with or without brackets.

    Source:
        WHATWG URL, host parsing.

    Raises:
        PolicyError: It has no canonical form.
    """
    if len(raw) > MAX_RAW:
        raise _no_host(raw, f"is longer than {MAX_RAW} characters")
    if raw.isascii() and (":" in raw or raw.startswith("[")):
        return _ipv6(raw)
    name = (raw.lower() if raw.isascii() else _to_ascii(raw)).removesuffix(".")
    if not _PLAIN.fullmatch(name):
        _refuse_odd(raw, name)
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _ipv4(raw, labels)
    if len(name) > MAX_NAME or max(map(len, labels)) > MAX_LABEL:
        raise _no_host(raw, "is longer than DNS can carry")
    return name


def is_address(host: str) -> bool:
    """Whether a canonical host is a literal address."""
    return ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]) is not None


def _refuse_odd(raw: str, name: str) -> None:
    """Refuse what only looks like a host; returns for the odd names that browsers take."""
    if not name:
        raise _no_host(raw, "is empty")
    if "%" in name:
        raise _no_host(raw, "has a percent sign")
    odd = _FORBIDDEN.search(name)
    if odd:
        raise _no_host(raw, f"has the character {odd.group()!r}")
    if "" in name.split("."):
        raise _no_host(raw, "has an empty label")


def _ipv4(raw: str, parts: list[str]) -> str:
    """Up to four numbers, decimal, octal or hexadecimal; the last one fills what is left."""
    numbers = [_number(raw, part) for part in parts]
    if len(numbers) > 4 or any(number > 255 for number in numbers[:-1]):
        raise _no_host(raw, "ends in a number and is no IPv4 address")
    last = numbers.pop()
    if last >= 256 ** (4 - len(numbers)):
        raise _no_host(raw, "ends in a number and is no IPv4 address")
    value = last
    for place, number in enumerate(numbers):
        value += number << (8 * (3 - place))
    return str(ipaddress.IPv4Address(value))


def _number(raw: str, part: str) -> int:
    base = 16 if part.startswith("0x") else 8 if len(part) > 1 and part.startswith("0") else 10
    digits = part.removeprefix("0x") if base == 16 else part
    if len(part) > 32 or not re.fullmatch({8: "[0-7]+", 10: "[0-9]+", 16: "[0-9a-f]*"}[base], digits):
        raise _no_host(raw, "ends in a number and is no IPv4 address")
    return int(digits or "0", base)


def _ipv6(raw: str) -> str:
    name = raw[1:-1] if raw.startswith("[") and raw.endswith("]") else raw
    if "%" in name:
        raise _no_host(raw, "has a zone id")
    try:
        address = ipaddress.IPv6Address(name)
    except ValueError:
        raise _no_host(raw, "has a colon and is no IPv6 address") from None
    return compressed(address)


def compressed(address: ipaddress.IPv6Address) -> str:
    """As browsers write it.  ``str()`` writes mapped addresses differently from Python 3.13 on."""
    pieces = ":".join(f"{int(address) >> shift & 0xFFFF:x}" for shift in range(112, -1, -16))
    runs = _ZERO_RUN.findall(pieces)
    if not runs:
        return pieces
    longest = max(runs, key=lambda run: run.count("0"))
    head, _, tail = pieces.partition(longest)
    return f"{head}::{tail.removeprefix(':')}"


def _to_ascii(raw: str) -> str:
    """UTS-46 with the flags of the URL standard: hyphens, length and STD3 unchecked, the rest checked."""
    try:
        mapped = idna.uts46_remap(raw, std3_rules=False, transitional=False)
        labels = [_decoded(label) for label in mapped.split(".")]
        bidi = any(unicodedata.bidirectional(each) in ("R", "AL", "AN") for label in labels for each in label)
        for label in labels:
            _check_label(label, bidi=bidi)
        return ".".join(_encoded(label) for label in labels)
    except ValueError:  # idna's errors are of this kind, and those of characters without a name
        raise _no_host(raw, "has no form that DNS knows (UTS-46)") from None


def _decoded(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    text = label[4:].encode("ascii").decode("punycode")
    if text.isascii() or idna.uts46_remap(text, std3_rules=False, transitional=False) != text:
        raise UnicodeError("not the shortest spelling")
    return text


def _check_label(label: str, *, bidi: bool) -> None:
    if not label:
        return
    if unicodedata.normalize("NFC", label) != label or unicodedata.category(label[0]).startswith("M"):
        raise UnicodeError("not normal")
    for place, character in enumerate(label):
        if character in _JOINERS and not idna.valid_contextj(label, place):
            raise UnicodeError("a joiner out of place")
    if bidi:
        idna.check_bidi(label, check_ltr=True)


def _encoded(label: str) -> str:
    return label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")


def _no_host(raw: str, why: str) -> PolicyError:
    shown = repr(raw if len(raw) <= 80 else raw[:77] + "...")
    return PolicyError(
        f"host {shown} {why}",
        where="host",
        mend="Write a plain host such as api.example.com, or an address such as 192.0.2.7 or [2001:db8::1]",
    )
