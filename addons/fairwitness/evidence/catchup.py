"""Readers bring the view up to date where no process writes the log: else each would read its tail anew."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from fairwitness.errors import EvidenceError
from fairwitness.evidence.derived import derived_lock
from fairwitness.evidence.lock import holder_of
from fairwitness.evidence.stored import stored_size
from fairwitness.evidence.viewfile import open_view, view_size
from fairwitness.evidence.wordfile import WordFiller, word_index

_WORTH = 2000  # entries: about 50 ms, which every reader would pay
_FILL_S = 0.5  # of the full-text index, after each reader that came too late for it


Tell = Callable[[int, int], None]
"""Hears how many entries are in the view, of how many."""


def unheard(done: int, total: int) -> None:
    """For those whom nobody watches."""


def catch_up(folder: Path, log: sqlite3.Connection, tell: Tell = unheard) -> None:
    """Bring the view up to date, if that is worth it and nobody else's work.

    A convenience: whatever stands in its way, readers add what the view lacks for themselves.  It stops no
    process from writing the log: a proxy that starts meanwhile leaves the view alone until this is done.
    """
    with contextlib.suppress(sqlite3.Error, OSError):
        size = stored_size(log)
        if size - view_size(folder, log) < _WORTH or not _may_write(folder):
            return
        with derived_lock(folder) as is_mine:
            if is_mine:
                view = open_view(folder, log)
                with contextlib.closing(view.connection):
                    while view.size < size and view.fold(min(_WORTH, size - view.size)):
                        tell(view.size, size)


def catch_up_words(folder: Path, log: sqlite3.Connection) -> None:
    """Fill the full-text index for a moment, as `catch_up` does the view.

    Runs that are short and never idle, such as those of ``exec``, leave it to the searches.
    """
    with contextlib.suppress(sqlite3.Error, OSError, EvidenceError):
        size = stored_size(log)
        with word_index(folder, log) as index:
            known = index.size if index is not None else 0
        if size - known < _WORTH or not _may_write(folder):
            return
        with derived_lock(folder) as is_mine:
            if is_mine:
                with contextlib.closing(WordFiller(folder)) as filler:
                    filler.fill(size, seconds=_FILL_S)


def _may_write(folder: Path) -> bool:
    """Whether nobody writes the log, and the folder is one's own: files of root would lock its owner out."""
    return holder_of(folder) is None and folder.stat().st_uid == os.geteuid()
