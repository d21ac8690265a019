"""Lists of what was logged."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from fairwitness.cli.filters import filters
from fairwitness.cli.log_table import print_log
from fairwitness.cli.options import choices, command
from fairwitness.cli.place import find_place
from fairwitness.cli.text import machine
from fairwitness.export.forms import exchange_form

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
        _tell_slow(wanted.words)
        rows = reader.exchanges(wanted, newest=last)
        if chosen.as_json:
            for row in rows:
                print(machine(exchange_form(row)))
        else:
            print_log(rows)


def _tell_slow(words: tuple[str, ...]) -> None:
    """Say on a terminal why an answer takes its time: no index knows any of the words."""
    from fairwitness.evidence.words import match_of, needles_of

    needles = needles_of(words)
    if needles and sys.stderr.isatty() and not any(map(match_of, needles)):
        print("fairwitness: no index knows words so short: the log is read as a whole", file=sys.stderr)
