"""A conduct report as Markdown that no recorded text can change."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fairwitness.export.conduct_page import Page, Table
from fairwitness.export.conduct_words import page_of
from fairwitness.model.conduct import Conduct

# Whatever could begin markup: HTML, links, emphasis, code, tables, entities, headings, mathematics.
_MARKUP = re.compile(r"[\\`*_\[\]<>#|~&@$]")
_LINKS = re.compile(r"(?i)(https?|ftp|mailto|xmpp|www)([:.])")

_LIST = re.compile(r"[-+][-\s]*(?:\s|$)|\d+[.)](?:\s|$)")


def conduct_markdown(conduct: Conduct) -> str:
    """The report as Markdown (CommonMark with tables)."""
    return "\n".join(_lines(page_of(conduct))) + "\n"


def _lines(page: Page) -> Iterator[str]:
    yield from (f"# {escaped(page.title)}", "", escaped(page.subtitle), "")
    for section in page.sections:
        yield from (f"## {escaped(section.title)}", "")
        for line in section.lines:
            text = escaped(line.text)
            yield f"- **\N{LARGE RED CIRCLE} {text}**" if line.is_red else f"- {text}"
        if section.lines:
            yield ""
        for table in section.tables:
            yield from _table(table)
        for note in section.notes:
            yield from (escaped(note), "")


def _table(table: Table) -> Iterator[str]:
    yield from (f"**{escaped(table.caption)}**", "")
    yield _row([escaped(column) for column in table.columns])
    yield _row(["---:" if at in table.numbers else "---" for at in range(len(table.columns))])
    for number, cells in enumerate(table.rows):
        words = [escaped(cell) for cell in cells]
        if number in table.red_rows:
            words[0] = f"\N{LARGE RED CIRCLE} {words[0]}"
        yield _row(words)
    yield ""
    if table.more:
        yield from (f"and {table.more:,} more: --json lists all", "")


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, in a paragraph and in a cell of a table."""
    text = _MARKUP.sub(lambda found: f"\\{found[0]}", text)
    # Many renderers make links of bare addresses: an entity in the place of the sign that makes one.
    text = _LINKS.sub(lambda found: f"{found[1]}&#{ord(found[2])};", text)
    text = text.strip()
    return re.sub(r"^(\d*)([-+.)])", r"\1\\\2", text) if _LIST.match(text) else text
