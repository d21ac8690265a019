"""The exchanges that a filter wants, free words included."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from fairwitness.evidence.answers import flags_of
from fairwitness.evidence.bodyrow import FOLDER_NAME
from fairwitness.evidence.catchup import catch_up_words
from fairwitness.evidence.filters import choose, rows_chosen
from fairwitness.evidence.findings import findings_of
from fairwitness.evidence.search import rows_with_words
from fairwitness.evidence.stored import entries_at
from fairwitness.evidence.view import View
from fairwitness.evidence.viewrow import ViewRow
from fairwitness.evidence.wordfile import word_index
from fairwitness.evidence.words import missing_needles, needles_of
from fairwitness.model.finding import finding_key
from fairwitness.model.record import LogFilter


def rows_wanted(
    view: View, folder: Path, connection: sqlite3.Connection, wanted: LogFilter, *, newest_first: bool
) -> Iterator[ViewRow]:
    """The rows of the view, each read where a word is looked for.

    Args:
        view: The exchanges.
        folder: The log's.
        connection: The log.
        wanted: Which.
        newest_first: Or oldest first.
    """
    finding = None
    if wanted.finding is not None:
        finding = findings_of(connection).get(finding_key(wanted.finding.strip()))
    flags = flags_of(connection) if wanted.flag is not None else ()
    choice = choose(view, wanted, flags=flags, finding=finding, newest_first=newest_first)
    needles = needles_of(wanted.words)
    if not needles:
        yield from rows_chosen(view, choice)
        return
    catch_up_words(folder, connection)
    bodies = folder / FOLDER_NAME
    with word_index(folder, connection) as index:
        for row in rows_with_words(view, index, choice, needles):
            entries = entries_at(connection, view.parts(row.id))
            if not missing_needles(needles, row.url, entries, connection=connection, bodies=bodies):
                yield row
