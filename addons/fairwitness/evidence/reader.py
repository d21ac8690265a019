"""The evidence log, read: needs no lock, writes nothing, and shows every committed entry."""

from __future__ import annotations

import contextlib
import itertools
import re
import sqlite3
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Self

from fairwitness.errors import EvidenceError, PolicyError
from fairwitness.evidence.answers import flags_of
from fairwitness.evidence.bodyrow import FOLDER_NAME
from fairwitness.evidence.catchup import Tell, catch_up, unheard
from fairwitness.evidence.counts import Counts, counts_of
from fairwitness.evidence.findings import findings_of
from fairwitness.evidence.flagrows import flag_rows
from fairwitness.evidence.layout import DamagedError
from fairwitness.evidence.lock import Holder, holder_of
from fairwitness.evidence.meta import program_of
from fairwitness.evidence.position import read_position
from fairwitness.evidence.problems import Problem, find_problems
from fairwitness.evidence.records import body_of, record_of
from fairwitness.evidence.schema import LOG_NAME, connect_readonly, readable
from fairwitness.evidence.sessions import SessionRow, sessions_of
from fairwitness.evidence.snapshot import Snapshot
from fairwitness.evidence.stored import entries_at, newest_rare, stored_size
from fairwitness.evidence.unlisted import unlisted_of
from fairwitness.evidence.view import View, rows_at, rows_of
from fairwitness.evidence.viewfile import over, view_size
from fairwitness.evidence.wanted import rows_wanted
from fairwitness.model.finding import Finding, finding_key
from fairwitness.model.flag import Flag
from fairwitness.model.policy import Program
from fairwitness.model.record import ExchangeRecord, ExchangeRow, FlagRow, LogFilter

_HEX = re.compile(r"[0-9a-fA-F]{32}")
_NUMBER = re.compile(r"[0-9]{1,18}")


