"""Tests of fairwitness.evidence.streaming and fairwitness.evidence.bodies."""

from __future__ import annotations

import hashlib
import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from fairwitness.evidence import Keep, Log, Reader
from fairwitness.evidence.testing import ALLOWED, NOON_US, make_exchange, make_request, write_chunks
from fairwitness.model.message import Direction
from fairwitness.model.record import ExchangeRecord

KIB, MIB = 1 << 10, 1 << 20
TEXT = b"The quick brown fox. "


def _noise(size: int, seed: int = 1) -> bytes:
    """Bytes that no compression makes smaller, the same ones each time."""
    return random.Random(seed).randbytes(size)


def _receive(log: Log, content: bytes, *, chunk: int = 60_000, keep: Keep = Keep.WHOLE) -> str:
    request = make_request()
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=keep)
    writer = log.open_body(request.exchange, Direction.RECEIVED, keep=keep)
    write_chunks(writer, content, chunk)
    writer.finish()

    assert (len(content), hashlib.sha256(content).hexdigest()) == (writer.bytes, writer.sha256)
    log.append_response(make_exchange(request), body=writer, keep=keep)
    return request.exchange


def _send(log: Log, content: bytes, *, chunk: int = 60_000) -> str:
    request = make_request(method="PUT")
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    writer = log.open_body(request.exchange, Direction.SENT, keep=Keep.WHOLE)
    write_chunks(writer, content, chunk)
    log.append_body(request.exchange, writer, time_us=NOON_US, failure=None)
    log.append_response(make_exchange(request), body=None, keep=Keep.WHOLE)
    return request.exchange


