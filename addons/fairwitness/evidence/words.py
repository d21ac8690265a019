"""Free words: where they are looked for, and what an index can know of them.

A word occurs where its bytes do, whatever the case of ASCII letters: in the URL, or in one entry's head, body
and trailers.  The index knows for each entry which three printable ASCII characters stand side by side.  That
narrows a search down; what it names is then read.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from fairwitness.evidence.heads import wire
from fairwitness.evidence.layout import DamagedError
from fairwitness.evidence.records import body_of
from fairwitness.evidence.stored import StoredEntry

INDEXED_BYTES = 1 << 20  # of an entry: 50 ms of work; of the rest only is known that it must be read
_PIECE = 3  # characters, as SQLite's tokenizer "trigram" cuts
_MOST_PIECES = 24  # of a word: more narrow nothing down
_LOWER = bytes(byte + 32 if 65 <= byte <= 90 else byte for byte in range(256))
_RUNS = re.compile(rb"[\x20-\x7e]{3,}")


def needles_of(words: Iterable[str]) -> tuple[bytes, ...]:
    """What is looked for; an empty word is everywhere."""
    return tuple(needle for word in words if (needle := wire(word.lower())))


def searched_url(url: str) -> bytes:
    """A URL as it is searched."""
    return wire(url.lower())


def searched_text(entry: StoredEntry, *, connection: sqlite3.Connection, bodies: Path) -> bytes:
    """What of an entry is searched, its URL aside.

    Args:
        entry: It.
        connection: The log.
        bodies: The folder of bodies that are files.

    Raises:
        DamagedError: It is not what was stored.
    """
    segments = entry.segments()
    body = body_of(entry, segments, connection=connection, bodies=bodies)
    return b"".join((*segments.head, *segments.trail, body or b"")).translate(_LOWER)


def missing_needles(
    needles: Sequence[bytes],
    url: str,
    entries: Iterable[StoredEntry],
    *,
    connection: sqlite3.Connection,
    bodies: Path,
) -> list[bytes]:
    """Those that occur neither in an exchange's URL nor in one of its entries."""
    address = searched_url(url)
    missing = [needle for needle in needles if needle not in address]
    for entry in entries:
        if not missing:
            break
        with contextlib.suppress(DamagedError):
            text = searched_text(entry, connection=connection, bodies=bodies)
            missing = [needle for needle in missing if needle not in text]
    return missing


def indexed_text(text: bytes) -> str:
    """What the index takes of a searched text: its printable ASCII, in lower case."""
    return b"\n".join(_RUNS.findall(text.translate(_LOWER))).decode("ascii")


def match_of(needle: bytes) -> str | None:
    """The question to the index that every text with *needle* answers; None where there is none."""
    runs = _RUNS.findall(needle)
    pieces = list(dict.fromkeys(run[at : at + _PIECE] for run in runs for at in range(len(run) - _PIECE + 1)))
    if not pieces:
        return None
    step = -(-len(pieces) // _MOST_PIECES)
    # In quotes nothing is an operator; a quote is doubled.
    return " AND ".join('"' + piece.decode("ascii").replace('"', '""') + '"' for piece in pieces[::step])
