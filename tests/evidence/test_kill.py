"""A process that dies, a disk that is full, a second process: what the log is for."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fairwitness.errors import EvidenceError
from fairwitness.evidence import Log, Reader, holder_of
from fairwitness.evidence.testing import NOON_US, open_log

WRITER = Path(__file__).with_name("writer.py")
Writer = subprocess.Popen[bytes]


@pytest.fixture
def write(evidence: Path) -> Iterator[Callable[..., Writer]]:
    """Starts processes that write, and ends them."""
    with contextlib.ExitStack() as stack:

        def start(mode: str, folder: Path = evidence) -> Writer:
            writer = subprocess.Popen(
                [sys.executable, str(WRITER), str(folder), mode], stdout=subprocess.PIPE
            )
            stack.callback(_end, writer)
            return writer

        yield start


def _end(writer: Writer) -> None:
    if writer.poll() is None:
        writer.kill()
    writer.wait()
    assert writer.stdout is not None
    writer.stdout.close()


def _line(writer: Writer) -> str:
    assert writer.stdout is not None
    return writer.stdout.readline().decode().rstrip("\n")


def _kill(writer: Writer) -> list[str]:
    """What it had said by the time it died."""
    os.kill(writer.pid, signal.SIGKILL)
    rest, _ = writer.communicate()
    return rest.decode().split("\n")[:-1]


@pytest.mark.parametrize("after", [1, 60, 400, pytest.param(1500, marks=pytest.mark.slow)])
def test_every_request_whose_commit_returned_survives_sigkill(
    write: Callable[..., Writer], evidence: Path, after: int
) -> None:
    """Killed under load, the log holds everything that was released, and goes on."""
    writer = write("load")
    assert "open" == _line(writer)
    said = [_line(writer) for _ in range(after)]
    said += _kill(writer)
    log = open_log(evidence)
    log.append_session([], time_us=NOON_US)
    log.commit_now()
    with Reader.open(evidence) as reader:
        rows = {row.exchange: row for row in reader.exchanges()}
        problems = list(reader.problems())
    log.close(time_us=NOON_US)

    assert [] == [name for name in said if name not in rows]
    assert [] == problems
    assert {"complete", "unknown"} >= {row.outcome for row in rows.values()}
    assert list(range(1, len(rows) + 1)) == [row.id for row in rows.values()]
    unknown = sum(row.outcome == "unknown" for row in rows.values())
    noun = "exchange" if unknown == 1 else "exchanges"
    assert (f"session 1 was cut off: the outcome of {unknown} {noun} is unknown",) == log.recovered


@pytest.mark.parametrize("after", [1, 7, 20])
def test_large_bodies_survive_sigkill(write: Callable[..., Writer], evidence: Path, after: int) -> None:
    """Files and rows agree wherever the kill fell, and no part file stays."""
    writer = write("bodies")
    assert "open" == _line(writer)
    said = [_line(writer) for _ in range(after)]
    said += _kill(writer)
    open_log(evidence).close(time_us=NOON_US)
    with Reader.open(evidence) as reader:
        records = [reader.exchange(name) for name in said]

        assert [] == list(reader.problems())
    assert [(300_000, 300_000)] * len(said) == [
        (len(record.request_body or b""), len(record.response_body or b"")) for record in records
    ]
    assert [] == list((evidence / "bodies" / "parts").iterdir())


def test_killed_twice_the_log_is_whole(write: Callable[..., Writer], evidence: Path) -> None:
    """The next run, killed as well, loses nothing of the first."""
    said: list[str] = []
    for _ in range(2):
        writer = write("load")
        assert "open" == _line(writer)
        said += [_line(writer) for _ in range(50)]
        said += _kill(writer)
    with Reader.open(evidence) as reader:
        rows = {row.exchange: row for row in reader.exchanges()}

        assert [] == list(reader.problems())
    assert set(said) <= rows.keys()
    assert {1, 2} == {row.session for row in rows.values()}
    assert "open" not in {row.outcome for row in rows.values()}


def test_streamed_upload_survives_sigkill_as_far_as_it_went(
    write: Callable[..., Writer], evidence: Path
) -> None:
    """Each chunk was on the disk before it was passed on; the body is in the log after recovery."""
    writer = write("upload")
    assert "open" == _line(writer)
    name = _line(writer)
    said = [_line(writer) for _ in range(60)]
    said += _kill(writer)
    log = open_log(evidence)
    log.close(time_us=NOON_US)
    with Reader.open(evidence) as reader:
        record = reader.exchange(name)

        assert [] == list(reader.problems())
    assert record.request_body is not None
    assert len(record.request_body) >= int(said[-1])
    assert set(b"0123456789") == set(record.request_body)
    assert "unknown" == record.row.outcome
    assert [] == list((evidence / "bodies" / "parts").iterdir())


def test_reader_sees_a_killed_run_before_anybody_recovers_it(
    write: Callable[..., Writer], evidence: Path
) -> None:
    """Without a holder, what is open can only be unknown."""
    writer = write("upload")
    assert "open" == _line(writer)
    name = _line(writer)
    with Reader.open(evidence) as reader:
        assert "open" == reader.exchange(name).row.outcome
        _kill(writer)

        assert "unknown" == reader.exchange(name).row.outcome
        assert reader.holder() is None


def test_second_process_is_refused_and_told_who_holds_the_log(
    write: Callable[..., Writer], evidence: Path
) -> None:
    """The error names the process and since when; readers see its socket."""
    first = write("hold")
    assert ["open", "told"] == [_line(first), _line(first)]
    second = write("hold")
    refusal = _line(second)

    assert 3 == second.wait()
    assert f"process {first.pid} has been writing this log since 2026-11-23T12:00:00.000000Z" in refusal
    with pytest.raises(EvidenceError, match=f"process {first.pid} "):
        open_log(evidence)
    holder = holder_of(evidence)
    assert holder is not None
    assert (first.pid, NOON_US, "/run/example.sock") == (holder.pid, holder.since_us, holder.socket)


def test_of_two_processes_at_once_exactly_one_writes(write: Callable[..., Writer]) -> None:
    """Whoever comes first; the other one says so and ends."""
    said = [_line(writer)[:5] for writer in [write("hold"), write("hold")]]

    assert ["error", "open"] == sorted(said)


def test_killed_holder_leaves_no_lock(write: Callable[..., Writer], open_again: Callable[[], Log]) -> None:
    """The next one needs not wait, and nobody has to delete a file."""
    writer = write("hold")
    assert "open" == _line(writer)
    _kill(writer)

    assert open_again().failure is None


def test_file_that_may_not_grow_fails_the_log_for_good(write: Callable[..., Writer], evidence: Path) -> None:
    """What was said to be committed is there; afterwards nothing is accepted any more."""
    writer = write("fill")
    said = _kill_when_done(writer)

    _assert_failed_cleanly(said, evidence)


def test_full_disk_fails_the_log_for_good(write: Callable[..., Writer], evidence: Path) -> None:
    """On a file system of 2 MiB, where one may be mounted; else under a limit on the size of files."""
    evidence.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(evidence)]
    is_mounted = (
        os.geteuid() == 0 and subprocess.run(mounting, capture_output=True, check=False).returncode == 0
    )
    try:
        said = _kill_when_done(write("fill"))

        _assert_failed_cleanly(said, evidence)
    finally:
        if is_mounted:
            subprocess.run(["umount", str(evidence)], check=True)


def _kill_when_done(writer: Writer) -> list[str]:
    said, _ = writer.communicate(timeout=60)
    return said.decode().split("\n")[:-1]


def _assert_failed_cleanly(said: list[str], evidence: Path) -> None:
    names = [line for line in said if len(line) == 32]
    with Reader.open(evidence) as reader:
        rows = {row.exchange for row in reader.exchanges()}
        problems = list(reader.problems())

    assert said[0] == "open"
    assert 5 <= len(names)
    assert set(names) <= rows
    assert [] == problems
    assert [True, True] == [
        line.startswith("error ") and "the log has failed" in line for line in said[-3:-1]
    ]
    assert said[-1].startswith("failure it cannot be written")
