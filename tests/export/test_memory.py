from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fairwitness.evidence import Keep
from fairwitness.evidence.testing import ALLOWED, NOON_US, make_exchange, make_request, open_log

_BODY_BYTES = 256 << 10
_MEASURED = """
import resource, sys
from fairwitness.cli.main import main
try:
    main()
finally:
    unit = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit, file=sys.stderr)
"""


def _log_of(folder: Path, count: int) -> None:
    log = open_log(folder)
    for turn in range(count):
        request = make_request(at_us=NOON_US + turn)
        log.append_request(request, verdict=ALLOWED, released_us=NOON_US + turn, keep=Keep.WHOLE)
        body = b"%08d abcdefgh " % turn * (_BODY_BYTES // 18)
        log.append_response(make_exchange(request, body=body), body=None, keep=Keep.WHOLE)
        log.commit_now()
    log.close(time_us=NOON_US + count)


def _peak_bytes(folder: Path, name: str) -> int:
    done = subprocess.run(
        [
            *(sys.executable, "-c", _MEASURED, "export", "--evidence", str(folder / "evidence")),
            *("--format", name, "-o", str(folder / f"out.{name}"), "--unredacted"),
        ],
        capture_output=True,
        timeout=250,
        check=True,
    )
    return int(done.stderr.split()[-1])


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders with the evidence of a small and of a large log, for all formats."""
    small, large = tmp_path_factory.mktemp("small"), tmp_path_factory.mktemp("large")
    for folder, count in ((small, 8), (large, 400)):
        _log_of(folder / "evidence", count)
    return small, large


@pytest.mark.slow
@pytest.mark.parametrize("name", ["har", "jsonl", "html", "curl", "mitm"])
def test_memory_does_not_grow_with_the_log(logs: tuple[Path, Path], name: str) -> None:
    """A log of 100 MB takes about as much as one of 2 MB."""
    small, large = logs
    peaks = [_peak_bytes(folder, name) for folder in logs]

    assert (large / f"out.{name}").stat().st_size > 20 * (small / f"out.{name}").stat().st_size
    assert peaks[1] < peaks[0] + (24 << 20), peaks
