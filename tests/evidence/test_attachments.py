from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairwitness.errors import PolicyError
from fairwitness.evidence import Log, Reader
from fairwitness.evidence import attachments as room
from fairwitness.evidence.attachments import FOLDER, attachment_name, keep_attachment
from fairwitness.evidence.testing import NOON_US
from fairwitness.model.finding import Change, FindingChange


@given(st.text(max_size=300))
def test_a_kept_name_is_a_name(text: str) -> None:
    """Whatever a file is called, what is kept is short, printable, and no path of any system."""
    name = attachment_name(text)

    assert 0 < len(name) <= 120
    assert name.isprintable()
    assert not set(name) & set('/\\:*?"<>|')
    assert name == name.strip(" .")


def test_a_long_name_keeps_its_ending() -> None:
    """What tells the kind of a file stays."""
    assert attachment_name("x" * 500 + ".png").endswith("x.png")


def test_a_file_that_grows_past_the_limit_is_refused(
    log: Log, evidence: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit holds for what is read, not for what was announced, and nothing is left."""
    monkeypatch.setattr(room, "MOST_BYTES", 1000)
    path = tmp_path / "file"
    path.write_bytes(bytes(1000))
    kept = keep_attachment(evidence, path)
    path.write_bytes(bytes(1001))

    with pytest.raises(PolicyError, match="larger than"):
        keep_attachment(evidence, path)

    assert [kept.sha256] == [each.name for each in (evidence / FOLDER).iterdir()]


def test_a_copy_whose_entry_was_never_written_harms_nothing(log: Log, evidence: Path, tmp_path: Path) -> None:
    """After a kill between copy and entry the log holds no problem; a day later prune removes the copy."""
    path = tmp_path / "shot.png"
    path.write_bytes(b"pixels")
    left = evidence / FOLDER / keep_attachment(evidence, path).sha256
    path.write_bytes(b"other pixels")
    attached = keep_attachment(evidence, path)
    change = FindingChange(finding="IDOR", change=Change.ATTACHED, attachment=attached)
    log.append_remark(change, time_us=NOON_US)
    log.commit_now()
    with Reader.open(evidence) as reader:
        assert [] == list(reader.problems())
    log.prune((), time_us=NOON_US)
    is_kept_at_first = left.is_file()
    for each in (evidence / FOLDER).iterdir():
        os.utime(each, (time.time() - 100_000,) * 2)

    log.prune((), time_us=NOON_US)

    assert is_kept_at_first
    assert [attached.sha256] == [each.name for each in (evidence / FOLDER).iterdir()]


def test_a_changed_attachment_is_a_problem(log: Log, evidence: Path, tmp_path: Path) -> None:
    """Another content, or none, under the name of the hash is named; attaching it again mends it."""
    path = tmp_path / "shot.png"
    path.write_bytes(b"pixels")
    attached = keep_attachment(evidence, path)
    change = FindingChange(finding="IDOR", change=Change.ATTACHED, attachment=attached)
    log.append_remark(change, time_us=NOON_US)
    log.commit_now()
    kept = evidence / FOLDER / attached.sha256
    said = []
    for damage in (lambda: kept.write_bytes(b"p1xels"), kept.unlink, lambda: keep_attachment(evidence, path)):
        damage()
        with Reader.open(evidence) as reader:
            said.append([each.what.partition(" (")[0] for each in reader.problems()])

    assert [["it is not the file that was attached"], ["it cannot be read"], []] == said
