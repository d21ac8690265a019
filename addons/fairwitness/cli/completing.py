"""What a shell offers when Tab is pressed: names of programs and findings, flags, numbers of exchanges.

Tab must never fail loudly or take long: the log is read without its view, and what cannot be read offers
nothing.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import wraps

import click

from fairwitness.cli.options import choices
from fairwitness.cli.text import printable
from fairwitness.errors import FairwitnessError

Completer = Callable[[click.Context, click.Parameter, str], list[str]]

_MOST = 50  # of anything: more than a screen helps nobody


def _quiet(offered: Callable[[click.Context], Sequence[str]]) -> Completer:
    """Offers those that begin with what is typed, and nothing when something is wrong."""

    @wraps(offered)
    def complete(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
        try:
            words = offered(context)
        except (FairwitnessError, OSError, sqlite3.Error, ValueError):
            return []
        begun = incomplete.casefold()
        fitting = [word for word in words if word.casefold().startswith(begun) and word == printable(word)]
        return _as_typed(fitting[:_MOST], incomplete)

    return complete


@_quiet
def program_names(_context: click.Context) -> Sequence[str]:
    """The programs that have a folder."""
    from fairwitness.cli.folders import data_folder

    programs = data_folder() / "programs"
    return sorted(each.name for each in programs.iterdir() if each.is_dir()) if programs.is_dir() else []


@_quiet
def finding_names(context: click.Context) -> Sequence[str]:
    """The findings of the chosen program."""
    from fairwitness.evidence.findings import findings_of

    with _log(context) as connection:
        return [each.name for each in findings_of(connection).values()]


@_quiet
def flag_names(context: click.Context) -> Sequence[str]:
    """The flags of the chosen program, the newest first."""
    from fairwitness.evidence.answers import flags_of

    with _log(context) as connection:
        return [each.flag for each in flags_of(connection)][::-1]


@_quiet
def exchange_ids(context: click.Context) -> Sequence[str]:
    """The newest exchanges of the chosen program."""
    from fairwitness.evidence.position import read_position

    with _log(context) as connection:
        newest = read_position(connection).number
        return [str(number) for number in range(newest, max(0, newest - 1000), -1)]


@contextlib.contextmanager
def _log(context: click.Context) -> Iterator[sqlite3.Connection]:
    from fairwitness.cli.place import find_place
    from fairwitness.evidence.schema import LOG_NAME, connect_readonly

    with contextlib.closing(connect_readonly(find_place(choices(context)).evidence / LOG_NAME)) as connection:
        yield connection


def _as_typed(words: list[str], incomplete: str) -> list[str]:
    """Words as the shell must write them: bash inserts them as they are, the others quote by themselves."""
    if not os.environ.get("_FAIRWITNESS_COMPLETE", "").startswith("bash"):
        return words
    if os.environ.get("COMP_WORDS", "").endswith((f'"{incomplete}', f"'{incomplete}")):
        return [word for word in words if not set(word) & set("\"'$`\\!")]  # within quotes that were opened
    # A backslash would be lost on click's way into bash, so that only plain single quotes can be relied on.
    return [shlex.quote(word) for word in words if not set(word) & set("'\\")]
