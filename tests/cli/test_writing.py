from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from fairwitness.cli import writing
from fairwitness.cli.place import Place
from fairwitness.control.remarks import question_of, read_export, read_finding
from fairwitness.control.wire import Question, WireError, read_question
from fairwitness.errors import EvidenceError
from fairwitness.evidence import Log, Reader
from fairwitness.evidence.testing import NOON_US, open_log
from fairwitness.model.disclosure import Exported
from fairwitness.model.finding import Attachment, Change, FindingChange, Marked

CHANGE = FindingChange(
    finding="IDOR",
    change=Change.ATTACHED,
    exchanges=(Marked(3, "ab" * 16), Marked(1 << 40, "cd" * 16)),
    field="impact",
    text="a\nb\\ \x1b \ud800",
    attachment=Attachment(name="ein Bild, ja.png", sha256="ef" * 32, size=12),
)
EXPORT = Exported(
    format="har",
    file="o u t.har",
    sha256="00" * 32,
    size=9,
    exchanges=2,
    is_redacted=True,
    about=(("filters", "--host a\nb"), ("hidden", "4")),
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A log that nobody holds."""
    folder = tmp_path / "evidence"
    log = open_log(folder)
    log.append_session([("version", "1")], time_us=NOON_US)
    log.close(time_us=NOON_US)
    return Place(folder, None)


def test_what_is_asked_for_arrives() -> None:
    """A change of a finding and an export travel to the proxy as they are."""
    assert CHANGE == read_finding(read_question(question_of(CHANGE).line()))
    assert EXPORT == read_export(read_question(question_of(EXPORT).line()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"finding": ""},
        {"finding": "x" * 81},
        {"finding": "a\x1b[2J"},
        {"change": "deleted"},
        {"exchanges": ("1 zz",)},
        {"exchanges": ("0 " + "ab" * 16,)},
        {"attachment": ("1", "ab")},
        {"attachment": ("x", "ab" * 32, "name")},
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, str | tuple[str, ...]]) -> None:
    """The proxy writes no finding that it could not read again."""
    with pytest.raises(WireError):
        read_finding(Question("finding", {**question_of(CHANGE).arguments, **wrong}))


def test_a_command_that_writes_is_no_run_of_the_proxy(place: Place) -> None:
    """Entries are committed, and the number of sessions stays."""
    writing.record(place, CHANGE)
    writing.record(place, EXPORT)

    with Reader.open(place.evidence) as reader:
        assert [1] == [row.session for row in reader.sessions()]
        assert ["IDOR"] == [finding.name for finding in reader.findings()]


def test_a_command_waits_for_another(place: Place) -> None:
    """Who finds the log held by another command waits until that has ended."""
    log = open_log(place.evidence)
    waiting = threading.Thread(target=writing.record, args=(place, CHANGE))
    waiting.start()
    is_waiting = waiting.is_alive()
    log.close(time_us=NOON_US)
    waiting.join(writing.WAIT_S * 4)

    with Reader.open(place.evidence) as reader:
        assert (True, 1) == (is_waiting, len(reader.findings()))


def test_a_log_that_stays_held_is_one_error(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while the command says who holds the log."""
    monkeypatch.setattr(writing, "WAIT_S", 0.05)
    log: Log = open_log(place.evidence)
    started = time.monotonic()

    with pytest.raises(EvidenceError, match="has been writing this log since"):
        writing.record(place, CHANGE)

    assert time.monotonic() - started < 20
    log.close(time_us=NOON_US)
