"""A redacted copy of the evidence as tables, to be explored with SQL."""

# ruff: noqa: S608 - the names put into SQL are those of this module's own tables

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path

from fairwitness.errors import ExportError
from fairwitness.export.passes import learn_all
from fairwitness.model.clock import iso_us
from fairwitness.model.disclosure import Redactor, Shown
from fairwitness.model.finding import Finding
from fairwitness.model.record import ExchangeRecord, ExchangeRow, FlagRow

TEXT_BYTES = 1 << 20  # 1 MiB: of one body or message; what is longer is cut
_TABLES = {
    "exchange": "id INTEGER PRIMARY KEY, time TEXT, method TEXT, url TEXT, host TEXT, status INTEGER,"
    " decision TEXT, clause TEXT, reason TEXT, initiator TEXT, page TEXT, label TEXT, account TEXT,"
    " flags TEXT, request_bytes INTEGER, response_bytes INTEGER, duration_ms REAL, session INTEGER,"
    " outcome TEXT, request_line TEXT, response_line TEXT, hidden TEXT",
    "header": "id INTEGER PRIMARY KEY, exchange INTEGER REFERENCES exchange(id), side TEXT, name TEXT,"
    " value TEXT",
    "body": "id INTEGER PRIMARY KEY, exchange INTEGER REFERENCES exchange(id), side TEXT, bytes INTEGER,"
    " text TEXT",
    "message": "id INTEGER PRIMARY KEY, exchange INTEGER REFERENCES exchange(id), direction TEXT,"
    " kind TEXT, number INTEGER, time TEXT, text TEXT",
    "flag": "flag TEXT PRIMARY KEY, rule TEXT, severity TEXT, action TEXT, initiator TEXT, clause TEXT,"
    " says TEXT, count INTEGER, first INTEGER, last INTEGER, answer TEXT, note TEXT",
    "finding": "finding TEXT PRIMARY KEY, created TEXT, updated TEXT",
    "finding_exchange": "finding TEXT REFERENCES finding(finding), exchange INTEGER REFERENCES exchange(id)",
    "finding_text": "finding TEXT REFERENCES finding(finding), what TEXT, text TEXT",
    "session": "session INTEGER PRIMARY KEY, started TEXT, ended TEXT",
}
_SEARCHED = {"exchange": "url", "header": "value", "body": "text", "message": "text"}


def write_explorable(
    path: Path,
    records: Callable[[], Iterable[ExchangeRecord]],
    redactor: Redactor,
    *,
    findings: Sequence[Finding],
    flags: Sequence[FlagRow],
    sessions: Sequence[tuple[int, int, int | None]],
    beside: Callable[[], Iterable[ExchangeRecord]] = tuple,
) -> int:
    """Fill a new database; gives how many exchanges are in it.

    Args:
        path: Must not be there yet; made with mode 0600.
        records: Gives the records, the same each time it is called.
        redactor: What must not be shown; nothing was learned yet.
        findings: With notes and fields, which are redacted too.
        flags: Without the bytes that show them.
        sessions: Number, begin and end.
        beside: Gives exchanges that are not in it, whose secrets may stand in those that are.

    Raises:
        ExportError: A secret would be in it.
    """
    notes = [_record_of_texts(texts) for texts in (_finding_texts(findings), _flag_texts(flags)) if texts]
    learn_all(chain(notes, records()), beside(), redactor)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("BEGIN")
        for name, columns in _TABLES.items():
            connection.execute(f"CREATE TABLE {name} ({columns})")
        count = 0
        for record in records():
            _put_exchange(connection, redactor.show(record))
            count += 1
        _put_findings(connection, findings, redactor)
        _put_flags(connection, flags, redactor)
        for session, started_us, ended_us in sessions:
            _put(connection, "session", (session, iso_us(started_us), ended_us and iso_us(ended_us)))
        connection.execute("COMMIT")
        found = redactor.check(_texts(connection))
        if found is not None:
            raise ExportError(
                f"a secret was still in the finished copy ({found}); nothing is left of it",
                where="explore",
                mend="Leave out the exchange that holds it (--id), and report this: it is a fault of"
                " fairwitness",
            )
        _index(connection)
    return count


