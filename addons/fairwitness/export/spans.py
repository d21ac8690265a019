"""Runs of bytes that give way to a placeholder."""

from __future__ import annotations

from collections.abc import Iterable

from fairwitness.model.disclosure import Placeholder

Span = tuple[int, int, Placeholder]
"""Start, end, and what stands there instead."""


def merged(spans: Iterable[Span]) -> list[Span]:
    """Without overlaps: what overlaps is hidden as a whole, under the name of the longest."""
    apart: list[Span] = []
    longest = 0
    for start, end, placeholder in sorted(spans, key=lambda span: (span[0], -span[1])):
        if apart and (start < apart[-1][1] or (start == apart[-1][1] and placeholder == apart[-1][2])):
            first, last, name = apart[-1]
            if end - start > longest:
                longest, name = end - start, placeholder
            apart[-1] = (first, max(end, last), name)
        else:
            longest = end - start
            apart.append((start, end, placeholder))
    return apart


def replaced(content: bytes, spans: list[Span]) -> bytes:
    """*content* with the placeholders; *spans* are merged."""
    if not spans:
        return content
    pieces: list[bytes] = []
    at = 0
    for start, end, placeholder in spans:
        pieces += (content[at:start], placeholder.text.encode())
        at = end
    return b"".join((*pieces, content[at:]))
