"""``secret: "..."`` and ``api_key = ...`` in scripts, configuration and prose."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from fairwitness.detect.secret import Secret
from fairwitness.detect.values import looks_random, says_nothing
from fairwitness.detect.words import kind_of_name

_ASSIGNMENT = re2.compile(
    rb"([A-Za-z_][A-Za-z0-9_.\-]{1,63})[\"']?\]?[ \t]{0,4}(?::=|=>|[:=])[ \t]{0,4}"
    rb"(?:\"([^\"\r\n\\]{4,})\"|'([^'\r\n\\]{4,})'|`([^`\r\n\\]{4,})`|([^\s\"'`<>,;&(){}\\\[\]]{8,}))"
)


def secrets_in_assignments(text: bytes) -> Iterator[Secret]:
    """What is assigned to a credential's name: quoted passwords, and what looks random."""
    for match in re2.finditer(_ASSIGNMENT, text):
        kind = kind_of_name(match.group(1).decode("latin-1"))
        if kind is None:
            continue
        group = next(number for number in range(2, 6) if match.group(number) is not None)
        value = match.group(group)
        is_password = kind == "password" and group < 5 and b" " not in value
        if not says_nothing(value) and (is_password or looks_random(value)):
            yield Secret(match.start(group), match.end(group), kind, value)
