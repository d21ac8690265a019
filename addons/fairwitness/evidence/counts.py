"""How large a log is."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from fairwitness.evidence.stored import stored_size


@dataclass(frozen=True, slots=True)
class Counts:
    """How large a log is."""

    entries: int
    bytes: int
    """On the disk, with all that belongs to it."""


def counts_of(folder: Path, connection: sqlite3.Connection) -> Counts:
    """The entries of the log, and the bytes of all files in its folder."""
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            size += path.lstat().st_size if path.is_file() else 0
    return Counts(stored_size(connection), size)
