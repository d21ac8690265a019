"""Entries that other commands write, as they travel to the running proxy."""

from __future__ import annotations

import re

from fairwitness.control.wire import Question, WireError
from fairwitness.model.disclosure import Exported
from fairwitness.model.finding import Attachment, Change, FindingChange, Marked, finding_name
from fairwitness.model.remark import Remark

FINDING = "finding"
EXPORT = "export"
_MARKED = re.compile(r"([1-9][0-9]{0,17}) ([0-9a-f]{32})")
_NUMBER = re.compile(r"[0-9]{1,18}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def question_of(remark: Remark) -> Question:
    """What asks the proxy to write it."""
    if isinstance(remark, Exported):
        return Question(
            EXPORT,
            {
                "format": remark.format,
                "file": remark.file,
                "sha256": remark.sha256,
                "size": str(remark.size),
                "exchanges": str(remark.exchanges),
                "redacted": "yes" if remark.is_redacted else "no",
                "about": tuple(f"{key}\n{value}" for key, value in remark.about),
            },
        )
    file = remark.attachment
    return Question(
        FINDING,
        {
            "finding": remark.finding,
            "change": remark.change.value,
            "exchanges": tuple(f"{each.id} {each.exchange}" for each in remark.exchanges),
            "field": remark.field,
            "text": remark.text,
            "attachment": () if file is None else (str(file.size), file.sha256, file.name),
        },
    )


def read_finding(question: Question) -> FindingChange:
    """The change of a finding that is asked for.

    Raises:
        WireError: It is none.
    """
    try:
        return FindingChange(
            finding=finding_name(question.text("finding")),
            change=Change(question.text("change")),
            exchanges=tuple(_marked(text) for text in question.texts("exchanges")),
            field=question.text("field"),
            text=question.text("text"),
            attachment=_attachment(question.texts("attachment")),
        )
    except ValueError as error:
        raise WireError(f"this is no change of a finding: {error}") from error


def read_export(question: Question) -> Exported:
    """The export that is to be recorded.

    Raises:
        WireError: It is none.
    """
    return Exported(
        format=question.text("format"),
        file=question.text("file"),
        sha256=_fitting(_SHA256, question.text("sha256")),
        size=int(_fitting(_NUMBER, question.text("size"))),
        exchanges=int(_fitting(_NUMBER, question.text("exchanges"))),
        is_redacted=question.text("redacted") == "yes",
        about=tuple(_pair(text) for text in question.texts("about")),
    )


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("\n")
    return _fitting(re.compile(r"[a-z0-9-]+"), key), value


def _marked(text: str) -> Marked:
    number, _, exchange = _fitting(_MARKED, text).partition(" ")
    return Marked(int(number), exchange)


def _attachment(texts: tuple[str, ...]) -> Attachment | None:
    if not texts:
        return None
    if len(texts) != 3:
        raise WireError("an attachment is size, hash and name")
    size, sha256, name = texts
    return Attachment(size=int(_fitting(_NUMBER, size)), sha256=_fitting(_SHA256, sha256), name=name)


def _fitting(pattern: re.Pattern[str], text: str) -> str:
    if pattern.fullmatch(text) is None:
        raise WireError(f"{text[:80]!r} does not fit")
    return text
