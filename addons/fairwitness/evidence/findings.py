"""Findings that lie in the log: the sum of their entries."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace

from fairwitness.evidence.findingmeta import change_of
from fairwitness.evidence.layout import DamagedError
from fairwitness.evidence.stored import rare_entries
from fairwitness.model.finding import Change, Finding, FindingChange, Note, finding_key


def findings_of(connection: sqlite3.Connection) -> dict[str, Finding]:
    """All findings by their key, oldest first; what was erased or damaged of them is left out."""
    found: dict[str, Finding] = {}
    for entry in rare_entries(connection, "finding"):
        with contextlib.suppress(DamagedError):
            change = change_of(entry.pairs())
            key = finding_key(change.finding)
            before = found.get(key) or Finding(
                name=change.finding, created_us=entry.time_us, updated_us=entry.time_us
            )
            found[key] = _changed(before, change, entry.time_us)
    return found


def _changed(finding: Finding, change: FindingChange, time_us: int) -> Finding:
    exchanges = {each.id: each for each in finding.exchanges}
    fields, notes, attachments = dict(finding.fields), finding.notes, finding.attachments
    if change.change is Change.UNMARKED:
        for each in change.exchanges:
            exchanges.pop(each.id, None)
    else:
        exchanges |= {each.id: each for each in change.exchanges}
    if change.change is Change.FIELD:
        fields[change.field] = change.text
    elif change.text:
        notes = (*notes, Note(time_us, change.text))
    if change.attachment is not None and change.attachment not in attachments:
        attachments = (*attachments, change.attachment)
    return replace(
        finding,
        updated_us=time_us,
        exchanges=tuple(exchanges[number] for number in sorted(exchanges)),
        fields=tuple((name, text) for name, text in fields.items() if text),
        notes=notes,
        attachments=attachments,
    )
