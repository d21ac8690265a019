"""What is wrong with the disk, in the words of whoever has to mend it."""

from __future__ import annotations

import errno
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_ROOM_BYTES = 64 << 10  # SQLite needs 32 KiB at once for the index of its write-ahead log
_PRIMARY = 0xFF  # the low byte of SQLite's extended codes


@dataclass(frozen=True, slots=True)
class Trouble:
    """A clause that says what is wrong, and a sentence that says what to do."""

    what: str
    mend: str


def trouble_of(error: BaseException, folder: Path) -> Trouble | None:
    """What an error of the system or of SQLite comes from; None where it tells no more than its own text.

    Args:
        error: As it was raised.
        folder: Where the log lies.
    """
    if isinstance(error, MemoryError):
        return Trouble("there is no memory left", "End what needs much memory")
    if isinstance(error, sqlite3.Error):
        code = (getattr(error, "sqlite_errorcode", None) or 0) & _PRIMARY
        is_full = code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _has_no_room(folder))
        is_readonly = code == sqlite3.SQLITE_READONLY
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return Trouble("another program has locked it", f"End the program that has {folder} open")
    else:
        code = getattr(error, "errno", None) or 0
        is_full, is_readonly = code in _FULL, code == errno.EROFS
    if is_full:
        return Trouble("the disk is full", f"Make room on the disk of {folder} ('fairwitness prune' helps)")
    if is_readonly:
        return Trouble("the disk is read-only", f"Make the disk of {folder} writable")
    return None


def _has_no_room(folder: Path) -> bool:
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < _NO_ROOM_BYTES
