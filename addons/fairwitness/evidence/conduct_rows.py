"""The conduct report's numbers, from the exchange view: no body and hardly a head is read."""

# ruff: noqa: S608 - the names put into SQL are those of this module's own schemas and columns

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from fairwitness.evidence.view import View
from fairwitness.evidence.viewrow import UNREADABLE
from fairwitness.model.conduct import Amount, Bar, Blocked, BlockedHost, HostDay, Span, Stray

ALLOWED_LISTS = ("include", "mine", "load", "tunnel")
DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
_STRAYS = 1000  # shown; all are counted
_HOURS = 72  # a longer span is drawn in days
_LABELS = 20
_COLUMNS = (
    "id, time_us, session, method, host, decision, initiator, status, outcome, label,"
    " request_bytes, response_bytes, times, metered, cut, coalesce(scope_list, 'none') AS scope_list"
)
_SPAN = (
    "(:session IS NULL OR session = :session) AND (:since IS NULL OR time_us >= :since)"
    " AND (:until IS NULL OR time_us < :until)"
)
_LEFT = f"""CASE WHEN outcome = 'blocked' THEN 0 WHEN outcome LIKE 'failed: not sent:%' THEN 2
    WHEN method = '{UNREADABLE}' AND host = '' THEN 3 ELSE 1 END"""
_BLOCKS = """coalesce(sum(times) FILTER (WHERE initiator = 'page'), 0),
    coalesce(sum(times) FILTER (WHERE initiator = 'person'), 0),
    coalesce(sum(times) FILTER (WHERE initiator NOT IN ('page', 'person')), 0)"""
_MADE_BY = """count(*) FILTER (WHERE initiator = 'page'), count(*) FILTER (WHERE initiator = 'person'),
    count(*) FILTER (WHERE initiator NOT IN ('page', 'person'))"""
_CARRIED = "coalesce(sum(request_bytes), 0), coalesce(sum(response_bytes), 0)"