def _record(log: Log, name: str) -> ExchangeRecord:
    """The exchange as it is read back, from a log that has no problem."""
    log.checkpoint_full()
    with Reader.open(log.folder) as reader:
        assert [] == list(reader.problems())
        return reader.exchange(name)


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 256 * KIB, 256 * KIB + 1, MIB, MIB + 1, MIB + 4097])
@pytest.mark.parametrize("make", [_noise, lambda size: (TEXT * (size // len(TEXT) + 1))[:size]])
def test_body_comes_back_whichever_way_it_is_stored(
    log: Log, size: int, make: Callable[[int], bytes]
) -> None:
    """In the row, in the table or as a file; received or sent; in chunks of any size."""
    content = make(size)
    received, sent = _receive(log, content, chunk=9_999), _send(log, content)
    record = _record(log, received)

    assert content == record.response_body
    assert size == record.response_body_bytes
    assert content == _record(log, sent).request_body
    assert [] == list((log.folder / "bodies" / "parts").iterdir())


@pytest.mark.parametrize("size", [10, 5000, 300 * KIB, MIB])
def test_body_that_streamed_has_the_entry_of_one_that_did_not(log: Log, size: int) -> None:
    """Both verify, and both are the same content: it is stored once."""
    content = _noise(size)
    request = make_request()
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.append_response(make_exchange(request, body=content), body=None, keep=Keep.WHOLE)
    streamed = _receive(log, content)

    assert content == _record(log, request.exchange).response_body
    assert content == _record(log, streamed).response_body
    (count,) = log._journal.store.connection.execute("SELECT count(*) FROM body").fetchone()
    assert (size > 4096) == count


def test_same_content_twice_in_one_commit_is_stored_once(log: Log) -> None:
    """Also when both stream at the same time."""
    names = []
    contents = [_noise(300 * KIB), _noise(9000)]
    for content in contents:
        requests = [make_request(), make_request()]
        writers = []
        for request in requests:
            log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
            writers.append(log.open_body(request.exchange, Direction.RECEIVED, keep=Keep.WHOLE))
        for writer in writers:
            writer.write(content)
        for writer in writers:
            writer.finish()
        for request, writer in zip(requests, writers, strict=True):
            log.append_response(make_exchange(request), body=writer, keep=Keep.WHOLE)
            names.append(request.exchange)

    found = [_record(log, name).response_body for name in names]

    assert [contents[0]] * 2 + [contents[1]] * 2 == found


def test_large_body_is_stored_up_to_16_mib_in_constant_memory(log: Log) -> None:
    """Hash and size are of the whole; a part is never given out as if it were the whole."""
    noise = random.Random(1)
    whole = hashlib.sha256()
    request = make_request()
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    writer = log.open_body(request.exchange, Direction.RECEIVED, keep=Keep.WHOLE)
    tracemalloc.start()
    for _ in range(100):
        block = noise.randbytes(256 * KIB)
        whole.update(block)
        writer.write(block)
    writer.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    log.append_response(make_exchange(request), body=writer, keep=Keep.WHOLE)
    record = _record(log, request.exchange)
    stored = sum(path.stat().st_size for path in (log.folder / "bodies").rglob("*") if path.is_file())

    assert peak < 4 * MIB
    assert (25 * MIB, whole.hexdigest()) == (record.response_body_bytes, record.response_body_sha256)
    assert record.response_body is None
    assert ("body-stored", f"the first {16 * MIB} bytes") in record.meta
    assert 16 * MIB <= stored < 17 * MIB


def test_body_of_exactly_the_limit_is_whole(log: Log) -> None:
    """16 MiB are stored, one byte more is cut."""
    content = bytes(16 * MIB)
    whole, cut = _receive(log, content, chunk=MIB), _receive(log, content + b"x", chunk=MIB)

    assert content == _record(log, whole).response_body
    assert _record(log, cut).response_body is None


def test_chunk_of_an_upload_is_on_the_disk_when_write_returns(log: Log) -> None:
    """What a part file holds can be read at any moment."""
    writer = log.open_body(make_request().exchange, Direction.SENT, keep=Keep.WHOLE)
    writer.write(b"first chunk")
    (part,) = (log.folder / "bodies" / "parts").iterdir()

    assert b"first chunk" in part.read_bytes()


def test_body_of_a_load_host_leaves_no_file(log: Log, evidence: Path) -> None:
    """Nothing of it is stored anywhere while it streams; hash and size are."""
    content = b"s3cr3t" * 100_000
    name = _receive(log, content, keep=Keep.HEAD)
    record = _record(log, name)

    assert b"s3cr3ts3cr3t" not in b"".join(
        path.read_bytes() for path in evidence.rglob("*") if path.is_file()
    )
    assert (None, len(content), hashlib.sha256(content).hexdigest()) == (
        record.response_body,
        record.response_body_bytes,
        record.response_body_sha256,
    )
    assert [] == list((evidence / "bodies" / "parts").iterdir())


def test_finished_body_takes_no_more(log: Log) -> None:
    """Writing on is a mistake of the caller."""
    writer = log.open_body(make_request().exchange, Direction.RECEIVED, keep=Keep.WHOLE)
    writer.write(b"x")
    writer.finish()
    writer.finish()
    with pytest.raises(ValueError, match="finished"):
        writer.write(b"y")


def test_broken_file_of_an_earlier_crash_is_replaced(log: Log) -> None:
    """A power cut may leave half a file under the right name, with no row that refers to it."""
    content = _noise(400 * KIB)
    name = hashlib.sha256(content).hexdigest()
    path = log.folder / "bodies" / name[:2] / name
    path.parent.mkdir()
    path.write_bytes(b"half")

    assert content == _record(log, _receive(log, content)).response_body


def test_large_body_in_memory_is_a_file(log: Log) -> None:
    """Above 256 KiB compressed, the database only refers to it."""
    content = os.urandom(MIB)
    request = make_request(method="POST", body=content)
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)

    assert content == _record(log, request.exchange).request_body
    name = hashlib.sha256(content).hexdigest()
    assert (log.folder / "bodies" / name[:2] / name).is_file()
