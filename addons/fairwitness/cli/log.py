"""Lists of what was logged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fairwitness.cli.filters import filters
from fairwitness.cli.forms import exchange_form
from fairwitness.cli.log_table import print_log
from fairwitness.cli.options import choices, command
from fairwitness.cli.place import find_place
from fairwitness.cli.text import machine

if TYPE_CHECKING:
    from fairwitness.model.record import LogFilter


@command(
    name="log",
    examples=[
        "fairwitness log --since 2h --decision block",
        "fairwitness log --host api.example.com --status 5xx --json",
        "fairwitness log --last 20",
        "fairwitness log password reset",
    ],
)
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="The newest N of them.")
@filters
@click.pass_context
def log(context: click.Context, wanted: LogFilter, last: int | None) -> None:
    """List exchanges, blocked attempts too.

    The newest is the last line.  WORDs must all occur in URL, headers, bodies or messages, in upper or lower
    case.  Times are UTC.  The table fits a terminal; in a pipe its lines are whole.
    """
    chosen = choices(context)
    with find_place(chosen).reader() as reader:
        rows = reader.exchanges(wanted, newest=last)
        if chosen.as_json:
            for row in rows:
                print(machine(exchange_form(row)))
        else:
            print_log(rows)
