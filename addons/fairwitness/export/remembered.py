"""What was found in a content, for the next time that the same content is met: heads and files repeat."""

from __future__ import annotations

from hashlib import blake2b
from typing import Generic, TypeVar

_MOST_BYTES = 24 << 20  # 24 MiB: some 100,000 contents in which nothing was found
_ENTRY_BYTES = 220  # of a key and its place in the table
_DIGEST_BYTES = 32

Fact = TypeVar("Fact")


class Remembered(Generic[Fact]):
    """Facts by content; what was not used for longest is forgotten first.

    A class, because it fills while it is asked.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._facts: dict[bytes, tuple[Fact, int]] = {}

    def recall(self, key: bytes) -> Fact | None:
        """What was kept under `key_of` a content, None where nothing was or it is forgotten."""
        kept = self._facts.pop(key, None)
        if kept is None:
            return None
        self._facts[key] = kept  # as the newest
        return kept[0]

    def keep(self, key: bytes, fact: Fact, fact_bytes: int) -> None:
        """Keep a fact that takes up about *fact_bytes*."""
        size = fact_bytes + _ENTRY_BYTES
        if key in self._facts or size > self._most_bytes:
            return
        self._facts[key] = (fact, size)
        self._bytes += size
        while self._bytes > self._most_bytes:
            _, forgotten = self._facts.pop(next(iter(self._facts)))
            self._bytes -= forgotten


def key_of(content: bytes, header: bytes) -> bytes:
    """What names a content that stands in the header of this name, empty for other places."""
    digest = blake2b(len(header).to_bytes(8, "big"), digest_size=_DIGEST_BYTES)
    digest.update(header)
    digest.update(content)
    return digest.digest()
