"""Which values are worth hiding, and which of those are looked for everywhere else.

Hiding ``true`` or ``Bearer`` wherever it stands would destroy an export.  So a value is hidden where it was
found unless it says nothing, and *spread* to all other places only if meeting it there by chance is unlikely.
"""

from __future__ import annotations

import re

from fairwitness.detect.words import STEM

SHORTEST_SPREAD_BYTES = (
    8  # shorter ones occur by chance: 7 letters of base64 meet once in 4 TB, words at once
)
_SHORTEST_WORD = 20  # letters of one case without a break: no word is longer, few host labels are
_SHORTEST_PASSWORD = 12  # the same for passwords, which may be words
_SHORTEST_NUMBER = 14  # digits: a time in milliseconds has 13
_LETTERS_BY_ODD_CASE = 6  # a change of case that no camel case has: random letters have one in 4 or 5

_NOTHING = {
    b"", b"true", b"false", b"null", b"none", b"nil", b"undefined", b"nan", b"0", b"1", b"-1", b"yes",
    b"no", b"on", b"off", b"bearer", b"basic", b"digest", b"negotiate", b"deleted", b"[object object]",
    b"{}", b"[]", b"redacted", b"password", b"token", b"secret", b"include", b"same-origin", b"omit",
}  # fmt: skip
_MASK = re.compile(rb"[*\xe2\x80\xa2xX.\-_ ]+")
_PLACEHOLDER = re.compile(
    rb"(?:<|%3C|%3c|&lt;|\\u003[cC])[A-Z]{2,12}_[A-Z]{1,8}(?:>|%3E|%3e|&gt;|\\u003[eE])|\$\{?[A-Z]{2,12}_[A-Z]{1,8}\}?"
)
_TEMPLATE = re.compile(rb"\{\{.*|\$\{.*|<%.*|%\(.*|%s")
_HOST = re.compile(rb"(?:https?://)?(?:[a-z0-9-]{1,63}\.)+[a-z]{2,18}\.?(?::\d{1,5})?/?", re.I)
_PUBLIC = re.compile(
    rb"[a-z]+://[^\s@]*|(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?|[\w.+-]+@[\w-]+\.[\w.-]+|/[a-z/_.-]*|[a-z]+/[a-z0-9.+-]+"
    rb"|\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-][\d:]+)?)?|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4}.*"
    rb"|[a-z]{2}[-_][A-Z]{2}(?:\.utf-?8)?|v?\d+(?:\.\d+)+|[+-]?\d+\.\d+",
    re.I,
)
_LABEL = re.compile(rb"(?:current|new)-password|.*" + STEM + rb".* .*|.* .*" + STEM + rb".*", re.DOTALL)
_FIELD = re.compile(
    rb"(?i:password|passwd|passphrase|token|secret|csrftoken)[_-]?\d{0,2}"
)  # of forms; a poor password


def is_placeholder(value: bytes) -> bool:
    """Whether it already stands in place of something, or is a template's gap."""
    return bool(_PLACEHOLDER.fullmatch(value[:64]) or _TEMPLATE.fullmatch(value[:64]))


def says_nothing(value: bytes) -> bool:
    """Whether there is nothing to hide: empty, a truth value, a scheme's name, a mask, a template's gap."""
    return value.lower() in _NOTHING or bool(_MASK.fullmatch(value)) or is_placeholder(value)


def spreads(value: bytes, kind: str) -> bool:
    """Whether this value is looked for everywhere, not only hidden where it was found."""
    if len(value) < SHORTEST_SPREAD_BYTES or says_nothing(value) or _HOST.fullmatch(value):
        return False
    if _PUBLIC.fullmatch(value) or _FIELD.fullmatch(value):
        return False
    if kind == "password" and len(value) >= _SHORTEST_PASSWORD and not value.isdigit():
        return looks_random(value) or not _LABEL.fullmatch(value)
    return looks_random(value)


def looks_random(value: bytes) -> bool:
    """Whether no word, number, name in camel case or sentence looks like this; from 8 bytes."""
    if len(value) < SHORTEST_SPREAD_BYTES:
        return False
    letters = sum(map(value.count, _LETTERS))
    digits = sum(map(value.count, _DIGITS))
    if digits and not letters:
        return digits >= _SHORTEST_NUMBER or len(value) - digits > digits
    if digits:
        return b" " not in value or digits >= SHORTEST_SPREAD_BYTES
    if not letters:
        return len(set(value)) >= SHORTEST_SPREAD_BYTES // 2
    return _letters_look_random(value)


_LETTERS = [bytes([code]) for code in range(256) if chr(code).isascii() and chr(code).isalpha()]
_DIGITS = [bytes([code]) for code in b"0123456789"]
_ODD_CASE = re.compile(rb"[A-Z]{2,}[a-z]|[A-Z][a-z](?![a-z])|(?<![a-z])[a-z][A-Z]")
_RUN = re.compile(rb"[A-Za-z]+")
_ODD = re.compile(rb"[^A-Za-z0-9\s._/:,'-]")


def _letters_look_random(value: bytes) -> bool:
    """For values without digits."""
    if _ODD.search(value) and b" " not in value:
        return True  # punctuation as passwords and random text have it
    runs = _RUN.findall(value)
    longest = max(runs, key=len)
    if longest.islower() or longest.isupper() or longest.istitle():
        return len(longest) >= _SHORTEST_WORD
    odd = len(_ODD_CASE.findall(longest))
    return len(longest) >= SHORTEST_SPREAD_BYTES and odd >= max(2, len(longest) / _LETTERS_BY_ODD_CASE)
