"""Exchanges as they stood at one moment, to be read more than once while the log grows."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from fairwitness.evidence.bodyrow import FOLDER_NAME
from fairwitness.evidence.layout import DamagedError
from fairwitness.evidence.records import record_of
from fairwitness.evidence.stored import StoredEntry, entries_at
from fairwitness.evidence.view import View, rows_of
from fairwitness.model.record import ExchangeRecord, ExchangeRow


class OpenView(Protocol):
    """Opens the exchange view, and turns what goes wrong with the log into EvidenceError."""

    def __call__(self) -> AbstractContextManager[View]:
        """For as long as the context lasts."""


class Snapshot:
    """The exchanges that were wanted at one moment, with no more of each than was stored then.

    A class, because every reading must give the same.  Keeps 8 bytes an exchange in memory.
    """

    def __init__(
        self,
        folder: Path,
        connection: sqlite3.Connection,
        view: OpenView,
        *,
        numbers: array[int],
        size: int,
        is_held: bool,
    ) -> None:
        """Use `Reader.snapshot`."""
        self._bodies = folder / FOLDER_NAME
        self._connection = connection
        self._view = view
        self._numbers = numbers
        self._size = size
        self._is_held = is_held

    @property
    def numbers(self) -> Sequence[int]:
        """The numbers of its exchanges, in order."""
        return self._numbers

    def __len__(self) -> int:
        """How many exchanges there are at most: those that began while it was taken have no record."""
        return len(self._numbers)

    def keep(self, numbers: Collection[int]) -> None:
        """Read no others than these."""
        self._numbers = array("q", (number for number in self._numbers if number in numbers))

    def records(self, skipped: Callable[[str], None] | None = None) -> Iterator[ExchangeRecord]:
        """The records in order of their number, one in memory at a time.

        Args:
            skipped: Hears what is wrong with a record that is damaged, which is then left out.

        Raises:
            EvidenceError: The log cannot be read, or a record is damaged and *skipped* is not given.
        """
        with self._view() as view:
            for number in self._numbers:
                row = next(rows_of(view, "id = :id", {"id": number}), None)
                parts = view.parts(number)
                known = [index for index in parts if index < self._size]
                if row is None or not known:
                    continue
                try:
                    record = self._record(row.frozen(is_held=self._is_held), known, is_whole=known == parts)
                except DamagedError as error:
                    if skipped is None:
                        raise
                    skipped(str(error))
                else:
                    yield record

    def _record(self, row: ExchangeRow, known: Sequence[int], *, is_whole: bool) -> ExchangeRecord:
        entries = list(entries_at(self._connection, known))
        shown = row if is_whole else _as_it_stood(row, entries, is_held=self._is_held)
        return record_of(shown, entries, connection=self._connection, bodies=self._bodies)


def _as_it_stood(row: ExchangeRow, entries: list[StoredEntry], *, is_held: bool) -> ExchangeRow:
    """The row without an answer that came later."""
    if row.outcome == "blocked" or any(entry.kind == "response" for entry in entries):
        return row
    outcome = "open" if is_held else "unknown"
    return replace(row, status=None, response_bytes=None, duration_us=None, outcome=outcome)
