"""A row an exchange, for a spreadsheet; heads and bodies are not in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import BinaryIO

from fairwitness.export.forms import exchange_form
from fairwitness.export.parts import header, sound
from fairwitness.model.disclosure import Shown
from fairwitness.model.printable import printable

_COMMANDS = ("=", "+", "-", "@", "\t", "\r", "\n")  # a cell that begins so is a formula to some spreadsheet
_OWN = ("user_agent", "content_type", "redacted", "hidden")
COLUMNS = (
    *("id", "exchange", "time", "method", "url", "status", "decision", "clause", "reason", "initiator"),
    *("page", "label", "account", "client", "flags", "request_bytes", "response_bytes", "duration_ms"),
    *("session", "outcome", *_OWN),
)


class CsvExporter:
    """Writes RFC 4180: CRLF line ends, cells quoted where they must be, UTF-8."""

    name = "csv"

    def write(self, shown: Iterable[Shown], out: BinaryIO) -> None:
        """Write the names of the columns, and a row an exchange."""
        out.write(_line(COLUMNS))
        for each in shown:
            form = exchange_form(each.record.row)
            own = (
                header(each.record.request_headers, "user-agent"),
                header(each.record.response_headers, "content-type"),
                "yes" if each.is_redacted else "no",
                " ".join(hidden.name for hidden in each.hidden),
            )
            cells = {
                **form,
                "flags": " ".join(each.record.row.flags),
                **dict(zip(_OWN, own, strict=True)),
            }
            out.write(_line([_cell(cells[name]) for name in COLUMNS]))


def _cell(value: object) -> str:
    """A value as text that no spreadsheet runs; numbers are our own and stay numbers."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    shown = printable(sound(str(value)))
    return f"'{shown}" if shown.lstrip(" ").startswith(_COMMANDS) else shown


def _line(cells: Iterable[str]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().encode("utf-8")
