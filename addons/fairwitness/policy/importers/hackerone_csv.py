"""HackerOne's scope table, as its ``download_csv.csv`` gives it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from fairwitness.errors import RecordingError
from fairwitness.policy.importers.row import Nature, Row, Side, Source, nature_by

_NETWORK = frozenset({"URL", "WILDCARD", "CIDR", "IP_ADDRESS", "DOMAIN", "API"})
_ANYTHING = frozenset({"OTHER", ""})


def nature_of(asset_type: str) -> Nature:
    """What HackerOne's asset type says."""
    return nature_by(asset_type.upper(), network=_NETWORK, anything=_ANYTHING)


def side_of(eligible_for_submission: object) -> Side:
    """Bounty alone does not decide: an asset without one is still in scope."""
    word = str(eligible_for_submission).strip().lower()
    return {"true": Side.IN, "false": Side.OUT}.get(word, Side.UNSURE)


class HackeroneCsv:
    """Columns by name; a file without a header has identifier and type."""

    name = "HackerOne scope CSV"

    def recognises(self, document: object) -> bool:
        """A table whose first line names the identifier, or has HackerOne's types behind it."""
        if not isinstance(document, str):
            return False
        first = next(_table(document), [])
        if "identifier" in first and "asset_type" in first:
            return True
        return len(first) == 2 and first[1].isupper() and first[1].replace("_", "").isalpha()

    def read(self, document: object, *, file: str, program: str | None) -> Source:  # noqa: ARG002 - one program a file
        """A row a line; ``instruction`` is the note."""
        table = _table(str(document))
        first = next(table, [])
        has_header = "identifier" in first
        columns = first if has_header else ["identifier", "asset_type"]
        lines = [] if has_header else [(1, first)]
        lines += enumerate(table, 2)
        return Source(
            rows=tuple(_row(dict(zip(columns, cells, strict=False)), file, n) for n, cells in lines if cells)
        )


def _row(cells: dict[str, str], file: str, number: int) -> Row:
    # A short export says nothing of eligibility: what is listed there is in scope.
    eligible = cells.get("eligible_for_submission", "true")
    return Row(
        raw=cells.get("identifier", "").strip(),
        where=f"{file}:{number}",
        side=side_of(eligible),
        nature=nature_of(cells.get("asset_type", "")),
        note=cells.get("instruction", ""),
    )


def _table(text: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(io.StringIO(text, newline=""))
    except csv.Error as error:
        raise RecordingError(
            f"the table cannot be read ({error})", where="scope CSV", mend="Download it again"
        ) from error
