"""What the writer of a log does once a second: exchange view, index, quota, write-ahead log."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from fairwitness.errors import EvidenceError
from fairwitness.evidence.derived import drop_derived, take_derived_lock
from fairwitness.evidence.journal import Journal
from fairwitness.evidence.view import View
from fairwitness.evidence.viewfile import connect_view, drop_view, open_view
from fairwitness.evidence.wordfile import WORDS_NAME, WordFiller

_IDLE_ENTRIES = 50  # added since the last second: with fewer the proxy has time for the view
_PORTION = 100  # entries taken into the view at once: about 3 ms
_LATE = 20_000  # entries that the view lacks: above it a portion is taken in although there is traffic
_SETTLED_ENTRIES = 1000  # about 1 MiB of the view's write-ahead log
_CLOSING_FOLD = 10_000  # entries at the end of a run: about half a second; the rest waits for the next one
_CLOSING_FILL_S = 0.2  # of the index, at the end of a run
_QUOTA_EVERY = 30  # seconds
_QUOTA_STEPS = (95, 80)  # per cent


class Upkeep:
    """The slow work of a log's writer, in small portions.

    A class, because it goes on where it stopped a second ago.
    """

    def __init__(self, folder: Path, journal: Journal, quota_bytes: int) -> None:
        self._folder = folder
        self._journal = journal
        self._quota_bytes = quota_bytes
        self._view: View | None = None
        self._view_failure: str | None = None
        self._unsettled = 0
        self._lock: int | None = None
        self._words: WordFiller | None = None
        self._words_failure: str | None = None
        self._words_guard = threading.Lock()  # the index is filled in a thread
        self._quota_warning: str | None = None
        self.file_bytes = 0
        """What bodies in files of their own took when it was last counted."""
        self._seen = journal.position.size
        self._ticks = 0
        self._is_closed = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be told now, a sentence each."""
        return tuple(
            text
            for text in (self._quota_warning, self._view_failure, self._words_failure)
            if text is not None
        )

    def work(self, portions: int) -> Iterator[None]:
        """What is due now that a second has passed and everything is committed.

        Yields between portions of a few milliseconds, and ends when entries were added meanwhile.

        Args:
            portions: How many at most.
        """
        added = self._journal.position.size - self._seen
        self._seen = self._journal.position.size
        self._journal.store.tidy()
        if self._ticks % _QUOTA_EVERY == 0:
            self._quota_warning = self._quota()
        self._ticks += 1
        if added > _IDLE_ENTRIES:
            if self._lag() > _LATE:
                self._fold(_PORTION)
            return
        for _ in range(portions):
            size = self._journal.position.size
            if self._fold(_PORTION) < _PORTION:
                return
            yield
            if self._journal.position.size != size:
                return

    def has_view_to_settle(self) -> bool:
        """Whether the view's write-ahead log has grown by some MiB."""
        return self._unsettled >= _SETTLED_ENTRIES and self._view is not None

    def settle_view(self) -> None:
        """Move what is in the view's write-ahead log into the view.

        May be called in a thread: then the loop goes on while the disk is waited for.
        """
        self._unsettled = 0
        with contextlib.suppress(sqlite3.Error), contextlib.closing(connect_view(self._folder)) as view:
            view.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def has_words_to_fill(self) -> bool:
        """Whether a portion of the full-text index is due: the view is up to date, and no traffic came.

        With traffic that never ends it is due once a second.
        """
        if self._is_closed or self._words_failure is not None or self._view is None:
            return False
        known = self._words.size if self._words is not None else 0
        lag = self._committed() - known
        return lag > 0 and (self._lag() == 0 or lag > _LATE)

    def fill_words(self, *, seconds: float = 0.0) -> None:
        """Fill a portion of the full-text index: about 15 ms, most of it outside of Python.

        May be called in a thread; then the loop goes on.
        """
        with self._words_guard:
            if self._is_closed or self._lock is None:
                return
            try:
                if self._words is None:
                    self._words = WordFiller(self._folder)
                self._words.fill(self._committed(), seconds=seconds)
            except (sqlite3.Error, OSError, EvidenceError) as error:
                self._words_failure = (
                    f"the full-text index cannot be written ({error}); words are found more slowly"
                    " until the next run"
                )
                self._drop_words()

    def close(self) -> None:
        """The run ends: bring view and index up to date as far as that is quick."""
        if self._journal.store.failure is None:
            self._fold(_CLOSING_FOLD)
            if self.has_words_to_fill():
                self.fill_words(seconds=_CLOSING_FILL_S)
        with self._words_guard:
            self._is_closed = True
            if self._words is not None:
                self._words.close()
                self._words = None
        if self._view is not None:
            self._view.connection.close()
            self._view = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _committed(self) -> int:
        return self._journal.position.size - len(self._journal.store.entries)

    def _drop_words(self) -> None:
        if self._words is not None:
            self._words.close()
            self._words = None
        with contextlib.suppress(OSError):
            drop_derived(self._folder, WORDS_NAME)

    def _lag(self) -> int:
        return self._journal.position.size - (self._view.size if self._view is not None else 0)

    def _fold(self, most: int) -> int:
        """Take entries into the view; gives how many."""
        if self._is_closed or self._view_failure is not None:
            return 0
        try:
            if self._lock is None:
                self._lock = take_derived_lock(self._folder)
                if self._lock is None:
                    return 0  # a reader brings it up to date
            if self._view is None:
                self._view = open_view(self._folder, self._journal.store.connection)
                # A checkpoint waits for the disk, some 20 ms, and this is the loop: see `settle_view`.
                self._view.connection.execute("PRAGMA wal_autocheckpoint = 0")
            folded = self._view.fold(most)
            self._unsettled += folded
            return folded
        except (sqlite3.Error, OSError) as error:
            # Only a convenience is lost: readers read the log itself.
            self._view_failure = (
                f"the exchange view cannot be written ({error}); lists are slower until the next run"
            )
            if self._view is not None:
                self._view.connection.close()
                self._view = None
            with contextlib.suppress(OSError):
                drop_view(self._folder)
            return 0

    def _quota(self) -> str | None:
        connection = self._journal.store.connection
        (files,) = connection.execute("SELECT total(stored) FROM body WHERE data IS NULL").fetchone()
        self.file_bytes = int(files)
        used = self._journal.store.bytes() + self.file_bytes
        free = os.statvfs(self._folder)
        most = max(1, min(self._quota_bytes, used + free.f_bavail * free.f_frsize))
        share = 100 * used // most
        for step in _QUOTA_STEPS:
            if share >= step:
                return (
                    f"the evidence takes {used >> 20} MiB, {share} % of the {most >> 20} MiB it may have;"
                    " 'fairwitness prune' makes room"
                )
        return None
