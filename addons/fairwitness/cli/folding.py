"""A scan that was blocked is thousands of lines that say one thing: a person reads how many they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairwitness.model.record import ExchangeRow

_ALIKE = 3  # blocked attempts that are alike are shown one by one; as many more are no fold


@dataclass(frozen=True, slots=True)
class Folded:
    """A run of blocked attempts that are alike, beyond the first ones."""

    count: int
    first: int
    last: int

    @property
    def words(self) -> str:
        """One line of the table."""
        return f"  ... and {self.count:,} more like it: fairwitness log --id {self.first}-{self.last} | less"


def folded(rows: Iterable[ExchangeRow]) -> Iterator[ExchangeRow | Folded]:
    """The rows; of blocked attempts in a row, to one host by one clause, the first and how many more.

    A row is given as soon as it is read, unless it may begin a fold.
    """
    likeness: tuple[str, str | None] | None = None
    seen = 0
    more: list[ExchangeRow] = []
    last = 0
    for row in rows:
        own = (row.host, row.clause) if row.outcome == "blocked" else None
        if own is None or own != likeness:
            yield from _told(more, seen - _ALIKE, last)
            likeness, seen, more = own, 0, []
        seen += 1
        if own is None or seen <= _ALIKE:
            yield row
            continue
        last = row.id
        if len(more) <= _ALIKE:
            more.append(row)
    yield from _told(more, seen - _ALIKE, last)


def _told(more: list[ExchangeRow], count: int, last: int) -> Iterator[ExchangeRow | Folded]:
    if len(more) > _ALIKE:
        yield Folded(count, more[0].id, last)
    else:
        yield from more
