"""Aligned columns for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from fairwitness.cli.text import printable

_PIPE_WIDTH = 10_000  # columns where no terminal limits them: nothing is cut for grep


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print *rows* under *columns*; what they hold may be hostile.

    On a terminal long cells are folded within their column, in a pipe they stay whole.
    """
    from rich.console import Console  # 60 ms, which commands without a table need not pay
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        print(line.rstrip())
