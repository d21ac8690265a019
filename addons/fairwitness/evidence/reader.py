"""The evidence log, read: needs no lock, writes nothing, and shows every committed entry."""

from __future__ import annotations

import contextlib
import itertools
import re
import sqlite3
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from fairwitness.errors import EvidenceError
from fairwitness.evidence.answers import flags_of, newest_answers
from fairwitness.evidence.bodyrow import FOLDER_NAME
from fairwitness.evidence.catchup import catch_up, catch_up_words
from fairwitness.evidence.filters import choose, rows_chosen
from fairwitness.evidence.findings import findings_of
from fairwitness.evidence.layout import DamagedError
from fairwitness.evidence.lock import Holder, holder_of
from fairwitness.evidence.meta import Pairs, first, program_of
from fairwitness.evidence.pointers import shown_text
from fairwitness.evidence.position import read_position
from fairwitness.evidence.problems import Problem, find_problems
from fairwitness.evidence.records import body_of, record_of
from fairwitness.evidence.schema import LOG_NAME, connect_readonly
from fairwitness.evidence.search import rows_with_words
from fairwitness.evidence.snapshot import Snapshot
from fairwitness.evidence.stored import entries_at, newest_rare, rare_entries, stored_size
from fairwitness.evidence.view import View, rows_at, rows_of
from fairwitness.evidence.viewfile import over
from fairwitness.evidence.viewrow import ViewRow
from fairwitness.evidence.wordfile import word_index
from fairwitness.evidence.words import missing_needles, needles_of
from fairwitness.model.exchange import Initiator
from fairwitness.model.finding import Finding, finding_key
from fairwitness.model.flag import Answer, Flag
from fairwitness.model.policy import Program
from fairwitness.model.record import ExchangeRecord, ExchangeRow, FlagRow, LogFilter