class Rows:
    """The lines of a view that lie in a span, to be counted.

    A class, because every question is about the same lines.
    """

    def __init__(self, view: View, span: Span) -> None:
        self._connection = view.connection
        self._values = {"session": span.session, "since": span.since_us, "until": span.until_us}
        rows = f"SELECT {_COLUMNS}, {_LEFT} AS has_left FROM main.exchange WHERE {_SPAN}"
        if "older" in view.schemas:
            rows += (
                f" UNION ALL SELECT {_COLUMNS}, {_LEFT} AS has_left FROM older.exchange WHERE {_SPAN}"
                " AND id NOT IN (SELECT id FROM main.exchange)"
            )
        self._rows = f"WITH rows AS ({rows})"

    def amounts(self) -> tuple[Amount, ...]:
        """What left, by the list that let it through."""
        sql = f"SELECT scope_list, count(*), {_CARRIED} FROM rows WHERE has_left = 1 GROUP BY scope_list"
        return tuple(
            Amount(scope_list=name, requests=count, sent_bytes=sent, received_bytes=received)
            for name, count, sent, received in self._ask(f"{sql} ORDER BY scope_list")
        )

    def strays(self) -> tuple[tuple[Stray, ...], int]:
        """What left though its host was not in scope: the first of them, and how many there are."""
        where = f"has_left = 1 AND scope_list NOT IN {ALLOWED_LISTS}"
        ((count,),) = self._ask(f"SELECT count(*) FROM rows WHERE {where}")
        found = self._ask(
            "SELECT id, time_us, method, host, scope_list, decision FROM rows"
            f" WHERE {where} ORDER BY id LIMIT {_STRAYS}"
        )
        strays = (
            Stray(
                id=number,
                connection=None,
                time_us=time_us,
                method=method,
                host=host,
                scope_list=scope_list,
                decision=decision,
            )
            for number, time_us, method, host, scope_list, decision in found
        )
        return tuple(strays), count

    def counts(self) -> tuple[int, int, int, int]:
        """Held back, unreadable, of unknown outcome or still open, with bodies that are cut."""
        ((held_back, unreadable, unknown, cut),) = self._ask(
            "SELECT count(*) FILTER (WHERE has_left = 2), count(*) FILTER (WHERE has_left = 3),"
            " count(*) FILTER (WHERE has_left = 1 AND outcome IN ('unknown', 'open')),"
            " count(*) FILTER (WHERE cut > 0) FROM rows"
        )
        return held_back, unreadable, unknown, cut

    def blocked(self) -> Blocked:
        """All attempts that were blocked."""
        ((page, person, tool),) = self._ask(f"SELECT {_BLOCKS} FROM rows WHERE has_left = 0")
        return Blocked(page=page, person=person, tool=tool)

    def blocked_hosts(self) -> tuple[BlockedHost, ...]:
        """What was blocked, by host and verdict, the most frequent first."""
        found = self._ask(
            f"SELECT host, scope_list, decision, {_BLOCKS}, min(time_us), min(id) FROM rows"
            " WHERE has_left = 0 GROUP BY host, scope_list, decision"
            " ORDER BY sum(times) DESC, host, scope_list, decision"
        )
        return tuple(
            BlockedHost(
                host=host,
                scope_list=scope_list,
                decision=decision,
                blocked=Blocked(page=page, person=person, tool=tool),
                first_us=first_us,
                first_id=first_id,
            )
            for host, scope_list, decision, page, person, tool, first_us, first_id in found
        )

    def host_days(self) -> tuple[HostDay, ...]:
        """What left for each host on each day; the lists that may be tested first, then by day and host."""
        classes = ", ".join(f"count(*) FILTER (WHERE status / 100 = {each})" for each in range(1, 6))
        found = self._ask(
            f"SELECT host, {_floor(DAY_US)} AS day, scope_list, count(*), min(time_us), max(time_us),"
            f" min(id), max(id), {classes}, {_MADE_BY}, {_CARRIED},"
            " json_group_array(DISTINCT label) FILTER (WHERE label IS NOT NULL)"
            " FROM rows WHERE has_left = 1 GROUP BY host, day, scope_list"
            " ORDER BY scope_list IN ('include', 'mine') DESC, scope_list, day, host"
        )
        return tuple(map(_host_day, found))

    def bars(self) -> tuple[tuple[Bar, ...], int]:
        """Requests by hour, or by day where the span is long; and how long a bar is."""
        ((first_us, last_us),) = self._ask("SELECT min(time_us), max(time_us) FROM rows")
        if first_us is None:
            return (), HOUR_US
        bar_us = HOUR_US if last_us - first_us <= _HOURS * HOUR_US else DAY_US
        found = self._ask(
            f"SELECT {_floor(bar_us)} AS bar, count(*) FILTER (WHERE has_left = 1 AND initiator = 'page'),"
            " count(*) FILTER (WHERE has_left = 1 AND initiator = 'person'),"
            " count(*) FILTER (WHERE has_left = 1 AND initiator NOT IN ('page', 'person')),"
            " coalesce(sum(times) FILTER (WHERE has_left = 0), 0) FROM rows GROUP BY bar ORDER BY bar"
        )
        bars = (
            Bar(start_us=bar * bar_us, page=page, person=person, tool=tool, blocked=blocked)
            for bar, page, person, tool, blocked in found
        )
        return tuple(bars), bar_us

    def tested(self) -> Iterator[tuple[int, int, int, str]]:
        """Number, time, session and host of every request in scope on the testing meter that left."""
        yield from self._connection.execute(
            f"{self._rows} SELECT id, time_us, session, host FROM rows"
            " WHERE has_left = 1 AND metered = 'testing' AND scope_list = 'include' ORDER BY id",
            self._values,
        )

    def last_us(self) -> dict[int, int]:
        """The last moment of each session."""
        return dict(self._ask("SELECT session, max(time_us) FROM rows GROUP BY session"))

    def seen(self, schemas: tuple[str, ...]) -> dict[str, tuple[int, int, int, int]]:
        """For each flag: how often, first and last exchange, and in how many exchanges."""
        seen = " UNION ALL ".join(f"SELECT flag, id, count FROM {schema}.seen" for schema in schemas)
        found = self._ask(
            "SELECT flag, sum(count), min(seen.id), max(seen.id), count(DISTINCT seen.id)"
            f" FROM ({seen}) AS seen JOIN rows ON rows.id = seen.id GROUP BY flag"
        )
        return {flag: (count, first, last, exchanges) for flag, count, first, last, exchanges in found}

    def _ask(self, sql: str) -> list[Any]:
        return self._connection.execute(f"{self._rows} {sql}", self._values).fetchall()


def _floor(unit_us: int) -> str:
    """SQL that divides the time and rounds down, also before 1970."""
    return f"(time_us - ((time_us % {unit_us}) + {unit_us}) % {unit_us}) / {unit_us}"


def day_of(number: int) -> str:
    """``2026-11-23`` for whole days since 1970.

    Raises:
        sqlite3.DatabaseError: There is no such day.
    """
    try:
        return f"{datetime.fromtimestamp(number * 86_400, UTC):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError) as error:
        raise sqlite3.DatabaseError("the exchange view holds a time that is none") from error


def _host_day(row: tuple[Any, ...]) -> HostDay:
    host, day, scope_list, requests, first_us, last_us, first_id, last_id, *rest = row
    by_status, by_initiator, (sent, received, labels) = rest[:5], rest[5:8], rest[8:]
    return HostDay(
        host=host,
        day=day_of(day),
        scope_list=scope_list,
        requests=requests,
        first_us=first_us,
        last_us=last_us,
        first_id=first_id,
        last_id=last_id,
        by_status=(by_status[0], by_status[1], by_status[2], by_status[3], by_status[4]),
        unanswered=requests - sum(by_status),
        by_initiator=(by_initiator[0], by_initiator[1], by_initiator[2]),
        sent_bytes=sent,
        received_bytes=received,
        labels=tuple(sorted(json.loads(labels))[:_LABELS]),
    )
