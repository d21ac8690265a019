"""Keeps secrets out of a conduct report: notes, answers and what rules said may quote some."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Any

from fairwitness.detect import secrets_in
from fairwitness.model.conduct import Conduct

_HASHES = frozenset({"sha256", "root", "connection"})
_REMEMBERED = 16384  # texts; hosts repeat from row to row
_LOOKED_AT_BYTES = 1 << 16  # more of a text is not shown


def without_secrets(conduct: Conduct) -> Conduct:
    """The same facts, with what looks like a secret replaced in every text."""
    shown: Conduct = _hidden(conduct)
    return shown


def _hidden(fact: Any) -> Any:
    if isinstance(fact, str):
        return _text(fact)
    if isinstance(fact, tuple):
        return tuple(map(_hidden, fact))
    if dataclasses.is_dataclass(fact) and not isinstance(fact, type):
        changed = {
            field.name: _hidden(getattr(fact, field.name))
            for field in dataclasses.fields(fact)
            if field.name not in _HASHES
        }
        return dataclasses.replace(fact, **changed)
    return fact


@lru_cache(maxsize=_REMEMBERED)
def _text(text: str) -> str:
    raw = text.encode("utf-8", "surrogatepass")
    rest = len(raw) - _LOOKED_AT_BYTES
    raw = raw[:_LOOKED_AT_BYTES]
    spans = sorted((each.start, each.end, each.kind) for each in secrets_in(raw))
    if not spans and rest <= 0:
        return text
    pieces: list[bytes] = []
    at = 0
    for start, end, kind in spans:
        if start >= at:
            pieces += (raw[at:start], f"<{kind} hidden>".encode())
        at = max(at, end)
    pieces.append(raw[at:])
    if rest > 0:
        pieces.append(f"… ({rest} bytes more)".encode())
    return b"".join(pieces).decode("utf-8", "replace")
