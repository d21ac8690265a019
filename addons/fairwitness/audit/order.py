"""Puts a recording into the order of its times, whatever the order of its file.

Files are not sorted: a dump has its exchanges as they ended, a browser as it lists them, Burp as its table
was sorted, in reverse perhaps.  Judging needs each request and each end in its turn.  So everything is read
once into a private file of SQLite, which sorts the times on disk; memory stays the same for any size.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from fairwitness.errors import RecordingError
from fairwitness.model.exchange import Client, Destination, Exchange, Headers, Request, Response
from fairwitness.model.message import Direction, Message
from fairwitness.model.recording import Asked, Ended, Moment, Recorded, Told

_SCHEMA = """
CREATE TABLE exchange (position INTEGER PRIMARY KEY, request TEXT, request_body BLOB,
    response TEXT, body BLOB);
CREATE TABLE message (position INTEGER, number INTEGER, facts TEXT, content BLOB,
    PRIMARY KEY (position, number)) WITHOUT ROWID;
CREATE TABLE moment (time_us INTEGER, position INTEGER, kind INTEGER, number INTEGER, is_last INTEGER);
"""
_IN_ORDER = "SELECT position, kind, number, is_last FROM moment ORDER BY time_us, position, kind, number"
# Within one moment an exchange is over before the next of the file begins: a recording whose clock has
# seconds only must not look as if everything in a second had been open at once.
_ASKED, _ENDED, _TOLD = 0, 1, 2


class InOrder:
    """The moments of one recording.

    A class, because it owns the file, which has no name and is gone when it is closed.  Enter it with
    ``with``; `add` everything, then iterate.

    Args:
        name: The recording, for messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._store = sqlite3.connect("", isolation_level=None)  # "": a temporary file that nobody can open
        self.count = 0
        """How many exchanges were added."""

    def __enter__(self) -> Self:
        self._store.execute("PRAGMA journal_mode=OFF")
        self._store.executescript(_SCHEMA)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store.close()

    def add(self, recorded: Recorded) -> None:
        """Take the next exchange of the file.

        Raises:
            RecordingError: There is no room for it on the disk.
        """
        try:
            self._add(recorded)
        except sqlite3.Error as error:
            raise RecordingError(
                f"there is no room to sort it ({error})",
                where=self._name,
                mend="Make room in the folder for temporary files, or name another with SQLITE_TMPDIR",
            ) from None

    def _add(self, recorded: Recorded) -> None:
        self.count += 1
        request, response = recorded.exchange.request, recorded.exchange.response
        self._store.execute(
            "INSERT INTO exchange VALUES (?, ?, ?, ?, ?)",
            (
                self.count,
                _dump_request(request),
                request.body,
                _dump_end(recorded.exchange),
                response.body if response else b"",
            ),
        )
        for number, message in enumerate(recorded.messages):
            facts = json.dumps([message.direction, message.kind, message.number, message.time_us])
            row = (self.count, number, facts, message.content)
            self._store.execute("INSERT INTO message VALUES (?, ?, ?, ?)", row)
        moments = [
            (request.received_us, _ASKED, 0),
            (max(recorded.exchange.ended_us, request.received_us), _ENDED, 0),
            *((message.time_us, _TOLD, number) for number, message in enumerate(recorded.messages)),
        ]
        last = max(moments)
        self._store.executemany(
            "INSERT INTO moment VALUES (?, ?, ?, ?, ?)",
            [(at, self.count, kind, number, (at, kind, number) == last) for at, kind, number in moments],
        )

    def __iter__(self) -> Iterator[Moment]:
        for position, kind, number, is_last in self._store.execute(_IN_ORDER):
            if kind == _ASKED:
                yield Asked(position, self._request(position), bool(is_last))
            elif kind == _ENDED:
                yield Ended(position, self._exchange(position), bool(is_last))
            else:
                request = replace(self._request(position), body=b"")
                yield Told(position, request, self._message(position, number, request), bool(is_last))

    def _request(self, position: int) -> Request:
        facts, body = self._one("SELECT request, request_body FROM exchange WHERE position = ?", position)
        return _load_request(facts, body)

    def _exchange(self, position: int) -> Exchange:
        facts, body = self._one("SELECT response, body FROM exchange WHERE position = ?", position)
        return _load_end(facts, body, self._request(position))

    def _message(self, position: int, number: int, request: Request) -> Message:
        facts, content = self._one(
            "SELECT facts, content FROM message WHERE position = ? AND number = ?", position, number
        )
        direction, kind, counted, time_us = json.loads(facts)
        return Message(
            exchange=request.exchange,
            direction=Direction(direction),
            kind=kind,
            number=counted,
            content=content,
            time_us=time_us,
        )

    def _one(self, question: str, *given: int) -> tuple[Any, ...]:
        row: tuple[Any, ...] = self._store.execute(question, given).fetchone()
        return row


_REQUEST_FACTS = (
    "exchange",
    "received_us",
    "method",
    "scheme",
    "host",
    "port",
    "http_version",
    "body_bytes",
    "body_is_cut",
)
_RESPONSE_FACTS = (
    "http_version",
    "status",
    "reason",
    "started_us",
    "ended_us",
    "body_bytes",
    "body_is_cut",
)
_DESTINATION_FACTS = ("named_by", "scheme", "host", "port", "path")
_CLIENT_FACTS = ("connection", "address", "port", "label", "ja4")


def _facts(of: object, names: tuple[str, ...]) -> list[object]:
    return [getattr(of, name) for name in names]


def _dump_request(request: Request) -> str:
    return json.dumps(
        [
            dict(zip(_REQUEST_FACTS, _facts(request, _REQUEST_FACTS), strict=True)),
            _facts(request.client, _CLIENT_FACTS),
            [_facts(each, _DESTINATION_FACTS) for each in request.destinations],
            request.target.decode("latin-1"),
            _dump_headers(request.headers),
            _dump_headers(request.trailers),
        ]
    )


def _load_request(facts: str, body: bytes) -> Request:
    plain, client, destinations, target, headers, trailers = json.loads(facts)
    return Request(
        **plain,
        client=Client(**dict(zip(_CLIENT_FACTS, client, strict=True))),
        destinations=tuple(Destination(*each) for each in destinations),
        target=target.encode("latin-1"),
        headers=_load_headers(headers),
        trailers=_load_headers(trailers),
        body=body,
    )


def _dump_end(exchange: Exchange) -> str:
    response = exchange.response
    if response is None:
        return json.dumps([exchange.failure, exchange.ended_us, None])
    plain = dict(zip(_RESPONSE_FACTS, _facts(response, _RESPONSE_FACTS), strict=True))
    headers, trailers = _dump_headers(response.headers), _dump_headers(response.trailers)
    return json.dumps([exchange.failure, exchange.ended_us, [plain, headers, trailers]])


def _load_end(facts: str, body: bytes, request: Request) -> Exchange:
    failure, ended_us, answered = json.loads(facts)
    response = None
    if answered is not None:
        plain, headers, trailers = answered
        response = Response(
            **plain, headers=_load_headers(headers), trailers=_load_headers(trailers), body=body
        )
    return Exchange(request=request, response=response, failure=failure, ended_us=ended_us)


def _dump_headers(headers: Headers) -> list[list[str]]:
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]


def _load_headers(dumped: list[list[str]]) -> Headers:
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in dumped)
