"""Exchanges, verdicts and flags for tests of the log: plain values, no test framework."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path

from fairwitness.evidence.log import Log
from fairwitness.evidence.schema import LOG_NAME
from fairwitness.evidence.streaming import BodyWriter
from fairwitness.model.connection import Connection
from fairwitness.model.exchange import (
    Client,
    Destination,
    Exchange,
    Headers,
    Initiator,
    Request,
    Response,
    new_exchange,
)
from fairwitness.model.flag import Flag, Pointer, Severity
from fairwitness.model.policy import Program
from fairwitness.model.verdict import Action, Clause, ScopeList, Verdict

NOON_US = 1_795_435_200_000_000  # 2026-11-23T12:00:00Z
PROGRAM = Program(name="Example", policy_url="https://example.test/policy")
CLAUSE = Clause("scope.include[0]", "only this host", "policy.yaml:12")
ALLOWED = Verdict(
    action=Action.ALLOW,
    clauses=(CLAUSE,),
    reason="app.example.test is in scope.include",
    scope_list=ScopeList.INCLUDE,
    host="app.example.test",
)
BLOCKED = Verdict(
    action=Action.BLOCK,
    clauses=(),
    reason="cdn.other.test is not listed",
    scope_list=None,
    mend="Add it to scope.load",
    host="cdn.other.test",
)
HEADERS: Headers = (
    (b"Host", b"app.example.test"),
    (b"User-Agent", b"Mozilla/5.0"),
    (b"Cookie", b"sid=abcdef; theme=dark"),
    (b"Authorization", b"Bearer s3cr3t"),
)


def make_client() -> Client:
    """A connection of a tool to the proxy."""
    return Client(connection=new_exchange(), address="127.0.0.1", port=40000)


def make_request(
    *,
    method: str = "GET",
    host: str = "app.example.test",
    target: bytes = b"/items?page=2&q=abc",
    headers: Headers = HEADERS,
    body: bytes = b"",
    at_us: int = NOON_US,
    page: str | None = None,
    client: Client | None = None,
) -> Request:
    """A request, received at *at_us*; with *page* one that this page made."""
    return Request(
        exchange=new_exchange(),
        received_us=at_us,
        client=client or make_client(),
        method=method,
        scheme="https",
        host=host,
        port=443,
        target=target,
        http_version="HTTP/1.1",
        headers=headers,
        destinations=(Destination("dial", "https", host, 443, "/items"),),
        body=body,
        body_bytes=len(body),
        initiator=Initiator.TOOL if page is None else Initiator.PAGE,
        initiator_why="for a test",
        page=page,
    )


def make_exchange(
    request: Request,
    *,
    status: int = 200,
    body: bytes = b"",
    headers: Headers = ((b"Content-Type", b"text/plain"), (b"Set-Cookie", b"sid=abcdef; Secure")),
    after_us: int = 5000,
) -> Exchange:
    """A request with its response, *after_us* later."""
    ended_us = request.received_us + after_us
    response = Response(
        http_version="HTTP/1.1",
        status=status,
        reason="OK",
        headers=headers,
        started_us=ended_us,
        ended_us=ended_us,
        body=body,
        body_bytes=len(body),
    )
    return Exchange(request=request, response=response, ended_us=ended_us)


def make_connection(*, purpose: str = "tunnel", host: str = "sign-in.test") -> Connection:
    """A dial that is about to happen."""
    return Connection(
        connection=new_exchange(),
        client=make_client(),
        dialled_us=NOON_US,
        host=host,
        port=443,
        purpose=purpose,
        scope_list="tunnel",
    )


def ended(connection: Connection, *, sent: int, received: int) -> Connection:
    """The same dial, a second later."""
    return replace(
        connection,
        addresses=("192.0.2.7",),
        peer="192.0.2.7:443",
        connected_us=NOON_US + 1000,
        closed_us=NOON_US + 1_000_000,
        bytes_sent=sent,
        bytes_received=received,
    )


def make_flag(name: str, exchange: str, *, rule: str = "request-rate", part: str = "head") -> Flag:
    """A flag that points to a part of an exchange as a whole."""
    return Flag(
        flag=name,
        rule=rule,
        severity=Severity.CHECK,
        action=Action.WARN,
        clause=CLAUSE,
        initiator=Initiator.TOOL,
        exchange=exchange,
        time_us=NOON_US,
        says="31 requests in 1 s\nthe limit is 5/s",
        advice="Slow down",
        shown_by=(Pointer(exchange, part),),
        reach="label ffuf at /items",
        blocks_until_us=NOON_US + 1,
    )


def write_chunks(writer: BodyWriter, content: bytes, size: int) -> None:
    """Stream *content* in chunks of *size*."""
    for at in range(0, len(content), size):
        writer.write(content[at : at + size])


@dataclass(frozen=True, slots=True)
class Cell:
    """One value in a table."""

    table: str
    columns: tuple[str, ...]
    row: tuple[object, ...]
    position: int

    @property
    def column(self) -> str:
        """The column it is in."""
        return self.columns[self.position]

    @property
    def value(self) -> object:
        """What it holds."""
        return self.row[self.position]

    def flipped(self, bit: int) -> object:
        """Its value with one bit changed; None where it holds nothing that has bits."""
        if isinstance(self.value, int):
            return self.value ^ 1 << bit % 40
        if not isinstance(self.value, (str, bytes)) or not self.value:
            return None
        raw = bytearray(self.value.encode() if isinstance(self.value, str) else self.value)
        if isinstance(self.value, str):
            raw[bit // 8 % len(raw)] ^= 1
            return raw.decode("latin-1")
        raw[bit // 8 % len(raw)] ^= 1 << bit % 8
        return bytes(raw)


@dataclass(frozen=True, slots=True)
class Tamper:
    """Changes a log behind the back of its triggers, and puts the triggers back as they were."""

    folder: Path
    name: str = LOG_NAME

    def run(self, sql: str, values: tuple[object, ...] = ()) -> int:
        """Run one statement without any trigger; gives how many rows it changed."""
        connection = sqlite3.connect(self.folder / self.name)
        try:
            triggers = connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall()
            for name, _ in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            changed = connection.execute(sql, values).rowcount
            for _, made_by in triggers:
                connection.execute(made_by)
            connection.commit()
        finally:
            connection.close()
        return changed

    def cells(self) -> list[Cell]:
        """Every value in every table."""
        found: list[Cell] = []
        connection = sqlite3.connect(self.folder / self.name)
        try:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                rows = connection.execute(f"SELECT * FROM {table}")  # noqa: S608 - a name of the schema
                columns = tuple(column[0] for column in rows.description)
                for row in rows.fetchall():
                    found += [Cell(table, columns, row, position) for position in range(len(columns))]
        finally:
            connection.close()
        return found

    def put(self, cell: Cell, value: object) -> int:
        """Give a cell another value; gives how many rows were changed."""
        test = " AND ".join(f"{column} IS ?" for column in cell.columns)
        sql = f"UPDATE {cell.table} SET {cell.column} = ? WHERE {test}"  # noqa: S608 - names of the schema
        return self.run(sql, (value, *cell.row))


def open_log(folder: Path, *, now_us: int = NOON_US) -> Log:
    """The log of the test's program."""
    return Log.open(folder, program=PROGRAM, now_us=now_us)
