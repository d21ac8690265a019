"""Whether a value would destroy data where a server runs it: the expressions of ``destruction.txt``.

``OR 1=1`` is no destruction, nor is the word "delete" in a sentence.
"""

from __future__ import annotations

from functools import cache

from fairwitness.detect.attacks import Attack, matches_in
from fairwitness.detect.signatures import Signatures


def destruction_in(text: bytes) -> tuple[Attack, ...]:
    """What would destroy data, one for each of SQL, shell, code."""
    return matches_in(text, _signatures())


@cache
def _signatures() -> Signatures:
    return Signatures("destruction.txt")
