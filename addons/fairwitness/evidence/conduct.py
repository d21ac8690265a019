"""The conduct report: all its facts, computed from the log through the exchange view."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from fairwitness.errors import EvidenceError
from fairwitness.evidence.bodyrow import FOLDER_NAME
from fairwitness.evidence.conduct_rare import (
    GAPS,
    DialCount,
    Digest,
    Ranges,
    dials,
    flag_facts,
    policy_changes,
    remarks,
)
from fairwitness.evidence.conduct_rates import top_rates
from fairwitness.evidence.conduct_rows import Rows
from fairwitness.evidence.layout import DamagedError
from fairwitness.evidence.meta import first
from fairwitness.evidence.reader import Reader
from fairwitness.evidence.schema import LOG_NAME, connect_readonly, readable
from fairwitness.evidence.sessions import SessionRow
from fairwitness.evidence.stored import StoredHashes, entries_at, rare_entries
from fairwitness.evidence.tree import Tree
from fairwitness.evidence.view import View
from fairwitness.evidence.viewfile import over
from fairwitness.model.conduct import (
    Conduct,
    ConductSession,
    HostDay,
    LogState,
    PolicyChange,
    Remark,
    Span,
)
from fairwitness.model.exchange import first_header

_MARKED = 200  # host-days whose first and last request are looked at
_MARK_CHARACTERS = 200


def compute_conduct(folder: Path, span: Span, *, digest: Digest, now_us: int, version: str) -> Conduct:
    """All facts of a conduct report.

    Args:
        folder: The evidence folder; a proxy may go on writing it.
        span: Which part of it.
        digest: Reads a policy's text.
        now_us: Now, which a session that runs lasts until.
        version: Of this program.

    Raises:
        EvidenceError: There is no log, it cannot be read, or the session is not in it.
    """
    with Reader.open(folder) as reader, contextlib.closing(connect_readonly(folder / LOG_NAME)) as log:
        listed = list(reader.sessions())
        if span.session is not None and span.session not in [each.session for each in listed]:
            raise EvidenceError(
                f"there is no session {span.session}",
                where=str(folder),
                mend="Leave --session out to see which there are",
            )
        with readable(folder), over(folder, log) as view:
            view.fold(1 << 62)
            return _Computing(reader, log, view, span, listed).conduct(digest, now_us, version)


class _Computing:
    """One computation.

    A class, because log, view and span are asked again and again.
    """

    def __init__(
        self,
        reader: Reader,
        log: sqlite3.Connection,
        view: View,
        span: Span,
        listed: Sequence[SessionRow],
    ) -> None:
        self._reader = reader
        self._log = log
        self._view = view
        self._span = span
        self._listed = listed
        self._rows = Rows(view, span)
        self._ranges = Ranges(log)
        self._counts = self._rows.counts()

    def conduct(self, digest: Digest, now_us: int, version: str) -> Conduct:
        rows, program = self._rows, self._reader.program
        everything = policy_changes(self._log, self._reader.folder / FOLDER_NAME, self._ranges, digest)
        sessions = tuple(self._sessions(now_us))
        strays, stray_count = rows.strays()
        dialled = dials(self._log, self._ranges, self._span, self._view.size)
        noted = list(remarks(self._log, self._ranges, self._span))
        bars, bar_us = rows.bars()
        return Conduct(
            program=program.name,
            policy_url=program.policy_url,
            contact=program.contact,
            version=version,
            made_us=now_us,
            span=self._span,
            sessions=sessions,
            released=rows.amounts(),
            strays=strays,
            stray_count=stray_count,
            stray_dials=tuple(dialled.strays),
            held_back=self._counts[0],
            blocked=rows.blocked(),
            blocked_hosts=rows.blocked_hosts(),
            host_days=tuple(self._host_days(dialled)),
            rates=top_rates(rows.tested(), everything),
            bars=bars,
            bar_us=bar_us,
            flags=flag_facts(self._log, rows.seen(self._view.schemas), self._ranges, self._span),
            policies=_of_span(everything, sessions, self._span),
            gaps=tuple(self._gaps(sessions, noted)),
            remarks=tuple(each for each in noted if each.kind not in GAPS),
            dials=dialled.frozen(),
            exports=sum(self._has(each.time_us, each.index) for each in rare_entries(self._log, "export")),
            log=self._log_state(),
        )

    def _has(self, time_us: int, index: int) -> bool:
        return self._span.has(time_us, self._ranges.session(index))

    def _sessions(self, now_us: int) -> Iterator[ConductSession]:
        last_us = Rows(self._view, Span()).last_us()
        is_held = self._reader.holder() is not None
        since_us, until_us = self._span.since_us, self._span.until_us
        for each in self._listed:
            is_running = is_held and each.ended_us is None and each is self._listed[-1]
            seen_us = max(each.started_us, last_us.get(each.session, 0))
            ended_us = each.ended_us if each.ended_us is not None else now_us if is_running else seen_us
            ended_us = max(ended_us, each.started_us)
            begin_us = each.started_us if since_us is None else max(each.started_us, since_us)
            end_us = ended_us if until_us is None else min(ended_us, until_us)
            if self._span.session in (None, each.session) and begin_us <= end_us:
                yield ConductSession(
                    session=each.session,
                    started_us=each.started_us,
                    ended_us=each.ended_us,
                    last_us=ended_us,
                    is_running=is_running,
                    recorded_us=end_us - begin_us,
                    facts=each.facts,
                )

    def _gaps(self, sessions: Iterable[ConductSession], noted: Iterable[Remark]) -> Iterator[Remark]:
        before_us = 0
        for each in sessions:
            if each.started_us < before_us:
                says = "it began before the end of the one before it: the machine's clock was set back"
                yield Remark(kind="clock", time_us=each.started_us, session=each.session, says=says)
            before_us = each.last_us
            if each.ended_us is None and not each.is_running:
                says = "cut off: its end is not in the log; the last moment on record is given as its end"
                yield Remark(kind="cut-off", time_us=each.last_us, session=each.session, says=says)
        yield from (each for each in noted if each.kind in GAPS)
        _, unreadable, unknown, cut = self._counts
        for kind, count, says in (
            ("unknown", unknown, "left, and how it ended is unknown or still open"),
            ("cut-body", cut, "with a body that is stored in part only, its size and hash whole"),
            ("unreadable", unreadable, "can no longer be read: damaged or erased"),
        ):
            if count:
                noun = "exchange" if count == 1 else "exchanges"
                yield Remark(kind=kind, time_us=None, session=None, says=f"{count} {noun} {says}")

    def _host_days(self, dialled: DialCount) -> Iterator[HostDay]:
        days = self._rows.host_days()
        tested = [day for day in days if day.scope_list in ("include", "mine")]
        most = sorted(tested, key=lambda day: -day.requests)[:_MARKED]
        looked_at = {(day.host, day.day, day.scope_list) for day in most}
        for day in days:
            is_marked = (day.host, day.day, day.scope_list) in looked_at
            yield replace(
                day,
                marks=self._marks((day.first_id, day.last_id)) if is_marked else None,
                addresses=tuple(dialled.addresses.get(day.host, ())),
            )

    def _marks(self, numbers: Iterable[int]) -> tuple[str, ...]:
        """User-Agent and added headers of these exchanges."""
        marks: list[str] = []
        for number in numbers:
            for entry in entries_at(self._log, self._view.parts(number)[:1]):
                with contextlib.suppress(DamagedError):
                    headers = entry.segments().headers
                    added = (first(entry.pairs(), "identification-added") or "").split(", ")
                    for name in dict.fromkeys(["User-Agent", *filter(None, added)]):
                        value = first_header(headers, name)
                        mark = f"{name}: {value}"[:_MARK_CHARACTERS]
                        if value is not None and mark not in marks:
                            marks.append(mark)
        return tuple(marks)

    def _log_state(self) -> LogState:
        size = self._view.size
        root = Tree.load(StoredHashes(self._log), size).root()
        return LogState(entries=size, root=root.hex(), bytes=self._reader.counts().bytes)


def _of_span(
    policies: Sequence[PolicyChange], sessions: Sequence[ConductSession], span: Span
) -> tuple[PolicyChange, ...]:
    """Those of the span, and the one that was in force when it began."""
    numbers = {each.session for each in sessions}
    known = [each for each in policies if each.session in numbers]
    since_us = span.since_us
    earlier = [each for each in known if since_us is not None and each.time_us < since_us]
    inside = [each for each in known if span.has(each.time_us, each.session)]
    return (*earlier[-1:], *inside)
