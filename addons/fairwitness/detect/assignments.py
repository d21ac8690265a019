"""``secret: "..."`` and ``api_key = ...`` in scripts, configuration and prose."""

from __future__ import annotations

import re
from collections.abc import Iterator

import re2

from fairwitness.detect.secret import Secret, compiled
from fairwitness.detect.values import looks_random, says_nothing
from fairwitness.detect.words import STEM, kind_of_name

_ASSIGNMENT = compiled(
    rb"\b([A-Za-z0-9_.\-]{0,64}"
    + STEM
    + rb"[A-Za-z0-9_.\-]{0,32})[\"']?\]?[ \t]{0,4}(?::=|=>|[:=])[ \t]{0,4}"
    rb"(?:\"([^\"\r\n\\]{4,})\"|'([^'\r\n\\]{4,})'|`([^`\r\n\\]{4,})`|([^\s\"'`<>,;&(){}\\\[\]]{8,}))"
)
# setItem("token", "..."), and what PHP writes: "token";s:16:"..."
_BESIDE = compiled(
    rb"[\"']([A-Za-z0-9_.\-]{0,64}"
    + STEM
    + rb"[A-Za-z0-9_.\-]{0,32})[\"'][ \t]{0,4}(?:,|;s:[0-9]{1,6}:)[ \t]{0,4}"
    rb"(?:\"([^\"\r\n\\]{8,})\"|'([^'\r\n\\]{8,})')"
)
_UNQUOTED = 5  # the group
_DOTTED = re.compile(rb"=.*|[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+")  # an expression of a script
_DIGIT = re.compile(rb"[0-9]")


def secrets_in_assignments(text: bytes) -> Iterator[Secret]:
    """What is assigned to a credential's name: quoted passwords, and what looks random."""
    for match in re2.finditer(_ASSIGNMENT, text):
        kind = kind_of_name(match.group(1).decode("latin-1"))
        if kind is None:
            continue
        group = next(number for number in range(2, 6) if match.group(number) is not None)
        value = match.group(group)
        is_quoted = group < _UNQUOTED
        is_password = kind == "password" and is_quoted and b" " not in value and _DIGIT.search(value)
        is_code = not is_quoted and (_DOTTED.fullmatch(value) or not _DIGIT.search(value))
        if not says_nothing(value) and (is_password or looks_random(value)) and not is_code:
            yield Secret(match.start(group), match.end(group), kind, value)
    yield from _beside(text)


def _beside(text: bytes) -> Iterator[Secret]:
    for match in re2.finditer(_BESIDE, text):
        kind = kind_of_name(match.group(1).decode("latin-1"))
        group = 2 if match.group(2) is not None else 3
        value = match.group(group)
        if kind is not None and looks_random(value) and not says_nothing(value):
            yield Secret(match.start(group), match.end(group), kind, value)
