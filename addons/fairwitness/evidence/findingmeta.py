"""Findings and exports as meta lines, and back."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fairwitness.evidence.layout import DamagedError
from fairwitness.evidence.meta import Pairs, every
from fairwitness.model.disclosure import Exported
from fairwitness.model.finding import Attachment, Change, FindingChange, Marked
from fairwitness.model.remark import Remark

_MARKED = re.compile(r"([1-9][0-9]{0,17}) ([0-9a-f]{32})")
_FILE = re.compile(r"([0-9]{1,18}) ([0-9a-f]{64}) (.+)", re.DOTALL)


def remark_pairs(remark: Remark) -> Pairs:
    """What a command writes, whole."""
    return export_pairs(remark) if isinstance(remark, Exported) else finding_pairs(remark)


def finding_pairs(change: FindingChange) -> Pairs:
    """A change of a finding, whole."""
    pairs: Pairs = [("finding", change.finding), ("change", change.change.value)]
    if change.field:
        pairs.append(("field", change.field))
    if change.text:
        pairs.append(("text", change.text))
    if (file := change.attachment) is not None:
        pairs.append(("attached", f"{file.size} {file.sha256} {file.name}"))
    return pairs + [("exchange", f"{each.id} {each.exchange}") for each in change.exchanges]


def change_of(pairs: Sequence[tuple[str, str]]) -> FindingChange:
    """The inverse of `finding_pairs`.

    Raises:
        DamagedError: The entry is no change of a finding.
    """
    held = dict(pairs)
    try:
        return FindingChange(
            finding=held["finding"],
            change=Change(held["change"]),
            exchanges=tuple(_marked(text) for text in every(pairs, "exchange")),
            field=held.get("field", ""),
            text=held.get("text", ""),
            attachment=_attachment(held["attached"]) if "attached" in held else None,
        )
    except (KeyError, ValueError):
        raise DamagedError("it is no readable change of a finding") from None


def _marked(text: str) -> Marked:
    match = _MARKED.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return Marked(int(match[1]), match[2])


def _attachment(text: str) -> Attachment:
    match = _FILE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return Attachment(size=int(match[1]), sha256=match[2], name=match[3])


def export_pairs(export: Exported) -> Pairs:
    """An export, whole."""
    return [
        ("format", export.format),
        ("file", export.file),
        ("sha256", export.sha256),
        ("bytes", str(export.size)),
        ("exchanges", str(export.exchanges)),
        ("redacted", "yes" if export.is_redacted else "no"),
        *export.about,
    ]
