"""Opening a log for writing: folder, lock, tables, program, and what a killed run left behind."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from fairwitness.errors import EvidenceError
from fairwitness.evidence.bodyrow import KeptBody, expand_stream
from fairwitness.evidence.derived import derived_lock, drop_derived
from fairwitness.evidence.entry import FORMAT
from fairwitness.evidence.journal import Journal
from fairwitness.evidence.keep import Keep
from fairwitness.evidence.layout import DamagedError, Draft
from fairwitness.evidence.lock import Lock
from fairwitness.evidence.meta import Pairs, meta_lines, program_of, program_pairs
from fairwitness.evidence.schema import migrate, unreadable
from fairwitness.evidence.store import Store
from fairwitness.evidence.stored import entries_at
from fairwitness.evidence.viewfile import VIEW_NAME
from fairwitness.evidence.wordfile import WORDS_NAME
from fairwitness.model.message import Direction
from fairwitness.model.policy import Program

_NO_EXCHANGE = bytes(16)


def open_journal(
    folder: Path, *, program: Program, now_us: int, undo: contextlib.ExitStack
) -> tuple[Lock, Journal, list[str]]:
    """A folder's log, ready to be written.

    Args:
        folder: Made where it is missing.
        program: Whose log it must be.
        now_us: Now.
        undo: Takes what must be closed when a later step fails.

    Raises:
        EvidenceError: Another process writes it, it is another program's, or it cannot be used.
    """
    _make_folder(folder)
    lock = Lock(folder, now_us=now_us)
    undo.callback(lock.release)
    store = Store(folder)
    undo.callback(store.close)
    try:
        applied = migrate(store.connection, store.path)
        journal = Journal(folder, store)
        _identify(journal, program, applied, now_us)
        recovered = _recover(journal, now_us)
        journal.commit_now()
    except sqlite3.Error as error:
        raise unreadable(store.path, error) from error
    except OSError as error:
        raise _unusable(folder, error) from error
    return lock, journal, recovered


def settle(journal: Journal, *, why: str, time_us: int) -> int:
    """Write of every exchange that is open that its outcome is unknown; gives how many there were."""
    leftovers = {(exchange, direction): path for exchange, direction, path in journal.bodies.leftovers()}
    unknown = dict(journal.position.open)
    for exchange, kind in unknown.items():
        end: Pairs = [("outcome", "unknown"), ("why", why)]
        if kind == "connection":
            draft = Draft.of_meta(meta_lines([("state", "ended"), *end]))
            journal.add("connection", draft, time_us=time_us, exchange=exchange)
            continue
        sent = _leftover(journal, leftovers.pop((exchange.hex(), Direction.SENT), None))
        if sent is not None:
            pairs = [("direction", Direction.SENT.value), ("failure", why), *sent.pairs]
            draft = Draft.of_meta(meta_lines(pairs))
            journal.add("body", draft, time_us=time_us, exchange=exchange, body=sent)
        received = _leftover(journal, leftovers.pop((exchange.hex(), Direction.RECEIVED), None))
        if received is not None:
            end += [("body-cut", "yes"), *received.pairs]
        journal.add(
            "response", Draft.of_meta(meta_lines(end)), time_us=time_us, exchange=exchange, body=received
        )
    return len(unknown)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise _unusable(folder, error) from error


def _unusable(folder: Path, error: OSError) -> EvidenceError:
    return EvidenceError(
        f"the evidence folder cannot be used ({error.strerror or error})",
        where=str(folder),
        mend="Name a folder that you may write with --evidence",
    )


def _identify(journal: Journal, program: Program, applied: tuple[str, ...], now_us: int) -> None:
    """Say in the first entry whose log it is, or compare with it."""
    schema = [("schema", line) for line in applied]
    if journal.position.size == 0:
        _drop_strangers(journal.store.path.parent)
        pairs = [("state", "created"), ("format", FORMAT), *program_pairs(program), *schema]
        journal.add("session", Draft.of_meta(meta_lines(pairs)), time_us=now_us, exchange=_NO_EXCHANGE)
        journal.commit_now()
        return
    known = _program_of(journal)
    if (known.name, known.policy_url) != (program.name, program.policy_url):
        raise EvidenceError(
            f"this folder holds the evidence of another program, {known.name} ({known.policy_url})",
            where=str(journal.store.path.parent),
            mend="Use one evidence folder for each program",
        )
    if schema:
        draft = Draft.of_meta(meta_lines([("note", "the tables were brought up to date"), *schema]))
        journal.add("note", draft, time_us=now_us, exchange=_NO_EXCHANGE)


def _drop_strangers(folder: Path) -> None:
    """Remove the view and the index of a log that was here before; a reader that fills one does so itself."""
    with derived_lock(folder) as is_writer:
        for name in (VIEW_NAME, WORDS_NAME) if is_writer else ():
            drop_derived(folder, name)


def _program_of(journal: Journal) -> Program:
    try:
        return program_of(next(entries_at(journal.store.connection, [0])).pairs())
    except (DamagedError, StopIteration) as error:
        raise EvidenceError(
            f"the log's first entry is damaged: {error}",
            where=str(journal.store.path),
            mend="Move the evidence folder away to keep it, and start a new one",
        ) from error


def _recover(journal: Journal, now_us: int) -> list[str]:
    session = journal.position.session
    parts = list(journal.bodies.leftovers())
    why = "the process that waited for it died"
    count = settle(journal, why=why, time_us=now_us)
    journal.commit_now()
    for _, _, path in parts:
        path.unlink(missing_ok=True)
    if not count:
        return []
    noun = "exchange" if count == 1 else "exchanges"
    return [f"session {session} was cut off: the outcome of {count} {noun} is unknown"]


def _leftover(journal: Journal, path: Path | None) -> KeptBody | None:
    """What a part file holds of a body that was under way."""
    if path is None:
        return None
    with contextlib.suppress(DamagedError), path.open("rb") as file:
        content = expand_stream(file.read(os.fstat(file.fileno()).st_size))
        if content:
            return journal.bodies.keep(content, Keep.WHOLE)
    return None
