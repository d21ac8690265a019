"""Findings for people and as JSON, and what should be thought of before reporting one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fairwitness.cli.forms import Form
from fairwitness.cli.table import print_table
from fairwitness.cli.text import moment, printable, size
from fairwitness.export.forms import exchange_form
from fairwitness.model.clock import iso_us
from fairwitness.model.finding import Finding

if TYPE_CHECKING:
    from fairwitness.model.policy import Report
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


def finding_form(finding: Finding, rows: Sequence[ExchangeRow], report: Report) -> Form:
    """``finding show --json``."""
    return {
        **finding_line(finding, report),
        "exchanges": [exchange_form(row) for row in rows],
        "fields": dict(finding.fields),
        "notes": [{"time": iso_us(note.time_us), "text": note.text} for note in finding.notes],
        "attachments": [
            {"name": each.name, "sha256": each.sha256, "bytes": each.size} for each in finding.attachments
        ],
        "hints": list(hints_of(finding, rows, report)),
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
    missing = missing_fields(finding, report)
    if missing:
        print()
        print(printable(f"not written yet: {', '.join(missing)} (fairwitness finding edit NAME)"))
    for each in finding.attachments:
        gone = "" if (folder / "attachments" / each.sha256).is_file() else "  (the file is gone)"
        print(printable(f"file: {each.name}, {size(each.size)}, SHA-256 {each.sha256}{gone}"))


def hints_of(finding: Finding, rows: Sequence[ExchangeRow], report: Report) -> tuple[str, ...]:
    """What a triager would object to: a class that the program excludes, two findings in one."""
    from fairwitness.policy.suffixes import registrable

    hints = []
    said = _words(" ".join([finding.name, *(text for _, text in finding.fields)]))
    for excluded in report.excluded:
        wanted = _words(excluded)
        if wanted and wanted <= said:
            hints.append(f"the program does not accept reports of {excluded} (report.excluded)")
    sites = sorted({registrable(row.host) or row.host for row in rows if row.host})
    if report.one_finding_per_report and len(sites) > 1:
        hints.append(
            f"its exchanges are of {len(sites)} sites ({', '.join(sites[:5])}); the program wants one"
            " finding a report: is this one finding?"
        )
    return tuple(hints)


def _words(text: str) -> frozenset[str]:
    """Words without those that carry no meaning, so that ``spf-dkim-dmarc`` is found by its parts."""
    return frozenset(re.findall(r"[a-z0-9]+", text.casefold())) - {
        "a",
        "an",
        "and",
        "of",
        "the",
        "in",
        "without",
    }
