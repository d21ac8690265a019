"""Text for a person's eyes: recorded data comes from strangers and must not drive the terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from fairwitness.model.flag import Flag, Severity
from fairwitness.model.printable import printable, printable_bytes, size
from fairwitness.model.verdict import Action, Clause

__all__ = [
    "clause_words",
    "done_words",
    "machine",
    "moment",
    "plural",
    "printable",
    "printable_bytes",
    "size",
]


def machine(form: object) -> str:
    """One line of JSON, ASCII only, so that it is safe on a terminal too."""
    return json.dumps(form, separators=(",", ":")).replace("\x7f", "\\u007f")


def moment(time_us: int) -> str:
    """A time for people, UTC, to the second."""
    return f"{datetime.fromtimestamp(time_us // 1_000_000, UTC):%Y-%m-%d %H:%M:%S}"


def plural(count: int, noun: str) -> str:
    """``1 host``, ``2 hosts``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def done_words(flag: Flag) -> str:
    """What was done about a flag, where its severity alone would promise more; else empty."""
    if flag.severity is not Severity.STOP or flag.action > Action.WARN:
        return ""
    done = "it is only warned of" if flag.action is Action.WARN else "it passes"
    is_quoted = flag.clause.says or not flag.clause.id.startswith(("rules.", "default:"))
    why = "" if is_quoted else f"; more needs the program's sentence (says) at {flag.rule} in policy.yaml"
    return f"Nothing was stopped: {done}{why}."


def clause_words(clause: Clause) -> str:
    """``rules.spam, policy.yaml:90: "No spam"``."""
    where = f", {clause.where.rpartition('/')[2]}" if clause.where != "-" else ""
    return f"{clause.id}{where}" + (f': "{clause.says}"' if clause.says else "")
