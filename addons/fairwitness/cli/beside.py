"""The exchanges beside those that are given out: what one of them issued is hidden in the others too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fairwitness.errors import EvidenceError
from fairwitness.model.record import LogFilter

if TYPE_CHECKING:
    from fairwitness.evidence.reader import Reader
    from fairwitness.evidence.snapshot import Snapshot
    from fairwitness.model.record import ExchangeRecord

_MOST_BEFORE = 5000  # about 5 s on two cores
_MOST_AFTER = 500  # a value may be shown before it is used


@dataclass(frozen=True, slots=True)
class Beside:
    """Which exchanges are searched for secrets, though not shown."""

    first_id: int
    last_id: int
    reader: Reader
    shown: Snapshot

    def records(self) -> Iterator[ExchangeRecord]:
        """Them, as far as they can be read: damage elsewhere is no reason to give nothing out."""
        wanted = LogFilter(first_id=self.first_id, last_id=self.last_id)
        shown = frozenset(self.shown.numbers)
        try:
            yield from self.reader.snapshot(wanted, lambda row: row.id not in shown).records()
        except EvidenceError:
            return


def beside(reader: Reader, shown: Snapshot) -> Beside:
    """Those nearest to the last that is *shown*, before it and some behind it."""
    last = shown.numbers[-1] if len(shown) else 0
    return Beside(max(1, last - _MOST_BEFORE), last + _MOST_AFTER, reader, shown)


def told(searched: Beside) -> str | None:
    """What people should know of it; None where all that came before was searched."""
    if searched.first_id == 1:
        return None
    return f"Exchanges before {searched.first_id} were not searched for secrets that stand in these"
