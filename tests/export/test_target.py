from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fairwitness.errors import ExportError
from fairwitness.export.target import opened

NOWHERE = Path("/nonexistent")


def _fail(path: Path, stdout: io.BytesIO, error: type[BaseException] | BaseException) -> None:
    with opened(path, stdout=stdout, forbidden=NOWHERE) as target:
        target.file.write(b"half")
        raise error


def test_nothing_is_seen_before_it_is_finished(tmp_path: Path) -> None:
    """Then all of it, in one step, with mode 0600."""
    path = tmp_path / "out"
    with opened(path, stdout=io.BytesIO(), forbidden=NOWHERE) as target:
        target.file.write(b"half")
        assert not path.exists()
        assert [0o600] == [each.stat().st_mode & 0o777 for each in tmp_path.iterdir()]
        target.finish()

    assert ([path], b"half") == (list(tmp_path.iterdir()), path.read_bytes())


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError(errno.ENOSPC, "No space left")])
def test_whatever_goes_wrong_leaves_what_was(tmp_path: Path, error: type[BaseException] | OSError) -> None:
    """An old file stays, a new one is gone; a full disk is said in the user's words."""
    path = tmp_path / "out"
    path.write_bytes(b"old")
    said = ExportError if isinstance(error, OSError) else error
    with pytest.raises(said):
        _fail(path, io.BytesIO(), error)

    assert ([path], b"old") == (list(tmp_path.iterdir()), path.read_bytes())


def test_stdout_gets_nothing_of_what_is_not_finished(tmp_path: Path) -> None:
    """And all of what is."""
    stdout = io.BytesIO()
    with pytest.raises(ValueError, match="x"):
        _fail(Path("-"), stdout, ValueError("x"))
    assert b"" == stdout.getvalue()

    with opened(Path("-"), stdout=stdout, forbidden=NOWHERE) as target:
        target.file.write(b"whole")
        target.finish()
    assert b"whole" == stdout.getvalue()


def test_a_way_round_into_the_evidence_folder_is_refused(tmp_path: Path) -> None:
    """By dots and by a linked folder."""
    evidence = tmp_path / "evidence"
    (evidence / "bodies").mkdir(parents=True)
    (tmp_path / "linked").symlink_to(evidence)
    for path in (evidence / "bodies" / ".." / "log.sqlite3", tmp_path / "linked" / "log.sqlite3"):
        with (
            pytest.raises(ExportError, match="evidence folder"),
            opened(path, stdout=io.BytesIO(), forbidden=evidence),
        ):
            pass


_KILLED = """
import io, os, sys
from pathlib import Path
from fairwitness.export.target import opened
with opened(Path(sys.argv[1]), stdout=io.BytesIO(), forbidden=Path("/nonexistent")) as target:
    target.file.write(b"half" * 100000)
    target.file.flush()
    os.write(1, b"half\\n")
    sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_export_leaves_no_file_of_that_name(tmp_path: Path, number: signal.Signals) -> None:
    """SIGKILL may leave the temporary file, Ctrl-C nothing."""
    path = tmp_path / "out"
    path.write_bytes(b"old")
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout
    assert b"half\n" == process.stdout.readline()
    os.kill(process.pid, number)
    process.communicate(timeout=60)

    assert b"old" == path.read_bytes()
    left = [each.name for each in tmp_path.iterdir() if each != path]
    assert len(left) <= (1 if number is signal.SIGKILL else 0), left
