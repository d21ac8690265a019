"""Making room: which bodies nobody needs, and dropping them so that the log still proves what they were.

A body is dropped together with the writing out of the text of each entry that refers to it, so that leaf,
tree and every other part of the entry stay verifiable, and with an ``erase`` entry that names them all.
Heads, sizes and hashes stay.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fairwitness.errors import EvidenceError
from fairwitness.evidence.answers import flags_of
from fairwitness.evidence.attachments import FOLDER as ATTACHMENTS
from fairwitness.evidence.bodyrow import FOLDER_NAME, file_of, read_body
from fairwitness.evidence.entry import BODY_SEGMENTS, NO_TOKEN, body_digests, body_pieces, entry_text, leaf_of
from fairwitness.evidence.findings import findings_of
from fairwitness.evidence.journal import Journal
from fairwitness.evidence.layout import DamagedError, Draft, Segments
from fairwitness.evidence.meta import meta_lines
from fairwitness.evidence.schema import LOG_NAME, connect_readonly
from fairwitness.evidence.stored import StoredEntry, body_row, entries_at
from fairwitness.evidence.view import View
from fairwitness.evidence.viewfile import over
from fairwitness.model.exchange import first_header
from fairwitness.model.pruning import Drop

_STATIC = ("image/", "font/", "video/", "audio/", "text/css", "text/javascript")
_STATIC_APPLICATIONS = ("javascript", "ecmascript", "font", "wasm")
_LINE_BYTES = 72  # of an entry's text: a part's name and a hash in hex
_AT_ONCE = 200  # bodies of one erase entry and one commit
_STRAY_S = 86_400  # a day: the age from which an attachment without an entry is taken for left behind
_NO_EXCHANGE = bytes(16)


def find_prunable(folder: Path, *, static_before_us: int, old_before_us: int) -> tuple[Drop, ...]:
    """The bodies that may go.

    Only responses to what a page asked for by itself with GET, that no finding holds and no flag touches; a
    content that is also something else's body stays.

    Args:
        folder: The evidence folder.
        static_before_us: Static files go when they are older.
        old_before_us: All else goes when it is older.

    Raises:
        EvidenceError: The log cannot be read.
    """
    with contextlib.closing(connect_readonly(folder / LOG_NAME)) as connection:
        try:
            with over(folder, connection) as view:
                view.fold(1 << 62)
                kept = _Kept(connection, view, static_before_us, old_before_us)
                return tuple(_drops(connection, kept))
        except (sqlite3.Error, DamagedError) as error:
            raise EvidenceError(
                f"the log cannot be read: {error}", where=str(folder), mend="Look at the disk, and try again"
            ) from error


def drop_bodies(journal: Journal, folder: Path, drops: Sequence[Drop], *, time_us: int) -> tuple[Drop, ...]:
    """Drop bodies; gives those that were, without any that changed meanwhile or is damaged.

    Raises:
        EvidenceError: It could not be committed.
    """
    done: list[Drop] = []
    for at in range(0, len(drops), _AT_ONCE):
        texts: list[tuple[int, str]] = []
        part: list[Drop] = []
        for drop in drops[at : at + _AT_ONCE]:
            with contextlib.suppress(DamagedError):  # what is damaged is left for those who look into it
                texts += _texts(journal.store.connection, folder / FOLDER_NAME, drop)
                part.append(drop)
        if not part:
            continue
        journal.store.texts += texts
        journal.store.dropped += [(drop.sha256,) for drop in part]
        pairs = [("erased", "bodies"), ("why", "pruned")]
        pairs += [("entry", f"{index} {drop.sha256.hex()}") for drop in part for index in drop.entries]
        draft = Draft.of_meta(meta_lines(pairs))
        journal.add("erase", draft, time_us=time_us, exchange=_NO_EXCHANGE)
        journal.commit_now()
        done += part
    return tuple(done)


def remove_strays(connection: sqlite3.Connection, folder: Path) -> None:
    """Remove the files of bodies that the log no longer holds, and attachments that no finding names."""
    bodies = folder / FOLDER_NAME
    for path in bodies.glob("[0-9a-f][0-9a-f]/*"):
        with contextlib.suppress(OSError, ValueError):
            address = bytes.fromhex(path.name)
            row = connection.execute("SELECT 1 FROM body WHERE sha256 = ?", (address,)).fetchone()
            if row is None and path == file_of(bodies, address):
                path.unlink()
    named = {each.sha256 for found in findings_of(connection).values() for each in found.attachments}
    for path in (folder / ATTACHMENTS).glob("*"):
        with contextlib.suppress(OSError):
            # One that was copied just now waits for its entry.
            if path.name not in named and path.lstat().st_mtime < time.time() - _STRAY_S:
                path.unlink()


def was_pruned(connection: sqlite3.Connection, index: int, address: bytes) -> bool:
    """Whether the body of an entry, which lay at *address*, was dropped."""
    is_there = connection.execute("SELECT 1 FROM body WHERE sha256 = ?", (address,)).fetchone()
    is_written = connection.execute("SELECT 1 FROM written WHERE idx = ?", (index,)).fetchone()
    return is_there is None and is_written is not None


def text_without_body(entry: StoredEntry, segments: Segments, digests: Sequence[str]) -> str:
    """The text of an entry, given the hashes of its body's pieces."""
    return entry_text(
        entry.kind,
        time_us=entry.time_us,
        exchange=entry.exchange,
        after=NO_TOKEN if entry.after is None else entry.after,
        key=entry.key,
        meta=segments.meta,
        head=segments.head,
        body=digests,
        trail=segments.trail,
    )