_HEX = re.compile(r"[0-9a-fA-F]{32}")
_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """One run of the proxy."""

    session: int
    started_us: int
    ended_us: int | None
    """None while it runs, and where it was cut off."""
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How large a log is."""

    entries: int
    bytes: int
    """On the disk, with all that belongs to it."""


class Reader:
    """A log, open for reading; a proxy may go on writing it.

    A class, because the database stays open between questions.  Usable as a context manager.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        """Use `open`."""
        self.folder = folder
        self._connection = connection
        self._bodies = folder / FOLDER_NAME

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The log of an evidence folder.

        Raises:
            EvidenceError: There is none, or it cannot be read.
        """
        return cls(folder, connect_readonly(folder / LOG_NAME))

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
        with self._readable():
            entries = newest_rare(self._connection, "policy") or list(entries_at(self._connection, [0]))
            if not entries:
                raise DamagedError("its first entry is missing")
            return program_of(entries[0].pairs())

    def policy_text(self) -> bytes:
        """The newest policy.

        Raises:
            EvidenceError: There is none yet, or the log is damaged.
        """
        with self._readable():
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
        with self._readable(), self._view() as view:
            is_held = self.holder() is not None
            rows = self._rows(view, wanted or LogFilter(), newest_first=newest is not None)
            if newest is not None:
                rows = reversed(list(itertools.islice(rows, newest)))
            for row in rows:
                yield row.frozen(is_held=is_held)

    def _rows(self, view: View, wanted: LogFilter, *, newest_first: bool) -> Iterator[ViewRow]:
        finding = None
        if wanted.finding is not None:
            finding = findings_of(self._connection).get(finding_key(wanted.finding.strip()))
        flags = flags_of(self._connection) if wanted.flag is not None else ()
        choice = choose(view, wanted, flags=flags, finding=finding, newest_first=newest_first)
        needles = needles_of(wanted.words)
        if not needles:
            yield from rows_chosen(view, choice)
            return
        catch_up_words(self.folder, self._connection)
        with word_index(self.folder, self._connection) as index:
            for row in rows_with_words(view, index, choice, needles):
                entries = entries_at(self._connection, view.parts(row.id))
                if not missing_needles(
                    needles, row.url, entries, connection=self._connection, bodies=self._bodies
                ):
                    yield row

    def rows(self, ids: Iterable[int]) -> tuple[ExchangeRow, ...]:
        """The exchanges with these numbers, in order; numbers that no exchange has are left out.

        Raises:
            EvidenceError: The log cannot be read.
        """
        with self._readable(), self._view() as view:
            is_held = self.holder() is not None
            found = rows_at(view, sorted(set(ids)), "1", {})
            return tuple(row.frozen(is_held=is_held) for row in found)

    def newest_id(self) -> int:
        """The newest exchange's number; 0 where there is none.

        Raises:
            EvidenceError: The log cannot be read.
        """
        with self._readable():
            return read_position(self._connection).number

    def exchange(self, id_or_hex: str) -> ExchangeRecord:
        """One exchange, by its whole number or its 32 hex digits.

        Raises:
            EvidenceError: There is none of that name, or it is damaged.
        """
        with self._readable(), self._view() as view:
            row = None
            if _HEX.fullmatch(id_or_hex):
                row = view.row(bytes.fromhex(id_or_hex))
            elif _NUMBER.fullmatch(id_or_hex):
                row = next(rows_of(view, "id = :id", {"id": int(id_or_hex)}), None)
            if row is None:
                raise EvidenceError(
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
        with self._readable():
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
        with self._readable(), self._view() as view:
            answers = newest_answers(self._connection)
            for flag in flags_of(self._connection):
                if not (open_only and flag.flag in answers):
                    yield self._flag_row(view, flag, answers.get(flag.flag))

    def findings(self) -> tuple[Finding, ...]:
        """The findings, oldest first.

        Raises:
            EvidenceError: The log cannot be read.
        """
        with self._readable():
            return tuple(findings_of(self._connection).values())

    def finding(self, name: str) -> Finding | None:
        """One finding by its name, in upper or lower case; None where there is none.

        Raises:
            EvidenceError: The log cannot be read.
        """
        with self._readable():
            return findings_of(self._connection).get(finding_key(name.strip()))

    def flags_named(self, names: Collection[str]) -> tuple[Flag, ...]:
        """The flags with these names, oldest first.

        Raises:
            EvidenceError: The log cannot be read.
        """
        with self._readable():
            return tuple(flag for flag in flags_of(self._connection) if flag.flag in names) if names else ()

    def wanted(self) -> Iterator[tuple[str, str, int]]:
        """What in-scope pages asked for and did not get, since it is on no list: host, page URL, count.

        The host carries its port where that is neither 80 nor 443.

        Raises:
            EvidenceError: The log cannot be read.
        """
        where = "decision = 'block' AND scope_list IS NULL AND initiator = :page AND page IS NOT NULL"
        counts: dict[tuple[str, str], int] = {}
        with self._readable(), self._view() as view:
            for row in rows_of(view, where, {"page": Initiator.PAGE.value}):
                key = (_with_port(row.host, row.url), row.page or "")
                counts[key] = counts.get(key, 0) + row.times
        for (host, page), count in counts.items():
            yield host, page, count

    def sessions(self) -> Iterator[SessionRow]:
        """The runs of the proxy, oldest first.

        Raises:
            EvidenceError: The log cannot be read.
        """
        running: SessionRow | None = None
        with self._readable():
            for entry in rare_entries(self._connection, "session"):
                pairs = entry.pairs() if entry.is_open else []
                if entry.number is not None:
                    if running is not None:
                        yield running
                    running = SessionRow(
                        session=entry.number, started_us=entry.time_us, ended_us=None, facts=_facts(pairs)
                    )
                elif running is not None:
                    ended_us = entry.time_us if first(pairs, "state") == "ended" else running.ended_us
                    running = SessionRow(
                        session=running.session,
                        started_us=running.started_us,
                        ended_us=ended_us,
                        facts=running.facts + _facts(pairs),
                    )
            if running is not None:
                yield running

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
        with self._readable():
            size = 0
            for path in self.folder.rglob("*"):
                with contextlib.suppress(FileNotFoundError):
                    size += path.lstat().st_size if path.is_file() else 0
            return Counts(stored_size(self._connection), size)

    @contextlib.contextmanager
    def _view(self) -> Iterator[View]:
        """The exchange view, with what it lacks added from the log's tail."""
        catch_up(self.folder, self._connection)
        with over(self.folder, self._connection) as view:
            view.fold(1 << 62)
            yield view

    @contextlib.contextmanager
    def _readable_view(self) -> Iterator[View]:
        with self._readable(), self._view() as view:
            yield view

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, DamagedError, OSError) as error:
            raise EvidenceError(
                f"the log cannot be read: {error}",
                where=str(self.folder),
                mend="'fairwitness verify' names what is damaged",
            ) from error

    def _flag_row(self, view: View, flag: Flag, answer: Answer | None) -> FlagRow:
        seen: dict[int, int] = {}
        for schema in view.schemas:
            for number, count in view.seen(schema, flag.flag):
                seen[number] = seen.get(number, 0) + count
        numbers = tuple(sorted(seen))
        texts = []
        for pointer in flag.shown_by:
            entries = entries_at(self._connection, view.indexes(_name(pointer.exchange)))
            texts.append(shown_text(pointer, entries, connection=self._connection, bodies=self._bodies))
        return FlagRow(
            flag=flag,
            count=max(1, sum(seen.values())),
            first=numbers[0] if numbers else 0,
            last=numbers[-1] if numbers else 0,
            exchanges=numbers,
            shown_by_text=tuple(texts),
            answer=answer,
        )


def _facts(pairs: Pairs) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in pairs if pair[0] != "state")


def _name(exchange: str) -> bytes:
    """An exchange's 16 bytes; none for a text that names none."""
    return bytes.fromhex(exchange) if _HEX.fullmatch(exchange) else b""


def _with_port(host: str, url: str) -> str:
    try:
        port = urlsplit(url).port
    except ValueError:
        return host
    return host if port in (None, 80, 443) else f"{host}:{port}"
