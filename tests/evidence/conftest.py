"""A log in a folder of its own, closed again whatever happens."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fairwitness.errors import EvidenceError
from fairwitness.evidence import Log
from fairwitness.evidence.testing import NOON_US, open_log


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    """Where an evidence folder will be."""
    return tmp_path / "evidence"


@pytest.fixture
def open_again(evidence: Path) -> Iterator[Callable[[], Log]]:
    """Opens the folder's log; what is open at the end is closed."""
    with contextlib.ExitStack() as stack:

        def again() -> Log:
            log = open_log(evidence)
            stack.callback(_close, log)
            return log

        yield again


@pytest.fixture
def log(open_again: Callable[[], Log]) -> Log:
    """A new log whose session has begun."""
    log = open_again()
    log.append_session([("version", "1")], time_us=NOON_US)
    return log


def _close(log: Log) -> None:
    with contextlib.suppress(EvidenceError):
        log.close(time_us=NOON_US)
