"""What a secret is made of: pieces that are secrets by themselves wherever they stand alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fairwitness.detect.secret import Secret
from fairwitness.detect.text import secrets_in
from fairwitness.detect.values import looks_random

_PIECE = re.compile(rb"[^.:|~!$,;&=\s\"'{}\[\]]+")
_SHORTEST_PIECE = 16  # bytes: the parts of JWTs and of signed cookies are longer, words and numbers shorter
_LONGEST_BYTES = 65536


def parts_of(secret: Secret) -> Iterator[Secret]:
    """Secrets within its value, such as a token in a cookie's JSON, and random pieces between its dots."""
    value = secret.value[:_LONGEST_BYTES]
    if len(value) < _SHORTEST_PIECE:
        return
    for inner in secrets_in(value):
        if inner.value != secret.value:
            yield inner
    for match in _PIECE.finditer(value):
        if _SHORTEST_PIECE <= len(match[0]) < len(value) and looks_random(match[0]):
            yield Secret(match.start(), match.end(), secret.kind, match[0])
