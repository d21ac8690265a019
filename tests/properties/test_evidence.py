"""Properties of the log: any bytes survive store and read, and any flipped bit of an entry is seen."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairwitness.evidence import Keep, Log, Reader
from fairwitness.evidence.heads import wire
from fairwitness.evidence.meta import meta_lines, read_meta
from fairwitness.evidence.testing import (
    ALLOWED,
    NOON_US,
    Tamper,
    make_exchange,
    make_request,
    open_log,
    write_chunks,
)
from fairwitness.evidence.viewrow import sql_text
from fairwitness.model.exchange import Headers, Request, Response
from fairwitness.model.message import Direction, Message

texts = st.text(st.characters(exclude_categories=()), max_size=30)
headers: st.SearchStrategy[Headers] = st.lists(
    st.tuples(st.binary(max_size=20), st.binary(max_size=60)), max_size=12
).map(tuple)
cookies = st.lists(
    st.tuples(
        st.sampled_from([b"cookie", b"Cookie", b"COOKIE"]), st.binary(max_size=40) | st.just(b"a=1; b=;;c")
    ),
    max_size=2,
).map(tuple)
sizes = st.sampled_from([0, 1, 100, 4095, 4096, 4097, 20_000, 300_000])
bodies = st.binary(max_size=200) | st.tuples(sizes, st.integers(0, 9)).map(
    lambda made: random.Random(made[1]).randbytes(made[0])
)

requests = st.builds(
    lambda method, path, query, lines, more, body, trailers, version: replace(
        make_request(method=method, headers=lines + more, body=body),
        target=b"/" + path.replace(b"?", b"") + query,
        trailers=trailers,
        http_version=version,
    ),
    texts,
    st.binary(max_size=40),
    st.just(b"") | st.binary(max_size=60).map(lambda query: b"?" + query),
    headers,
    cookies,
    bodies,
    headers,
    st.sampled_from(["HTTP/1.0", "HTTP/1.1", "HTTP/2.0"]) | texts,
)


@st.composite
def responses(draw: st.DrawFn) -> Response:
    """A response with any bytes in it."""
    body = draw(bodies)
    return Response(
        http_version=draw(texts),
        status=draw(st.integers(0, 999)),
        reason=draw(texts),
        headers=draw(headers),
        started_us=NOON_US + 1,
        ended_us=NOON_US + 2,
        body=body,
        body_bytes=len(body),
        trailers=draw(headers),
    )


def _store(log: Log, request: Request, response: Response, *, streamed: bool, chunk: int) -> None:
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    exchange = replace(make_exchange(request), response=response)
    writer = None
    if streamed:
        writer = log.open_body(request.exchange, Direction.RECEIVED, keep=Keep.WHOLE)
        write_chunks(writer, response.body, chunk)
    log.append_response(exchange, body=writer, keep=Keep.WHOLE)


def _line(request: Request) -> bytes:
    method, version = (
        text.encode("utf-8", "surrogatepass") for text in (request.method, request.http_version)
    )
    return (method + b" " + request.target + b" " + version + b"\r\n").removesuffix(b"\r\n")


@settings(max_examples=40, deadline=None)
@given(requests, responses(), st.booleans(), st.integers(1, 70_000))
def test_any_bytes_survive_store_and_read(
    request: Request, response: Response, streamed: bool, chunk: int
) -> None:
    """Hostile bytes in every place come back as they were, and the log that holds them has no problem."""
    with tempfile.TemporaryDirectory() as folder:
        log = open_log(Path(folder))
        _store(log, request, response, streamed=streamed, chunk=chunk)
        log.close(time_us=NOON_US)
        with Reader.open(Path(folder)) as reader:
            record = reader.exchange("1")
            problems = list(reader.problems())

    assert [] == problems
    assert _line(request) == record.request_line
    assert request.headers == record.request_headers
    assert request.body == record.request_body
    assert response.headers == record.response_headers
    assert response.body == record.response_body
    assert (response.status, sql_text(wire(request.method).decode("utf-8", "surrogateescape"))) == (
        record.row.status,
        record.row.method,
    )
    assert request.url == record.row.url


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(Direction), st.binary(max_size=5000)), max_size=8))
def test_any_messages_survive_store_and_read(contents: list[tuple[Direction, bytes]]) -> None:
    """In their order, with any bytes."""
    request = make_request()
    messages = tuple(
        Message(
            exchange=request.exchange,
            direction=direction,
            kind="binary",
            number=number,
            content=content,
            time_us=NOON_US,
        )
        for number, (direction, content) in enumerate(contents, 1)
    )
    with tempfile.TemporaryDirectory() as folder:
        log = open_log(Path(folder))
        log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
        for message in messages:
            log.append_message(message, keep=Keep.WHOLE)
        log.close(time_us=NOON_US)
        with Reader.open(Path(folder)) as reader:
            found = reader.exchange("1").messages

            assert [] == list(reader.problems())
    assert messages == found


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True), st.text(st.characters(exclude_categories=()))
        ),
        max_size=60,
    )
)
def test_any_meta_survives(pairs: list[tuple[str, str]]) -> None:
    """Line breaks, backslashes and lone surrogates in a value are no way into the next line."""
    lines = meta_lines(pairs)

    assert pairs == read_meta(b"".join(lines))
    assert [1] * len(pairs) == [line.count(b"\n") for line in lines]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small log with bodies of every kind."""
    folder = tmp_path_factory.mktemp("property") / "evidence"
    log = open_log(folder)
    log.append_session([("version", "1")], time_us=NOON_US)
    for size in (0, 700, 9000, 300_000):
        request = make_request(body=random.Random(size).randbytes(size))
        response = make_exchange(request, body=b"%d" % size * 2000).response
        assert response is not None
        _store(log, request, response, streamed=False, chunk=1)
    log.checkpoint_full()
    log.close(time_us=NOON_US)
    return folder


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_flipped_bit_of_any_table_is_seen(sample: Path, data: st.DataObject) -> None:
    """Whichever value of whichever row it is in, in the log or in the view."""
    name = data.draw(st.sampled_from(["log.sqlite3", "log.sqlite3", "view.sqlite3"]))
    cells = [cell for cell in Tamper(sample, name).cells() if cell.flipped(0) is not None]
    cell = data.draw(st.sampled_from(cells))
    bit = data.draw(st.integers(0, 8 * len(cell.value) - 1 if isinstance(cell.value, (str, bytes)) else 40))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "evidence"
        shutil.copytree(sample, folder)
        try:
            Tamper(folder, name).put(cell, cell.flipped(bit))
        except sqlite3.IntegrityError:
            return  # SQLite itself does not let it happen: a key that is there already
        with Reader.open(folder) as reader:
            assert [] != list(reader.problems())
