"""Files that are deleted, replaced or cut off while the log is open: SQLite alone would notice nothing."""

from __future__ import annotations

import asyncio
import errno
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from fairwitness.errors import EvidenceError
from fairwitness.evidence import Keep, Log, Reader
from fairwitness.evidence.testing import ALLOWED, NOON_US, make_flag, make_request
from fairwitness.model.exchange import new_exchange
from fairwitness.model.message import Direction


def _delete(folder: Path) -> None:
    (folder / "log.sqlite3").unlink()


def _delete_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def _move_folder(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def _replace(folder: Path) -> None:
    path = folder / "log.sqlite3"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)


def _truncate(folder: Path) -> None:
    with (folder / "log.sqlite3").open("r+b") as file:
        file.truncate(0)


def _delete_wal(folder: Path) -> None:
    (folder / "log.sqlite3-wal").unlink()


def _replace_wal(folder: Path) -> None:
    path = folder / "log.sqlite3-wal"
    path.rename(folder / "kept")
    shutil.copy(folder / "kept", path)


def _truncate_wal(folder: Path) -> None:
    with (folder / "log.sqlite3-wal").open("r+b") as file:
        file.truncate(32)


HARMS: list[Callable[[Path], None]] = [
    _delete,
    _delete_folder,
    _move_folder,
    _replace,
    _truncate,
    _delete_wal,
    _replace_wal,
    _truncate_wal,
]


