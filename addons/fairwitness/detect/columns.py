"""Columns of CSV and the like whose heading means a credential."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fairwitness.detect.secret import Secret
from fairwitness.detect.values import says_nothing
from fairwitness.detect.words import kind_of_name

_HEADING = re.compile(
    rb'(?:\xef\xbb\xbf)?("?[A-Za-z_][\w .()/-]{0,63}"?(?:([,;|\t])"?[A-Za-z_][\w .()/-]{0,63}"?)+)\r?\n'
)
_CELL = rb'"(?:[^"\r\n]|"")*+"|[^%s"\r\n]*+'


def secrets_in_columns(text: bytes) -> Iterator[Secret]:
    """In a table whose first line names its columns; not behind a cell with a line break in it."""
    heading = _HEADING.match(text)
    if heading is None:
        return
    mark = heading[2]
    names = [name.strip(b'" ').decode("latin-1") for name in heading[1].split(mark)]
    kinds = [kind_of_name(name) for name in names]
    if not any(kinds):
        return
    cell = re.compile(_CELL % re.escape(mark))
    start = heading.end()
    while start < len(text):
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        yield from _in_line(text, start, end, kinds, cell)
        start = end + 1


def _in_line(
    text: bytes, start: int, end: int, kinds: list[str | None], cell: re.Pattern[bytes]
) -> Iterator[Secret]:
    for kind in kinds:
        found = cell.match(text, start, end)
        if found is None:
            return
        value = found[0].strip(b'" ').replace(b'""', b'"')
        if kind is not None and not says_nothing(value):
            yield Secret(found.start(), found.end(), kind, value)
        start = found.end() + 1
