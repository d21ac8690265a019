"""What can be said of a log at a glance: nothing is folded, however long it is."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from fairwitness.errors import EvidenceError
from fairwitness.evidence.answers import flags_of, newest_answers
from fairwitness.evidence.layout import DamagedError
from fairwitness.evidence.reader import Reader
from fairwitness.evidence.schema import LOG_NAME, connect_readonly
from fairwitness.evidence.sessions import SessionRow
from fairwitness.evidence.stored import entries_at, stored_size
from fairwitness.model.policy import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A log at a glance."""

    program: Program
    """As its newest policy says."""
    sessions: int
    last_session: SessionRow | None
    last_us: int | None
    """Time of the newest entry."""
    open_flags: int
    is_running: bool
    """Whether a process writes it now."""


def summarise(folder: Path) -> Summary:
    """The log of an evidence folder at a glance.

    Raises:
        EvidenceError: There is none, or it cannot be read.
    """
    with Reader.open(folder) as reader:
        sessions = list(reader.sessions())
        program = reader.program
        is_running = reader.holder() is not None
    connection = connect_readonly(folder / LOG_NAME)
    try:
        answers = newest_answers(connection)
        flags = {flag.flag for flag in flags_of(connection)}
        newest = list(entries_at(connection, [stored_size(connection) - 1]))
    except (sqlite3.Error, DamagedError, OSError) as error:
        raise EvidenceError(
            f"the log cannot be read: {error}", where=str(folder), mend="Look at it with 'fairwitness log'"
        ) from error
    finally:
        connection.close()
    return Summary(
        program=program,
        sessions=len(sessions),
        last_session=sessions[-1] if sessions else None,
        last_us=newest[0].time_us if newest else None,
        open_flags=len(flags - answers.keys()),
        is_running=is_running,
    )
