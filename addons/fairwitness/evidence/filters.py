"""Which exchanges are wanted: a `LogFilter` as an SQL condition over the exchange view."""

# ruff: noqa: S608 - what is put into SQL are names of this package's schemas and parameters

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fairwitness.evidence.view import MOST, View, rows_at, rows_of
from fairwitness.evidence.viewrow import ViewRow, sql_text
from fairwitness.model.finding import Finding
from fairwitness.model.flag import Flag
from fairwitness.model.record import LogFilter

_EQUAL = ("decision", "account", "label", "initiator", "session")
_INDEXED = ("host", "status", "decision", "account", "label", "session")
_FEW = 50_000  # numbers of exchanges that are gathered at once: about 15 ms


@dataclass(frozen=True, slots=True)
class Choice:
    """Where the exchanges are that are wanted."""

    where: str
    """What they fulfil, in SQL."""
    values: dict[str, object]
    """What its parameters stand for."""
    first: int
    last: int
    numbers: Sequence[int] | None
    """The only ones that can fulfil it, sorted; None: all from *first* to *last* must be looked at."""
    newest_first: bool


def rows_chosen(view: View, choice: Choice) -> Iterator[ViewRow]:
    """The rows of a choice."""
    if choice.numbers is not None:
        numbers = choice.numbers[::-1] if choice.newest_first else choice.numbers
        return rows_at(view, numbers, choice.where, choice.values)
    return rows_of(
        view,
        choice.where,
        choice.values,
        first=choice.first,
        last=choice.last,
        newest_first=choice.newest_first,
    )


def choose(
    view: View,
    wanted: LogFilter,
    *,
    flags: Iterable[Flag] = (),
    finding: Finding | None = None,
    newest_first: bool = False,
) -> Choice:
    """Where to look for what is wanted.

    An index leads where one narrows it down to a few; otherwise what is wanted is so frequent that it is
    found soon in the order of the numbers.

    Args:
        view: Where the exchanges are.
        wanted: What was asked for; its words are not looked at.
        flags: All flags of the log; looked at only when a flag is asked for.
        finding: The one that is asked for, where there is one of that name.
        newest_first: Whether the newest are wanted first.
    """
    where, values = condition(wanted, flags, finding, schemas=view.schemas)
    tests = _tests(wanted)
    leads = [f"exchange WHERE {name} {tests[name]}" for name in _INDEXED if name in tests]
    if wanted.flag is not None:
        leads.append(f"seen WHERE flag IN ({_flag_names(values)})")
    numbers = (
        None if wanted.finding is None else sorted(each.id for each in finding.exchanges) if finding else []
    )
    for lead in leads:
        found = _numbers(view, lead, values)
        if found is not None and (numbers is None or len(found) < len(numbers)):
            numbers = found
    first, last = wanted.first_id or 1, MOST if wanted.last_id is None else wanted.last_id
    if wanted.since_us is not None:
        first = max(first, _end(view, "min", "time_us >= :since", values) or MOST)
    if wanted.until_us is not None:
        last = min(last, _end(view, "max", "time_us < :until", values) or 0)
    return Choice(where, values, first, last, numbers, newest_first)


def condition(
    wanted: LogFilter, flags: Iterable[Flag], finding: Finding | None = None, *, schemas: Sequence[str]
) -> tuple[str, dict[str, object]]:
    """The condition, and what its parameters stand for; free words are not in it.

    It is written so that no index leads but that of the numbers: which one is worth it, `choose` knows.

    Args:
        wanted: What was asked for.
        flags: All flags of the log; looked at only when a flag is asked for.
        finding: The one that is asked for, where there is one of that name.
        schemas: Of the view.
    """
    parts = ["1"]
    values: dict[str, object] = {}
    parts += [f"+{name} {test}" for name, test in _tests(wanted).items()]
    values |= {name: value for name in _EQUAL if (value := getattr(wanted, name)) is not None}
    for name, value, test in (
        ("since", wanted.since_us, "+time_us >= :since"),
        ("until", wanted.until_us, "+time_us < :until"),
        ("first", wanted.first_id, "id >= :first"),
        ("last", wanted.last_id, "id <= :last"),
        ("method", wanted.method and wanted.method.upper(), "upper(method) = :method"),
    ):
        if value is not None:
            parts.append(test)
            values[name] = value
    if wanted.host is not None:
        values["host"] = wanted.host.lower().replace("[", "[[]")
    if wanted.status is not None:
        values["status_low"], values["status_high"] = _status(wanted.status)
    if wanted.flag is not None:
        names = [flag.flag for flag in flags if wanted.flag in (flag.flag, flag.rule)]
        values |= {f"flag{number}": name for number, name in enumerate(names)}
        seen = (f"SELECT id FROM {schema}.seen WHERE flag IN ({_flag_names(values)})" for schema in schemas)
        parts.append(f"id IN ({' UNION ALL '.join(seen)})")
    if wanted.finding is not None:
        parts.append("id IN (SELECT value FROM json_each(:finding))")
        values["finding"] = json.dumps([each.id for each in finding.exchanges] if finding else [])
    texts_of = {name: sql_text(value) for name, value in values.items() if isinstance(value, str)}
    return " AND ".join(parts), values | texts_of


def _tests(wanted: LogFilter) -> dict[str, str]:
    """What is asked of single columns."""
    tests = {name: f"= :{name}" for name in _EQUAL if getattr(wanted, name) is not None}
    if wanted.host is not None:
        tests["host"] = "GLOB :host" if "*" in wanted.host else "= :host"
    if wanted.status is not None:
        tests["status"] = "BETWEEN :status_low AND :status_high"
    return tests


def _flag_names(values: dict[str, object]) -> str:
    return ", ".join(f":{name}" for name in values if name.startswith("flag"))


def _numbers(view: View, lead: str, values: dict[str, object]) -> list[int] | None:
    """The numbers of the exchanges that fulfil what an index answers; None where they are not few."""
    found: set[int] = set()
    for schema in view.schemas:
        sql = f"SELECT id FROM {schema}.{lead} LIMIT {_FEW + 1}"
        found.update(number for (number,) in view.connection.execute(sql, values))
    return sorted(found) if len(found) <= _FEW else None


def _end(view: View, which: str, test: str, values: dict[str, object]) -> int | None:
    """The lowest or highest number that a time allows."""
    ends = []
    for schema in view.schemas:
        # Only that index holds time and number side by side.
        sql = f"SELECT {which}(id) FROM {schema}.exchange INDEXED BY exchange_time WHERE {test}"
        ends += view.connection.execute(sql, values).fetchone()
    known = [end for end in ends if end is not None]
    return (min(known) if which == "min" else max(known)) if known else None


def _status(text: str) -> tuple[int, int]:
    """The lowest and highest status of ``404`` or ``5xx``; nothing has one below zero."""
    digits = text.lower().replace("x", "0")
    if len(text) != 3 or not (digits.isascii() and digits.isdigit()):
        return -1, -1
    return int(digits), int(text.lower().replace("x", "9"))
