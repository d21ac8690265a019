"""The three passes of an export: learn what must be hidden, write without it, look whether it is gone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from fairwitness.errors import ExportError
from fairwitness.export.exporter import Exporter
from fairwitness.model.disclosure import Redactor, Shown
from fairwitness.model.record import ExchangeRecord

_PIECE_BYTES = 1 << 18  # 256 KiB


class Unredacted:
    """Hides nothing, for ``--unredacted``."""

    def learn(self, record: ExchangeRecord) -> None:
        """Nothing is looked for."""

    def learn_beside(self, record: ExchangeRecord) -> bool:  # noqa: ARG002 - nothing is looked for
        """Nothing is looked for."""
        return False

    def show(self, record: ExchangeRecord) -> Shown:
        """The record as it is."""
        return Shown(record=record, hidden=(), is_redacted=False)

    def check(self, finished: Iterable[bytes]) -> str | None:  # noqa: ARG002 - nothing is looked for
        """Nothing to find."""
        return None


@dataclass(frozen=True, slots=True)
class Written:
    """A finished file."""

    count: int
    """Exchanges in it."""
    sha256: str
    bytes: int
    hidden: int
    """Different values that placeholders stand for."""


def write_checked(
    records: Callable[[], Iterable[ExchangeRecord]],
    exporter: Exporter,
    redactor: Redactor,
    file: BinaryIO,
    *,
    where: str,
    beside: Callable[[], Iterable[ExchangeRecord]] = tuple,
) -> Written:
    """Fill *file*; whoever called throws it away if this raises.

    Args:
        records: Gives the records, the same each time it is called.
        exporter: The format.
        redactor: What must not be shown.
        file: Empty, to write and to read.
        where: What errors call it.
        beside: Gives exchanges that are not shown, whose secrets may stand in those that are.

    Raises:
        ExportError: Something that must be hidden would be shown.
    """
    learn_all(records(), beside(), redactor)
    counted = _Counted(records(), redactor, where)
    exporter.write(counted, file)
    file.flush()
    file.seek(0)
    found = redactor.check(_pieces(file))
    if found is not None:
        raise ExportError(
            f"a secret was still in the finished file ({found}); nothing is left of it",
            where=where,
            mend="Leave out the exchange that holds it (--id), and report this: it is a fault of fairwitness",
        )
    file.seek(0)
    digest = hashlib.sha256()
    for piece in _pieces(file):
        digest.update(piece)
    return Written(counted.count, digest.hexdigest(), file.tell(), len(counted.hidden))


def learn_all(
    records: Iterable[ExchangeRecord], beside: Iterable[ExchangeRecord], redactor: Redactor
) -> None:
    """The first pass: what is shown comes first, so that its names come first in the alphabet.

    Raises:
        ExportError: There is more to hide than can be.
    """
    for record in records:
        redactor.learn(record)
    for record in beside:
        if not redactor.learn_beside(record):
            break


class _Counted:
    """What is shown, counted while a format takes it.  A class, because the count is asked for afterwards."""

    def __init__(self, records: Iterable[ExchangeRecord], redactor: Redactor, where: str) -> None:
        self.count = 0
        self.hidden: set[str] = set()
        self._records = records
        self._redactor = redactor
        self._where = where

    def __iter__(self) -> Iterator[Shown]:
        for record in self._records:
            try:
                shown = self._redactor.show(record)
            except ValueError as error:
                raise ExportError(
                    f"exchange {record.row.id} changed while it was exported",
                    where=self._where,
                    mend="Export it again",
                ) from error
            self.count += 1
            self.hidden.update(each.name for each in shown.hidden)
            yield shown


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        yield piece
