"""What may be dropped to make room: bodies, never what was asked and answered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """A stored body that nobody needs any more."""

    sha256: bytes
    """Of what is stored; its address."""
    stored: int
    """Bytes that it takes."""
    why: str
    """``static``: a file that a page loads; ``old``: what a page asked for by itself, long ago."""
    content_type: str
    exchanges: tuple[int, ...]
    """All whose response it is."""
    entries: tuple[int, ...]
    """All entries that refer to it."""
