"""Flags and answers that lie in the log."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from fairwitness.evidence.flagmeta import answer_of, flag_of
from fairwitness.evidence.layout import DamagedError
from fairwitness.evidence.meta import first
from fairwitness.evidence.stored import newest_rare, rare_entries
from fairwitness.model.flag import Answer, Flag

_LOOKED_AT = 100  # newest flags; they are numbered in the order in which they are raised, but for a few


def flags_of(connection: sqlite3.Connection) -> Iterator[Flag]:
    """All flags ever raised, oldest first; one that was erased or damaged is left out."""
    for entry in rare_entries(connection, "flag"):
        with contextlib.suppress(DamagedError):
            yield flag_of(entry.pairs(), exchange=entry.exchange.hex(), time_us=entry.time_us)


def newest_answers(connection: sqlite3.Connection) -> dict[str, Answer]:
    """The newest answer to each flag that was answered."""
    answers: dict[str, Answer] = {}
    for entry in rare_entries(connection, "answer"):
        with contextlib.suppress(DamagedError):
            answer = answer_of(entry.pairs(), time_us=entry.time_us)
            answers[answer.flag] = answer
    return answers


def next_flag_number(connection: sqlite3.Connection) -> int:
    """One more than the number of any flag raised."""
    numbers = [0]
    for entry in newest_rare(connection, "flag", _LOOKED_AT):
        with contextlib.suppress(DamagedError):
            name = first(entry.pairs(), "raised") or ""
            if name[1:].isdecimal() and len(name) < 20:
                numbers.append(int(name[1:]))
    return max(numbers) + 1
