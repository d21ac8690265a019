from __future__ import annotations

import csv
import io

import pytest

from fairwitness.export.csv import COLUMNS, CsvExporter
from fairwitness.export.forms import exchange_form
from fairwitness.export.testing import make_record, make_row, shown, written
from fairwitness.model.record import ExchangeRecord


def _rows(*records: ExchangeRecord) -> list[dict[str, str]]:
    text = written(CsvExporter(), map(shown, records)).decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize(
    "formula",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        '=HYPERLINK("http://e.test","x")',
        "=cmd|' /C calc'!A0",
    ],
)
def test_no_cell_is_a_formula(formula: str) -> None:
    """In a User-Agent, a URL, a label."""
    record = make_record(
        request_headers=((b"User-Agent", formula.encode()),), url=formula, label=formula, method=formula
    )
    (row,) = _rows(record)

    for name in ("user_agent", "url", "label", "method"):
        assert row[name].lstrip(" ")[:1] not in tuple("=+-@\t\r\n"), name


def test_cells_are_read_back() -> None:
    """Quotes, commas, control characters as escapes."""
    (row,) = _rows(make_record(reason='a,"b"\r\nc', flags=("f1", "f2"), status=None))

    assert ('a,"b"\\r\\nc', "f1 f2", "") == (row["reason"], row["flags"], row["status"])


def test_it_is_rfc_4180() -> None:
    """CRLF line ends and as many cells in each row."""
    text = written(CsvExporter(), [shown(make_record()), shown(make_record(2))])

    assert text.endswith(b"\r\n")
    assert [len(COLUMNS)] * 3 == [len(row) for row in csv.reader(io.StringIO(text.decode(), newline=""))]


def test_it_has_all_that_log_has() -> None:
    """The keys of `log --json` are its columns."""
    assert set(exchange_form(make_row())) <= set(COLUMNS)
