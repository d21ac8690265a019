"""Tests of fairwitness.evidence.lock, within one process; two processes compete in test_kill.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fairwitness.errors import EvidenceError
from fairwitness.evidence import Holder, Log, holder_of
from fairwitness.evidence.testing import NOON_US, open_log


def test_holder_is_known_while_the_log_is_open(log: Log, evidence: Path) -> None:
    """Process, start and socket; nobody afterwards, although the file stays."""
    before = holder_of(evidence)
    log.set_socket("/run/example.sock")
    told = holder_of(evidence)
    log.close(time_us=NOON_US)

    assert Holder(os.getpid(), NOON_US, None) == before
    assert Holder(os.getpid(), NOON_US, "/run/example.sock") == told
    assert holder_of(evidence) is None
    assert (evidence / "lock").exists()


def test_folder_without_a_lock_file_has_no_holder(tmp_path: Path) -> None:
    """Nor has one that does not exist; asking makes nothing."""
    assert (None, None) == (holder_of(tmp_path), holder_of(tmp_path / "missing"))
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b'{"pid": "1"}', b"\xff" * 100, b'{"pid": 1, "since_us": 99999999999999999999}'],
)
def test_unreadable_lock_file_still_locks(log: Log, evidence: Path, content: bytes) -> None:
    """Who holds it may be unknown, that it is held is not."""
    (evidence / "lock").write_bytes(content)
    holder = holder_of(evidence)

    assert holder is not None
    with pytest.raises(EvidenceError, match="writ"):
        open_log(evidence)


def test_link_in_place_of_the_lock_is_refused(evidence: Path, tmp_path: Path) -> None:
    """It could make us write into any file."""
    evidence.mkdir()
    (evidence / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EvidenceError, match="lock file cannot be opened"):
        open_log(evidence)

    assert holder_of(evidence) is None
    assert not (tmp_path / "elsewhere").exists()