class _Kept:
    """Judges what is kept.

    A class, because what holds an exchange is looked up once.
    """

    def __init__(
        self, connection: sqlite3.Connection, view: View, static_before_us: int, old_before_us: int
    ) -> None:
        self._view = view
        self._static_before_us = static_before_us
        self._old_before_us = old_before_us
        self._marked = {each.id for found in findings_of(connection).values() for each in found.exchanges}
        self._shown = {at.exchange for flag in flags_of(connection) for at in flag.shown_by}

    def why_not(self, entry: StoredEntry) -> tuple[str, str, int] | None:
        """Why an entry's body may go, its type, and its exchange; None where it is kept."""
        row = self._view.row(entry.exchange)
        if row is None or entry.kind != "response" or row.method != "GET" or row.initiator != "page":
            return None
        if row.flags or row.id in self._marked or entry.exchange.hex() in self._shown:
            return None
        segments = entry.segments()
        kind = (first_header(segments.headers, "content-type") or "").partition(";")[0].strip().lower()
        if _is_static(kind) and entry.time_us < self._static_before_us:
            return "static", kind, row.id
        if entry.time_us < self._old_before_us:
            return "old", kind, row.id
        return None


def _drops(connection: sqlite3.Connection, kept: _Kept) -> Iterator[Drop]:
    rows = connection.execute(
        "SELECT opening.body, opening.idx, body.stored, body.bytes FROM opening"
        " JOIN body ON body.sha256 = opening.body WHERE opening.body IS NOT NULL ORDER BY opening.body"
    )
    for address, group in itertools.groupby(rows, key=lambda row: bytes(row[0])):
        found = list(group)
        indexes = tuple(int(row[1]) for row in found)
        stored, size = int(found[0][2]), int(found[0][3])
        pieces = min(BODY_SEGMENTS + 1, size // 4096 + 1)
        if stored <= (pieces + 50) * _LINE_BYTES * len(indexes):
            continue  # its hashes would take as much room
        reasons = []
        for entry in entries_at(connection, indexes):
            reason = None
            with contextlib.suppress(DamagedError):
                reason = kept.why_not(entry)
            if reason is None:
                break
            reasons.append(reason)
        if len(reasons) == len(indexes):
            yield Drop(
                sha256=address,
                stored=stored,
                why="static" if all(why == "static" for why, _, _ in reasons) else "old",
                content_type=reasons[0][1],
                exchanges=tuple(sorted({number for _, _, number in reasons})),
                entries=indexes,
            )


def _texts(connection: sqlite3.Connection, bodies: Path, drop: Drop) -> list[tuple[int, str]]:
    """The texts to write out of the entries that refer to a body, each compared with its leaf.

    Raises:
        DamagedError: They are not what was written, or others refer to it now.
    """
    found = connection.execute("SELECT idx FROM opening WHERE body = ? ORDER BY idx", (drop.sha256,))
    if tuple(index for (index,) in found) != tuple(sorted(drop.entries)):
        raise DamagedError("other entries refer to it now")
    content = read_body(bodies, body_row(connection, drop.sha256))
    pieces = body_pieces(content)
    texts = []
    for entry in entries_at(connection, drop.entries):
        digests: Sequence[str] = body_digests(entry.key, pieces)
        if entry.rest is not None:
            digests = [*body_digests(entry.key, pieces[:BODY_SEGMENTS]), entry.rest.hex()]
        text = text_without_body(entry, entry.segments(), digests)
        if leaf_of(text) != entry.leaf:
            raise DamagedError("its bytes do not give its leaf")
        written = connection.execute("SELECT text FROM written WHERE idx = ?", (entry.index,)).fetchone()
        if written is None:  # else its body was dropped before, and came again
            texts.append((entry.index, text))
        elif written[0] != text:
            raise DamagedError("the text that was written out is another one")
    return texts


def told_as_gone(pairs: Iterable[tuple[str, str]]) -> Iterator[int]:
    """The entries of which an erase entry says that something is gone."""
    for key, value in pairs:
        index = value.partition(" ")[0]
        if key == "entry" and index.isascii() and index.isdigit() and len(index) < 19:
            yield int(index)


def _is_static(kind: str) -> bool:
    application = kind.removeprefix("application/")
    return kind.startswith(_STATIC) or (
        application != kind and any(word in application for word in _STATIC_APPLICATIONS)
    )