def _put_exchange(connection: sqlite3.Connection, shown: Shown) -> None:
    record, row = shown.record, shown.record.row
    _put(
        connection,
        "exchange",
        (
            *(row.id, iso_us(row.time_us), row.method, row.url, row.host, row.status, row.decision),
            *(row.clause, row.reason, row.initiator, row.page, row.label, row.account),
            *(" ".join(row.flags), row.request_bytes, row.response_bytes),
            None if row.duration_us is None else row.duration_us / 1000,
            *(row.session, row.outcome, record.request_line.decode("latin-1")),
            None if record.response_line is None else record.response_line.decode("latin-1"),
            " ".join(placeholder.name for placeholder in shown.hidden),
        ),
    )
    for side, trailers in (("request", record.request_trailers), ("response", record.response_trailers)):
        for name, value in trailers:
            line = (None, row.id, f"{side} trailer", name.decode("latin-1"), value.decode("latin-1"))
            _put(connection, "header", line)
    for side, headers, body, size in (
        ("request", record.request_headers, record.request_body, record.request_body_bytes),
        ("response", record.response_headers, record.response_body, record.response_body_bytes),
    ):
        for name, value in headers:
            line = (None, row.id, side, name.decode("latin-1"), value.decode("latin-1"))
            _put(connection, "header", line)
        if body or size:
            _put(connection, "body", (None, row.id, side, size, _text(body)))
    for each in record.messages:
        facts = (each.direction.value, each.kind, each.number, iso_us(each.time_us), _text(each.content))
        _put(connection, "message", (None, row.id, *facts))


def _put_findings(connection: sqlite3.Connection, findings: Sequence[Finding], redactor: Redactor) -> None:
    texts = _shown(_finding_texts(findings), redactor)
    for finding in findings:
        name = next(texts)
        _put(connection, "finding", (name, iso_us(finding.created_us), iso_us(finding.updated_us)))
        for marked in finding.exchanges:
            _put(connection, "finding_exchange", (name, marked.id))
        for what, _ in finding.fields:
            _put(connection, "finding_text", (name, what, next(texts)))
        for _ in finding.notes:
            _put(connection, "finding_text", (name, "note", next(texts)))


def _put_flags(connection: sqlite3.Connection, flags: Sequence[FlagRow], redactor: Redactor) -> None:
    texts = _shown(_flag_texts(flags), redactor)
    for row in flags:
        flag, answer = row.flag, row.answer
        facts = (flag.flag, flag.rule, flag.severity.word, flag.action.word, flag.initiator.value)
        says, note = next(texts), next(texts)
        counts = (row.count, row.first, row.last)
        _put(
            connection,
            "flag",
            (*facts, flag.clause.id, says, *counts, answer.answered_as.value if answer else None, note),
        )


def _finding_texts(findings: Iterable[Finding]) -> list[str]:
    texts: list[str] = []
    for finding in findings:
        texts.append(finding.name)
        texts += [text for _, text in finding.fields]
        texts += [note.text for note in finding.notes]
    return texts


def _flag_texts(flags: Iterable[FlagRow]) -> list[str]:
    return [
        text for row in flags for text in (row.flag.says, row.answer.note if row.answer is not None else "")
    ]


def _shown(texts: list[str], redactor: Redactor) -> Iterator[str]:
    """The same texts without what must not be shown, in order."""
    if texts:
        for _, text in redactor.show(_record_of_texts(texts)).record.meta:
            yield text


def _record_of_texts(texts: Iterable[str]) -> ExchangeRecord:
    """Texts of the researcher in the form in which a redactor takes them."""
    row = ExchangeRow(
        id=0,
        exchange="0" * 32,
        time_us=0,
        method="",
        url="",
        status=None,
        decision="",
        clause=None,
        reason="",
        initiator="",
        page=None,
        label=None,
        account=None,
        client="",
        flags=(),
        request_bytes=None,
        response_bytes=None,
        duration_us=None,
        session=0,
        outcome="",
        host="",
        scope_list=None,
    )
    return ExchangeRecord(
        row=row,
        request_line=b"",
        request_headers=(),
        request_body=None,
        request_body_bytes=None,
        request_body_sha256=None,
        response_line=None,
        response_headers=(),
        response_body=None,
        response_body_bytes=None,
        response_body_sha256=None,
        messages=(),
        meta=tuple(("text", text) for text in texts),
    )


def _put(connection: sqlite3.Connection, table: str, values: Sequence[object]) -> None:
    plain = [
        value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for value in values
    ]
    connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(plain))})", plain)


def _text(content: bytes | None) -> str | None:
    """What is text, without what a table cannot hold; None for pictures and the like."""
    if content is None or b"\0" in content[:TEXT_BYTES]:
        return None
    if len(content) > TEXT_BYTES:
        return content[:TEXT_BYTES].decode("utf-8", "replace") + "\n[cut]"
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _texts(connection: sqlite3.Connection) -> Iterator[bytes]:
    """Every text in every table, a line each."""
    for table in _TABLES:
        for row in connection.execute(f"SELECT * FROM {table}"):
            for value in row:
                if isinstance(value, str):
                    yield value.encode() + b"\n"


def _index(connection: sqlite3.Connection) -> None:
    from sqlite_utils import Database  # 0.1 s of imports that other formats need not pay

    database = Database(connection)
    for table, column in _SEARCHED.items():
        database.table(table).enable_fts([column], tokenize="unicode61")
        for name in ("exchange",) if table != "exchange" else ("host",):
            database.table(table).create_index([name])
