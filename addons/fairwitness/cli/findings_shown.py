"""Findings for people and as JSON, and what should be thought of before reporting one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fairwitness.cli.forms import Form
from fairwitness.cli.table import print_table
from fairwitness.cli.text import clause_words, moment, printable, size
from fairwitness.control.wire import Value
from fairwitness.export.forms import exchange_form
from fairwitness.model.clock import iso_us
from fairwitness.model.finding import Finding, Objection

if TYPE_CHECKING:
    from fairwitness.model.policy import Policy, Report
    from fairwitness.model.record import ExchangeRow


def missing_fields(finding: Finding, report: Report) -> tuple[str, ...]:
    """The demanded fields that nobody wrote yet."""
    return tuple(name for name in report.fields if not finding.field(name))


def finding_line(finding: Finding, report: Report) -> Form:
    """A line of ``finding list --json``."""
    missing = missing_fields(finding, report)
    return {
        "finding": finding.name,
        "exchanges": [each.id for each in finding.exchanges],
        "filled": len(report.fields) - len(missing),
        "demanded": len(report.fields),
        "missing": list(missing),
        "notes": len(finding.notes),
        "attachments": len(finding.attachments),
        "created": iso_us(finding.created_us),
        "updated": iso_us(finding.updated_us),
    }


def finding_form(finding: Finding, rows: Sequence[ExchangeRow], policy: Policy) -> Form:
    """``finding show --json``."""
    objections = objections_to(finding, rows, policy)
    return {
        **finding_line(finding, policy.report),
        "exchanges": [exchange_form(row) for row in rows],
        "fields": dict(finding.fields),
        "notes": [{"time": iso_us(note.time_us), "text": note.text} for note in finding.notes],
        "attachments": [
            {"name": each.name, "sha256": each.sha256, "bytes": each.size} for each in finding.attachments
        ],
        "hints": [each.says for each in objections],
        "warnings": objection_forms(objections),
    }


def print_findings(findings: Sequence[Finding], report: Report) -> None:
    """The table of all findings."""
    if not findings:
        print("No findings yet. Collect one: fairwitness mark ID --finding NAME")
        return
    demanded = len(report.fields)
    print_table(
        ["finding", "exchanges", "fields", "notes", "files", "updated"],
        [
            [
                each.name,
                str(len(each.exchanges)),
                f"{demanded - len(missing_fields(each, report))}/{demanded}",
                str(len(each.notes)),
                str(len(each.attachments)),
                moment(each.updated_us),
            ]
            for each in findings
        ],
    )


def print_finding(finding: Finding, rows: Sequence[ExchangeRow], report: Report, *, folder: Path) -> None:
    """One finding with all that belongs to it."""
    print(printable(f"# {finding.name}"))
    print(f"# begun {moment(finding.created_us)}, changed {moment(finding.updated_us)}")
    for row in rows:
        status = "-" if row.status is None else str(row.status)
        print(
            printable(
                f"{row.id:>6}  {moment(row.time_us)}  {row.decision:<8} {status:<4} {row.method} {row.url}"
            )
        )
    for note in finding.notes:
        print(printable(f"\nnote of {moment(note.time_us)}: {note.text}", keep="\n\t"))
    for name, text in finding.fields:
        print(printable(f"\n## {name}\n\n{text}", keep="\n\t"))
    missing = missing_words(finding, report)
    if missing:
        print()
        print(printable(missing))
    for each in finding.attachments:
        gone = "" if (folder / "attachments" / each.sha256).is_file() else "  (the file is gone)"
        print(printable(f"file: {each.name}, {size(each.size)}, SHA-256 {each.sha256}{gone}"))


def objections_to(finding: Finding, rows: Sequence[ExchangeRow], policy: Policy) -> tuple[Objection, ...]:
    """What a triager would object to: a class that the program excludes, two findings in one."""
    from fairwitness.policy import site_of
    from fairwitness.rules import REPORT_RULES, objections_of

    return objections_of(REPORT_RULES, policy, finding, rows, site_of=site_of)


def objection_forms(objections: Sequence[Objection]) -> list[Value]:
    """``warnings`` in JSON."""
    return [
        {
            "rule": each.rule,
            "clause": each.clause.id,
            "where": each.clause.where,
            "program_says": each.clause.says,
            "says": each.says,
            "advice": each.advice,
        }
        for each in objections
    ]


def objection_lines(objections: Sequence[Objection]) -> tuple[str, ...]:
    """The same for people."""
    return tuple(
        f"warning: {each.rule}: {each.says} {each.advice} [{clause_words(each.clause)}]"
        for each in objections
    )


def missing_words(finding: Finding, report: Report) -> str:
    """What is not written yet; empty where all is."""
    missing = missing_fields(finding, report)
    return f"not written yet: {', '.join(missing)} (fairwitness finding edit NAME)" if missing else ""