def _release(log: Log) -> None:
    log.append_request(make_request(), verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    asyncio.run(log.commit())


@pytest.mark.parametrize("harm", HARMS)
def test_a_log_whose_files_went_astray_does_not_close_as_if_all_was_well(
    log: Log, harm: Callable[[Path], None]
) -> None:
    """Nothing more was asked of it since: its end is the first that finds no place, and that is said."""
    for _ in range(300):
        log.append_note("before", time_us=NOON_US)
    log.checkpoint_full()
    harm(log.folder)

    with pytest.raises(EvidenceError, match="the log has failed"):
        log.close(time_us=NOON_US)


@pytest.mark.parametrize("harm", HARMS)
def test_nothing_is_released_into_files_that_went_astray(log: Log, harm: Callable[[Path], None]) -> None:
    """The very next commit fails, and the log stays failed."""
    for _ in range(300):
        log.append_note("before", time_us=NOON_US)
    log.checkpoint_full()
    harm(log.folder)
    with pytest.raises(EvidenceError, match="the log has failed"):
        _release(log)

    assert log.failure is not None
    with pytest.raises(EvidenceError, match="the log has failed"):
        _release(log)


def test_all_waiters_learn_of_the_failure(log: Log) -> None:
    """None of twenty requests that wait for one commit is released."""
    log.commit_now()
    _delete(log.folder)

    async def release() -> None:
        log.append_request(make_request(), verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
        await log.commit()

    async def all_at_once() -> list[BaseException | None]:
        return await asyncio.gather(*(release() for _ in range(20)), return_exceptions=True)

    assert [EvidenceError] * 20 == [type(result) for result in asyncio.run(all_at_once())]


def test_failed_log_accepts_nothing(log: Log) -> None:
    """Every way of writing says so."""
    writer = log.open_body(new_exchange(), Direction.SENT, keep=Keep.WHOLE)
    log.commit_now()
    _delete(log.folder)
    log.append_note("x", time_us=NOON_US)
    with pytest.raises(EvidenceError, match="deleted while it was open"):
        log.commit_now()
    uses: list[Callable[[], object]] = [
        lambda: log.append_note("x", time_us=NOON_US),
        lambda: log.append_request(make_request(), verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE),
        lambda: log.append_blocked(make_request(), verdict=ALLOWED, time_us=NOON_US),
        lambda: log.append_flag(make_flag("f1", new_exchange())),
        lambda: log.open_body(new_exchange(), Direction.SENT, keep=Keep.WHOLE),
        lambda: writer.write(b"x"),
        lambda: writer.finish(),
        lambda: log.checkpoint_full(),
        lambda: asyncio.run(log.checkpoint()),
        lambda: asyncio.run(log.commit()),
        lambda: log.commit_now(),
    ]
    for use in uses:
        with pytest.raises(EvidenceError, match="the log has failed"):
            use()


def test_failed_log_can_be_closed_and_its_folder_used_again(
    log: Log, open_again: Callable[[], Log], evidence: Path
) -> None:
    """Closing a failed log gives the lock up; the entries before the failure are there."""
    log.append_note("kept", time_us=NOON_US)
    log.checkpoint_full()
    _truncate_wal(evidence)
    log.append_note("lost", time_us=NOON_US)
    with pytest.raises(EvidenceError):
        log.commit_now()
    log.close(time_us=NOON_US)

    assert log.failure is not None
    assert open_again().failure is None


def test_lock_file_that_is_taken_away_fails_the_log(log: Log) -> None:
    """Else a second process could lock a new one and write as well."""
    (log.folder / "lock").unlink()
    with pytest.raises(EvidenceError, match="lock file was deleted"):
        log.checkpoint_full()


def test_parts_that_cannot_be_written_fail_the_log(log: Log) -> None:
    """An upload of which nothing can be stored must not go on."""
    shutil.rmtree(log.folder / "bodies")
    writer = log.open_body(new_exchange(), Direction.SENT, keep=Keep.WHOLE)
    with pytest.raises(EvidenceError, match="the log has failed"):
        writer.write(b"x")

    assert log.failure is not None


def test_another_writer_of_the_database_fails_the_log(log: Log) -> None:
    """A foreign program that adds an entry breaks the sequence, and that is found at the next commit."""
    log.commit_now()
    other = sqlite3.connect(log.folder / "log.sqlite3")
    other.execute(
        "INSERT INTO entry SELECT idx + 1, kind, time_us, exchange, after, NULL, leaf FROM entry"
        " ORDER BY idx DESC LIMIT 1"
    )
    other.commit()
    other.close()
    log.append_note("x", time_us=NOON_US)
    with pytest.raises(EvidenceError, match="the log has failed"):
        log.commit_now()


def test_half_an_entry_is_never_committed(
    log: Log, open_again: Callable[[], Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory that runs out in the middle of an entry fails the log; what was committed verifies."""
    _release(log)

    def out_of_memory(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr("fairwitness.evidence.position.Position.move", out_of_memory)
        with pytest.raises(MemoryError):
            log.append_note("half", time_us=NOON_US)
    with pytest.raises(EvidenceError, match="into the middle of an entry"):
        _release(log)
    log.close(time_us=NOON_US)
    open_again()
    with Reader.open(log.folder) as reader:
        assert [] == list(reader.problems())
        assert 1 == len(list(reader.exchanges()))


def test_nobody_waits_for_a_commit_that_broke(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong in it, those who wait learn that nothing is committed."""

    def broken(_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("fairwitness.evidence.store.Store.commit", broken)
    log.append_note("x", time_us=NOON_US)

    async def wait() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        await asyncio.wait_for(log.commit(), 10)

    with pytest.raises(EvidenceError, match="into the middle of a commit"):
        asyncio.run(wait())


def _sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "what", "mend"),
    [
        (_sqlite(sqlite3.SQLITE_FULL), "the disk is full", "Make room"),
        (OSError(errno.ENOSPC, "No space"), "the disk is full", "Make room"),
        (_sqlite(sqlite3.SQLITE_READONLY), "the disk is read-only", "writable"),
        (OSError(errno.EROFS, "Read-only"), "the disk is read-only", "writable"),
        (_sqlite(sqlite3.SQLITE_BUSY), "another program has locked it", "End the program"),
        (MemoryError(), "no memory left", "memory"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error", "Mend the disk"),
    ],
)
def test_failure_says_what_is_wrong_and_what_to_do(log: Log, error: Exception, what: str, mend: str) -> None:
    """In words of whoever owns the disk, not in SQLite's."""
    failed = log._journal.store.fail(error)

    assert what in failed.what
    assert mend in failed.mend
    assert "then start again" in failed.mend
