"""Flags as ``fairwitness flags`` lists them: with what later entries add to them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from fairwitness.evidence.answers import flags_of, newest_answers
from fairwitness.evidence.pointers import shown_text
from fairwitness.evidence.stored import entries_at
from fairwitness.evidence.view import View
from fairwitness.model.flag import Answer, Flag
from fairwitness.model.record import FlagRow

_HEX = re.compile(r"[0-9a-fA-F]{32}")


def flag_rows(
    view: View, connection: sqlite3.Connection, bodies: Path, *, open_only: bool
) -> Iterator[FlagRow]:
    """The flags, oldest first; those that were not answered only, if wanted."""
    answers = newest_answers(connection)
    for flag in flags_of(connection):
        if not (open_only and flag.flag in answers):
            yield _flag_row(view, connection, bodies, flag, answers.get(flag.flag))


def _flag_row(
    view: View, connection: sqlite3.Connection, bodies: Path, flag: Flag, answer: Answer | None
) -> FlagRow:
    seen: dict[int, int] = {}
    for schema in view.schemas:
        for number, count in view.seen(schema, flag.flag):
            seen[number] = seen.get(number, 0) + count
    numbers = tuple(sorted(seen))
    texts = []
    for pointer in flag.shown_by:
        entries = entries_at(connection, view.indexes(_name(pointer.exchange)))
        texts.append(shown_text(pointer, entries, connection=connection, bodies=bodies))
    return FlagRow(
        flag=flag,
        count=max(1, sum(seen.values())),
        first=numbers[0] if numbers else 0,
        last=numbers[-1] if numbers else 0,
        exchanges=numbers,
        shown_by_text=tuple(texts),
        answer=answer,
    )


def _name(exchange: str) -> bytes:
    """An exchange's 16 bytes; none for a text that names none."""
    return bytes.fromhex(exchange) if _HEX.fullmatch(exchange) else b""
