from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fairwitness.evidence import Keep, Log, Reader
from fairwitness.evidence.testing import ALLOWED, NOON_US, make_request
from fairwitness.model.finding import Attachment, Change, FindingChange, Marked, Note
from fairwitness.model.record import LogFilter

SHOT = Attachment(name="a shot.png", sha256="ab" * 32, size=7)


def _three_requests(log: Log) -> list[Marked]:
    marked = []
    for _ in range(3):
        request = make_request()
        number = log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
        marked.append(Marked(number, request.exchange))
    return marked


def _ids(folder: Path, finding: str) -> list[int]:
    with Reader.open(folder) as reader:
        return [row.id for row in reader.exchanges(LogFilter(finding=finding))]


def test_a_finding_is_the_sum_of_its_entries(log: Log, evidence: Path) -> None:
    """Marks add up in order of their ids, a field says what was written last, notes and files are kept."""
    first, second, third = _three_requests(log)
    steps = (
        FindingChange(finding="IDOR in orders", change=Change.CREATED),
        FindingChange(
            finding="IDOR in orders", change=Change.MARKED, exchanges=(third, first), text="both\nusers"
        ),
        FindingChange(finding="idor in ORDERS", change=Change.MARKED, exchanges=(second,)),
        FindingChange(finding="IDOR in orders", change=Change.UNMARKED, exchanges=(third,)),
        FindingChange(finding="IDOR in orders", change=Change.FIELD, field="impact", text="some"),
        FindingChange(finding="IDOR in orders", change=Change.FIELD, field="impact", text="much\\n"),
        FindingChange(finding="IDOR in orders", change=Change.FIELD, field="steps", text="gone"),
        FindingChange(finding="IDOR in orders", change=Change.FIELD, field="steps", text=""),
        FindingChange(finding="IDOR in orders", change=Change.ATTACHED, attachment=SHOT),
        FindingChange(finding="IDOR in orders", change=Change.ATTACHED, attachment=SHOT),
    )
    for number, step in enumerate(steps):
        log.append_remark(step, time_us=NOON_US + number)
    log.commit_now()

    with Reader.open(evidence) as reader:
        (finding,) = reader.findings()
        assert finding == reader.finding(" iDOR in orders")
        assert [f"attachment {'ab' * 8}"] == [problem.where for problem in reader.problems()]

    assert ("IDOR in orders", NOON_US, NOON_US + 9) == (
        finding.name,
        finding.created_us,
        finding.updated_us,
    )
    assert (first, second) == finding.exchanges
    assert (("impact", "much\\n"),) == finding.fields
    assert (Note(NOON_US + 1, "both\nusers"),) == finding.notes
    assert (SHOT,) == finding.attachments


def test_the_filter_knows_findings(log: Log, evidence: Path) -> None:
    """Only what is marked is listed, by the name in any case; an unknown finding has nothing."""
    first, _, third = _three_requests(log)
    log.append_remark(
        FindingChange(finding="Ünïcode", change=Change.MARKED, exchanges=(first, third)), time_us=NOON_US
    )
    log.commit_now()

    assert ([1, 3], [1, 3], []) == (
        _ids(evidence, "Ünïcode"),
        _ids(evidence, "ÜNÏCODE"),
        _ids(evidence, "Unicode"),
    )


def test_marks_by_the_thousand(log: Log, open_again: Callable[[], Log], evidence: Path) -> None:
    """A finding of a thousand exchanges is one entry, survives a new start, and the log holds no problem."""
    _three_requests(log)
    many = tuple(Marked(number, f"{number:032x}") for number in range(1, 1001))
    log.append_remark(FindingChange(finding="many", change=Change.MARKED, exchanges=many), time_us=NOON_US)
    log.commit_now()
    log.close(time_us=NOON_US)
    open_again()

    with Reader.open(evidence) as reader:
        finding = reader.finding("many")
        assert not list(reader.problems())
    assert finding is not None
    assert many == finding.exchanges
    assert [1, 2, 3] == _ids(evidence, "many")