class Reader:
    """A log, open for reading; a proxy may go on writing it.

    A class, because the database stays open between questions.  Usable as a context manager.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection, tell: Tell) -> None:
        """Use `open`."""
        self.folder = folder
        self._tell = tell
        self._connection = connection
        self._bodies = folder / FOLDER_NAME

    @classmethod
    def open(cls, folder: Path, *, tell: Tell = unheard) -> Self:
        """The log of an evidence folder.

        Args:
            folder: The folder.
            tell: Hears how far it is when the exchange view must be brought up to date first.

        Raises:
            EvidenceError: There is none, or it cannot be read.
        """
        return cls(folder, connect_readonly(folder / LOG_NAME), tell)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    @property
    def program(self) -> Program:
        """Whose log it is, as its newest policy says.

        Raises:
            EvidenceError: The log is damaged.
        """
        with readable(self.folder):
            entries = newest_rare(self._connection, "policy") or list(entries_at(self._connection, [0]))
            if not entries:
                raise DamagedError("its first entry is missing")
            return program_of(entries[0].pairs())

    def policy_text(self) -> bytes:
        """The newest policy.

        Raises:
            EvidenceError: There is none yet, or the log is damaged.
        """
        with readable(self.folder):
            entries = newest_rare(self._connection, "policy")
            if not entries:
                raise EvidenceError(
                    "this log holds no policy yet",
                    where=str(self.folder),
                    mend="Name the policy file with --policy",
                )
            segments = entries[0].segments()
            content = body_of(entries[0], segments, connection=self._connection, bodies=self._bodies)
            return content or b""

    def exchanges(
        self, wanted: LogFilter | None = None, *, newest: int | None = None
    ) -> Iterator[ExchangeRow]:
        """The exchanges that are wanted, blocked attempts and tunnels too, in order of their first entry.

        Args:
            wanted: Which; all where it is not given.
            newest: How many of them at most, the newest ones.

        Raises:
            EvidenceError: The log cannot be read.
        """
        with readable(self.folder), self._view() as view:
            is_held = self.holder() is not None
            rows = rows_wanted(
                view,
                self.folder,
                self._connection,
                wanted or LogFilter(),
                newest_first=newest is not None,
            )
            if newest is not None:
                rows = reversed(list(itertools.islice(rows, newest)))
            for row in rows:
                yield row.frozen(is_held=is_held)

    def rows(self, ids: Iterable[int]) -> tuple[ExchangeRow, ...]:
        """The exchanges with these numbers, in order; numbers that no exchange has are left out.

        Raises:
            EvidenceError: The log cannot be read.
        """
        with readable(self.folder), self._view() as view:
            is_held = self.holder() is not None
            found = rows_at(view, sorted(set(ids)), "1", {})
            return tuple(row.frozen(is_held=is_held) for row in found)

    def lag(self) -> int:
        """How many entries the exchange view lacks, which each question must add for itself.

        Raises:
            EvidenceError: The log cannot be read.
        """
        with readable(self.folder):
            return stored_size(self._connection) - view_size(self.folder, self._connection)

    def newest_id(self) -> int:
        """The newest exchange's number; 0 where there is none.

        Raises:
            EvidenceError: The log cannot be read.
        """
        with readable(self.folder):
            return read_position(self._connection).number

    def exchange(self, id_or_hex: str) -> ExchangeRecord:
        """One exchange, by its whole number or its 32 hex digits.

        Raises:
            PolicyError: There is none of that name.
            EvidenceError: It is damaged, or the log cannot be read.
        """
        with readable(self.folder), self._view() as view:
            row = None
            if _HEX.fullmatch(id_or_hex):
                row = view.row(bytes.fromhex(id_or_hex))
            elif _NUMBER.fullmatch(id_or_hex):
                row = next(rows_of(view, "id = :id", {"id": int(id_or_hex)}), None)
            if row is None:
                raise PolicyError(
                    f"there is no exchange {id_or_hex[:40]!r}",
                    where=str(self.folder),
                    mend="'fairwitness log' lists them with their numbers",
                )
            return record_of(
                row.frozen(is_held=self.holder() is not None),
                entries_at(self._connection, view.parts(row.id)),
                connection=self._connection,
                bodies=self._bodies,
            )

    def snapshot(self, wanted: LogFilter, is_wanted: Callable[[ExchangeRow], bool]) -> Snapshot:
        """The exchanges that are wanted by both as they stand now, to be read more than once.

        Raises:
            EvidenceError: The log cannot be read.
        """
        with readable(self.folder):
            size = stored_size(self._connection)
        numbers = array("q", (row.id for row in self.exchanges(wanted) if is_wanted(row)))
        return Snapshot(
            self.folder,
            self._connection,
            self._readable_view,
            numbers=numbers,
            size=size,
            is_held=self.holder() is not None,
        )

    def flags(self, *, open_only: bool = False) -> Iterator[FlagRow]:
        """The flags, oldest first; those that were not answered only, if wanted.

        Raises:
            EvidenceError: The log cannot be read.
        """
        with readable(self.folder), self._view() as view:
            yield from flag_rows(view, self._connection, self._bodies, open_only=open_only)

    def findings(self) -> tuple[Finding, ...]:
        """The findings, oldest first.

        Raises:
            EvidenceError: The log cannot be read.
        """
        with readable(self.folder):
            return tuple(findings_of(self._connection).values())

    def finding(self, name: str) -> Finding | None:
        """One finding by its name, in upper or lower case; None where there is none.

        Raises:
            EvidenceError: The log cannot be read.
        """
        with readable(self.folder):
            return findings_of(self._connection).get(finding_key(name.strip()))

    def flags_named(self, names: Collection[str]) -> tuple[Flag, ...]:
        """The flags with these names, oldest first.

        Raises:
            EvidenceError: The log cannot be read.
        """
        with readable(self.folder):
            return tuple(flag for flag in flags_of(self._connection) if flag.flag in names) if names else ()

    def wanted(self) -> Iterator[tuple[str, str, int]]:
        """What in-scope pages asked for and did not get, since it is on no list: host, page URL, count.

        The host carries its port where that is neither 80 nor 443.

        Raises:
            EvidenceError: The log cannot be read.
        """
        with readable(self.folder), self._view() as view:
            yield from unlisted_of(view)

    def sessions(self) -> Iterator[SessionRow]:
        """The runs of the proxy, oldest first.

        Raises:
            EvidenceError: The log cannot be read.
        """
        with readable(self.folder):
            yield from sessions_of(self._connection)

    def problems(self) -> Iterator[Problem]:
        """Everything in the folder that is not what was written; nothing is trusted, all is computed anew."""
        return find_problems(self.folder)

    def holder(self) -> Holder | None:
        """The process that writes the log, None where nobody does."""
        return holder_of(self.folder)

    def counts(self) -> Counts:
        """How large the log is.

        Raises:
            EvidenceError: The log cannot be read.
        """
        with readable(self.folder):
            return counts_of(self.folder, self._connection)

    @contextlib.contextmanager
    def _view(self) -> Iterator[View]:
        """The exchange view, with what it lacks added from the log's tail."""
        catch_up(self.folder, self._connection, self._tell)
        with over(self.folder, self._connection) as view:
            view.fold(1 << 62)
            yield view

    @contextlib.contextmanager
    def _readable_view(self) -> Iterator[View]:
        with readable(self.folder), self._view() as view:
            yield view
