"""Which exchanges are wanted: a `LogFilter` as an SQL condition over the exchange view."""

from __future__ import annotations

import json
from collections.abc import Iterable

from fairwitness.evidence.viewrow import sql_text
from fairwitness.model.finding import Finding
from fairwitness.model.flag import Flag
from fairwitness.model.record import LogFilter

_EQUAL = ("decision", "account", "label", "initiator", "session")


def condition(
    wanted: LogFilter, flags: Iterable[Flag], finding: Finding | None = None
) -> tuple[str, dict[str, object]]:
    """The condition, and what its parameters stand for; free words are not in it.

    Args:
        wanted: What was asked for.
        flags: All flags of the log; looked at only when a flag is asked for.
        finding: The one that is asked for, where there is one of that name.
    """
    parts = ["1"]
    values: dict[str, object] = {}
    for name in _EQUAL:
        value = getattr(wanted, name)
        if value is not None:
            parts.append(f"{name} = :{name}")
            values[name] = value
    for name, value, test in (
        ("since", wanted.since_us, "time_us >= :since"),
        ("until", wanted.until_us, "time_us < :until"),
        ("first", wanted.first_id, "id >= :first"),
        ("last", wanted.last_id, "id <= :last"),
        ("method", wanted.method and wanted.method.upper(), "upper(method) = :method"),
    ):
        if value is not None:
            parts.append(test)
            values[name] = value
    if wanted.host is not None:
        parts.append("host GLOB :host" if "*" in wanted.host else "host = :host")
        values["host"] = wanted.host.lower().replace("[", "[[]")
    if wanted.status is not None:
        parts.append("status BETWEEN :low AND :high")
        values["low"], values["high"] = _status(wanted.status)
    if wanted.flag is not None:
        names = [flag.flag for flag in flags if wanted.flag in (flag.flag, flag.rule)]
        tests = [f"instr(flags || ' ', :flag{number}) > 0" for number in range(len(names))]
        parts.append(f"({' OR '.join(tests)})" if tests else "0")
        values |= {f"flag{number}": f" {name} " for number, name in enumerate(names)}
    if wanted.finding is not None:
        parts.append("id IN (SELECT value FROM json_each(:finding))")
        values["finding"] = json.dumps([each.id for each in finding.exchanges] if finding else [])
    texts = {name: sql_text(value) for name, value in values.items() if isinstance(value, str)}
    return " AND ".join(parts), values | texts


def _status(text: str) -> tuple[int, int]:
    """The lowest and highest status of ``404`` or ``5xx``; nothing has one below zero."""
    digits = text.lower().replace("x", "0")
    if len(text) != 3 or not (digits.isascii() and digits.isdigit()):
        return -1, -1
    return int(digits), int(text.lower().replace("x", "9"))
