"""Tests of fairwitness.evidence.plain: what somebody put in the place of a file of the log."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fairwitness.errors import EvidenceError
from fairwitness.evidence import Keep, Log, Reader, holder_of
from fairwitness.evidence.testing import ALLOWED, NOON_US, make_exchange, make_request, open_log

ODD: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "link": lambda path: path.symlink_to(path.parent.parent / "elsewhere"),
    "folder": Path.mkdir,
}


@pytest.fixture
def written(log: Log, evidence: Path) -> Path:
    """The folder of a closed log with a body that is a file; beside it a folder of somebody else's."""
    request = make_request()
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.append_response(make_exchange(request, body=os.urandom(300_000)), body=None, keep=Keep.WHOLE)
    log.close(time_us=NOON_US)
    (evidence.parent / "elsewhere").mkdir(mode=0o755)
    return evidence


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["lock", "log.sqlite3"])
def test_nothing_odd_is_written_to(written: Path, name: str, odd: str) -> None:
    """No start waits for a pipe or follows a link; the error names the file and says what it is."""
    (written / name).unlink()
    ODD[odd](written / name)
    with pytest.raises(EvidenceError, match=r"symbolic link|no plain file|Is a directory") as caught:
        open_log(written)

    assert str(written / name) == caught.value.where
    assert holder_of(written) is None
    _check_elsewhere(written)


@pytest.mark.parametrize("odd", ODD)
def test_nothing_odd_beside_the_database_is_read(written: Path, odd: str) -> None:
    """SQLite would wait for the pipe for ever, whoever asks."""
    for ending in ("-journal", "-wal"):
        beside = written / f"log.sqlite3{ending}"
        beside.unlink(missing_ok=True)
        ODD[odd](beside)
        for use in (open_log, Reader.open):
            with pytest.raises(EvidenceError, match=r"symbolic link|no plain file") as caught:
                use(written)

            assert str(beside) == caught.value.where
        beside.rmdir() if odd == "folder" else beside.unlink()


@pytest.mark.parametrize("name", ["bodies", "bodies/parts"])
def test_a_linked_folder_of_bodies_is_refused(written: Path, name: str) -> None:
    """What others said to the researcher would lie where the link leads."""
    shutil.rmtree(written / name)
    ODD["link"](written / name) if name == "bodies" else (written / name).symlink_to(written / "../elsewhere")
    with pytest.raises(EvidenceError, match="is a symbolic link"):
        open_log(written)

    _check_elsewhere(written)


def test_a_body_that_became_a_pipe_is_a_problem(written: Path) -> None:
    """It is not waited for, and a link to the true content is not taken for it either."""
    (path,) = [each for each in (written / "bodies").rglob("*") if each.is_file()]
    path.rename(written.parent / "elsewhere" / "true")
    found = []
    for make in (os.mkfifo, lambda path: path.symlink_to(written.parent / "elsewhere" / "true")):
        make(path)
        with Reader.open(written) as reader:
            found += [problem.what for problem in reader.problems() if problem.where.startswith("body")]
        path.unlink()

    said = "its body's file cannot be read ({})"
    assert [said.format("it is no plain file"), said.format("it is a symbolic link")] == found


def _check_elsewhere(evidence: Path) -> None:
    elsewhere = evidence.parent / "elsewhere"
    assert [] == list(elsewhere.iterdir())
    assert 0o755 == elsewhere.stat().st_mode & 0o777
