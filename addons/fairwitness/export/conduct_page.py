"""A conduct report before it is Markdown or HTML: sections of sentences and tables."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fairwitness.model.printable import escaped

# What draws nothing or changes how its neighbours are drawn.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MOST_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence.  What it quotes may be hostile; each renderer escapes it."""

    text: str
    is_red: bool = False
    """Whether it must strike the eye."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under columns; may hold hostile text."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...] = ()
    """Columns that are right-aligned."""
    more: int = 0
    """Rows that were left out."""
    red_rows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with what stands under it."""

    name: str
    """A word for links and charts."""
    title: str
    lines: tuple[Line, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    """How to read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole report."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]


def table_of(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    most: int,
    numbers: Sequence[int] = (),
    red_rows: Sequence[int] = (),
) -> Table:
    """A table of the first *most* rows."""
    return Table(
        caption=caption,
        columns=tuple(columns),
        rows=tuple(tuple(row) for row in rows[:most]),
        numbers=tuple(numbers),
        more=max(0, len(rows) - most),
        red_rows=tuple(row for row in red_rows if row < most),
    )


def shown(text: str, most: int = _MOST_CHARACTERS) -> str:
    """Recorded text as it may be shown: one line, nothing unseen in it, not too long."""
    text = text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_seen, text))


def _seen(character: str) -> str:
    if character in "\n\r\t":
        return " "
    if unicodedata.category(character) not in _UNSEEN:
        return character
    return escaped(character)


def moment(time_us: int) -> str:
    """A time, UTC, to the second."""
    try:
        return f"{datetime.fromtimestamp(time_us // 1_000_000, UTC):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return f"{time_us} us"


def clock(time_us: int) -> str:
    """The time of the day, UTC, to the second."""
    return moment(time_us)[-8:]


def lasting(duration_us: int) -> str:
    """A duration for people."""
    for unit_us, unit in ((3_600_000_000, "h"), (60_000_000, "min")):
        if duration_us >= unit_us:
            return f"{duration_us / unit_us:.1f} {unit}"
    return f"{round(duration_us / 1e6, 1):g} s"


def counted(count: int, noun: str) -> str:
    """``1 host``, ``2 hosts``, ``1,000 hosts``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
