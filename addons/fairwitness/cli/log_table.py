"""Exchanges as a table: whole lines in a pipe, lines that fit on a terminal."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from fairwitness.cli.fitting import cut_end, fit_url, width_of
from fairwitness.cli.folding import Folded, folded
from fairwitness.cli.text import moment, printable, size

if TYPE_CHECKING:
    from fairwitness.model.record import ExchangeRow

_FIRST = 200  # rows that decide which columns there are and how wide
_FIRST_S = 0.3  # waited for them at most: a search through a long log finds them one by one
_URL_LEAST = 34  # columns of a terminal that are left to the URL, as long as another column can go
_FLAGS_MOST = 16  # columns of a terminal for the names of flags
_RIGHT = ("id", "size")
_GO_FIRST = ("size", "by", "account", "date", "label", "method", "moment")
_COLOURS = {
    "allow": "green",
    "warn": "yellow",
    "throttle": "yellow",
    "hold": "yellow",
    "block": "red",
    "halt": "red",
    "2": "green",
    "3": "cyan",
    "4": "yellow",
    "5": "red",
    "failed": "red",
    "unknown": "yellow",
    "open": "cyan",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns there are before the URL, and how wide."""

    columns: tuple[tuple[str, int], ...]
    width: int | None
    """Of the terminal; None in a pipe, where nothing is cut."""
    is_coloured: bool


def print_log(rows: Iterator[ExchangeRow]) -> None:
    """Print rows as they come; the first ones decide on the columns."""
    first = list(_first(rows))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    is_coloured = width is not None and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    layout = layout_of(first, width=width, is_coloured=is_coloured)
    header = [(name, "time" if name == "date" else name, "") for name, _ in layout.columns]
    print(_line(layout, header, "url"))
    every = itertools.chain(first, rows)
    for each in every if width is None else folded(every):
        print(line_of(each, layout) if not isinstance(each, Folded) else cut_end(each.words, width or 0))
    if not first:
        print("fairwitness: no exchange fits", file=sys.stderr)


def layout_of(rows: list[ExchangeRow], *, width: int | None, is_coloured: bool) -> Layout:
    """The columns for these rows: label and account only where a row has one.

    Args:
        rows: The first ones.
        width: Of the terminal; columns go until the URL has room.  None: all stay.
        is_coloured: Whether verdicts and statuses are coloured.
    """
    names = ["id", "time", "verdict", "status", "by", "size", "method"]
    names += [name for name in ("label", "account") if any(getattr(row, name) for row in rows)]
    widths = {
        name: max([len(name), *(width_of(_cell(row, name)) for row in rows)]) for name in (*names, "date")
    }
    widths["verdict"], widths["status"] = max(7, widths["verdict"]), max(6, widths["status"])
    if width is not None:
        widths |= {name: min(widths[name], 12) for name in ("label", "account") if name in widths}
        for name in _GO_FIRST:
            if width - sum(widths[each] + 2 for each in names) >= min(_URL_LEAST, width):
                break
            if name == "moment":
                names.remove("date")
            elif name == "date":
                names[names.index("time")] = "date"
            elif name in names:
                names.remove(name)
    return Layout(tuple((name, widths[name]) for name in names), width, is_coloured)


def line_of(row: ExchangeRow, layout: Layout) -> str:
    """A row as one line."""
    cells = []
    for name, width in layout.columns:
        text = _cell(row, name)
        if layout.width is not None and name in ("label", "account", "method"):
            text = cut_end(text, width)
        cells.append((name, text, _COLOURS.get(text[:1] if text.isdigit() else text, "")))
    url, flags = printable(row.url), printable(" ".join(row.flags))
    if layout.width is None:
        return _line(layout, cells, f"{url}  [{flags}]" if flags else url)
    if flags:
        more = f"{row.flags[0][:_FLAGS_MOST]} +{len(row.flags) - 1}" if len(row.flags) > 1 else flags
        flags = f"  [{flags if len(flags) <= _FLAGS_MOST else printable(more)}]"
    taken = sum(
        max(width, width_of(text)) + 2 for (_, width), (_, text, _) in zip(layout.columns, cells, strict=True)
    )
    return _line(layout, cells, fit_url(url, max(8, layout.width - taken - len(flags))) + flags)


def _first(rows: Iterator[ExchangeRow]) -> Iterator[ExchangeRow]:
    end = time.monotonic() + _FIRST_S
    for row in itertools.islice(rows, _FIRST):
        yield row
        if time.monotonic() >= end:
            return


def _cell(row: ExchangeRow, name: str) -> str:
    if name in ("time", "date"):
        text = moment(row.time_us)
        return text if name == "time" else text[5:]
    if name == "status":
        outcome = str(row.status) if row.status is not None else row.outcome.partition(":")[0]
        return "-" if row.outcome == "blocked" else outcome
    if name == "size":
        return size(row.response_bytes)
    own = {"id": str(row.id), "verdict": row.decision, "by": row.initiator, "method": row.method}
    return printable(own[name] if name in own else getattr(row, name) or "-")


def _line(layout: Layout, cells: list[tuple[str, str, str]], url: str) -> str:
    parts = []
    for (name, width), (_, text, colour) in zip(layout.columns, cells, strict=True):
        if layout.width is not None and name in ("label", "account", "method"):
            text = text[:width]
        pad = " " * (width - width_of(text))
        shown = click.style(text, fg=colour) if colour and layout.is_coloured else text
        parts.append(pad + shown if name in _RIGHT else shown + pad)
    return "  ".join([*parts, url])
