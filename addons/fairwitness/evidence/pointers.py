"""The bytes that a flag points to, as text."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from fairwitness.evidence.layout import DamagedError
from fairwitness.evidence.records import body_of
from fairwitness.evidence.stored import StoredEntry
from fairwitness.model.flag import Pointer

_MOST_SHOWN = 500  # bytes: a flag shows the place, not the whole page

_REQUEST, _RESPONSE = ("request", "blocked"), ("response",)
_PLACES = {
    "meta": (_REQUEST, "meta"),
    "head": (_REQUEST, "head"),
    "body": (("request", "body"), "body"),
    "response-head": (_RESPONSE, "head"),
    "response-body": (_RESPONSE, "body"),
    "connection": (("connection",), "meta"),
}


def shown_text(
    pointer: Pointer, entries: Iterable[StoredEntry], *, connection: sqlite3.Connection, bodies: Path
) -> str:
    """What a pointer names; empty where it was erased, not stored or damaged.

    Args:
        pointer: Where the bytes are.
        entries: The entries of the pointer's exchange or connection.
        connection: The log.
        bodies: The folder of bodies that are files.
    """
    kinds, part = _PLACES.get(pointer.part, ((), ""))
    for entry in entries:
        if entry.kind not in kinds:
            continue
        try:
            segments = entry.segments()
            if part == "body":
                content = body_of(entry, segments, connection=connection, bodies=bodies) or b""
            else:
                content = b"".join(segments.meta if part == "meta" else segments.head)
        except DamagedError:
            continue
        if content:
            end = pointer.end if pointer.end > pointer.start else len(content)
            return content[pointer.start : min(end, pointer.start + _MOST_SHOWN)].decode("utf-8", "replace")
    return ""
