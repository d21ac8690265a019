"""Reads what a program says of its scope, in other people's formats."""

from __future__ import annotations

import json

from fairwitness.errors import RecordingError
from fairwitness.policy.importers.hackerone_csv import HackeroneCsv
from fairwitness.policy.importers.page import ProgramPage
from fairwitness.policy.importers.plain_list import PlainList
from fairwitness.policy.importers.platforms import BugcrowdBrief, HackeroneApi, IntigritiApi, YeswehackApi
from fairwitness.policy.importers.row import MAX_ROWS, MAX_SOURCE_BYTES, Importer, Source
from fairwitness.policy.importers.sort import Decision, Line, Sorted, sort_rows
from fairwitness.policy.importers.targets import Targets
from fairwitness.policy.importers.testers_scope import BurpScope, CaidoScope, ZapContext

__all__ = [
    "IMPORTERS",
    "MAX_SOURCE_BYTES",
    "Decision",
    "Line",
    "Sorted",
    "Source",
    "read_source",
    "sort_rows",
]

IMPORTERS: tuple[Importer, ...] = (
    HackeroneApi(),
    YeswehackApi(),
    IntigritiApi(),
    BugcrowdBrief(),
    Targets(),
    BurpScope(),
    CaidoScope(),
    ZapContext(),
    HackeroneCsv(),
    PlainList(),
    ProgramPage(),
)
"""The first that recognises a document reads it; the last one takes any text."""


def read_source(content: bytes, *, file: str, program: str | None = None) -> Source:
    """A scope file or program page of any known format.

    Args:
        content: The file.
        file: Its name, for error messages and `Row.where`.
        program: Which program is wanted, where a file holds several.

    Raises:
        RecordingError: It is of no known format, too large, or lacks the program.
    """
    if len(content) > MAX_SOURCE_BYTES:
        raise RecordingError(
            f"it is larger than {MAX_SOURCE_BYTES >> 20} MiB", where=file, mend="Name the program's own file"
        )
    document = _document(content, file)
    for importer in IMPORTERS:
        if importer.recognises(document):
            source = importer.read(document, file=file, program=program)
            if len(source.rows) > MAX_ROWS:
                raise RecordingError(
                    f"it has more than {MAX_ROWS} rows", where=file, mend="Name the program's own file"
                )
            return source
    names = ", ".join(importer.name for importer in IMPORTERS)
    raise RecordingError("it is of no known format", where=file, mend=f"Known are: {names}")


def _document(content: bytes, file: str) -> object:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecordingError("it is no text in UTF-8", where=file, mend="Save it as UTF-8") from error
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text if not text.lstrip().startswith("{") else _refuse(file)


def _refuse(file: str) -> object:
    raise RecordingError("it begins as JSON and is none", where=file, mend="Download it again")
