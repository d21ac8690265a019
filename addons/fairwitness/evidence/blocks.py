"""Identical blocks are one entry and a count: a page that asks in a loop must not fill the disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fairwitness.model.exchange import Request
from fairwitness.model.verdict import Verdict

FOLD_US = 60_000_000  # 60 s: how long a block takes identical ones on
_MOST_KEYS = 1024

Key = tuple[object, ...]


@dataclass(slots=True)
class Folded:
    """A block with what was folded into it since its count was last written.  Not frozen: it counts."""

    exchange: bytes
    began_us: int
    number: int
    count: int = 0
    first_us: int = 0
    last_us: int = 0
    flags: tuple[str, ...] = ()


class BlockFold:
    """Which blocks were written lately, and how many identical ones came since.

    A class, because a block is compared with those before it.
    """

    def __init__(self) -> None:
        self._folded: dict[Key, Folded] = {}

    def folded_into(self, key: Key, time_us: int) -> int | None:
        """The number of an identical block of the last minute, which counts this one too."""
        known = self._folded.get(key)
        if known is None or not 0 <= time_us - known.began_us < FOLD_US:
            return None
        known.count += 1
        known.first_us = known.first_us or time_us
        known.last_us = time_us
        return known.number

    def begin(
        self, key: Key, exchange: bytes, time_us: int, *, number: int, flags: tuple[str, ...]
    ) -> Iterator[Folded]:
        """A block was written; gives counts that must be written now, since they are forgotten."""
        previous = self._folded.pop(key, None)
        if previous is not None and previous.count:
            yield previous
        if len(self._folded) >= _MOST_KEYS:
            oldest = self._folded.pop(next(iter(self._folded)))
            if oldest.count:
                yield oldest
        self._folded[key] = Folded(exchange, time_us, number, flags=flags)

    def counts(self) -> Iterator[Folded]:
        """Counts that were not written yet; the caller writes them and calls `written`."""
        for folded in self._folded.values():
            if folded.count:
                yield folded


def written(folded: Folded) -> None:
    """Begin to count anew."""
    folded.count = folded.first_us = 0


def key_of(request: Request, verdict: Verdict) -> Key:
    """What two blocks have in common when they are identical."""
    return (
        request.method,
        request.scheme,
        request.host,
        request.port,
        request.target,
        request.client.address,
        request.client.label,
        request.header("user-agent"),
        request.initiator,
        request.page,
        request.destinations,
        verdict.action,
        verdict.clauses,
        verdict.reason,
        verdict.flags,
    )
