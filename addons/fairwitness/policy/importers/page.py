"""A program's page, in Markdown or HTML: its lists of hosts, and the sentences that are its rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fairwitness.policy.importers.page_lines import Line, Style, lines_of
from fairwitness.policy.importers.page_rules import declared_by, excluded_by, rule_says
from fairwitness.policy.importers.row import Nature, Row, Side, Source

_OUT = re.compile(
    r"\bout[\s-]*of[\s-]*scope|\bnot in scope|\bexclu(?:ded|sions)|\bineligible|\bnon[- ]qualifying", re.I
)
_IN = re.compile(
    r"\bin[\s-]*scope|^\W*scope\W*$|\beligible (?:targets|domains|assets)|\btargets?\W*$|\bscope:", re.I
)
_NO_TARGETS = re.compile(
    r"\bespecially interested|\breport(?:ing)?\b|\breward|\brules?\b|\bthank|\bguideline", re.I
)
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_NAMED = re.compile(r"[^\s.]+(?:\.[^\s.]+)+")
_HEADER = re.compile(r"`?(X-[A-Za-z0-9-]{2,40}):\s*([^\s`<>\"]{1,80})`?")
_MAX_LINE = 2_000  # characters; a longer one is no sentence


class ProgramPage:
    """Everything else that is text."""

    name = "program page"

    def recognises(self, document: object) -> bool:
        """Any text."""
        return isinstance(document, str) and bool(document.strip())

    def read(self, document: object, *, file: str, program: str | None) -> Source:
        """List items under a heading of scope are rows; sentences anywhere may be rules."""
        lines = [line for line in lines_of(str(document)) if len(line.text) <= _MAX_LINE]
        sections = tuple(_in_sections(lines))
        rows = tuple(_row(line, side, file) for line, side in sections if side and _is_row(line))
        texts = [line.text for line in lines]
        out_items = [row.raw for row in rows if row.side is Side.OUT]
        known = {row.raw for row in rows if _is_prose(row)}
        return Source(
            rows=tuple(row for row in rows if not (_is_prose(row) and _is_a_rule(row.raw))),
            name=program or next((line.text for line in lines if line.style is Style.TITLE), None),
            contact=_contact(texts),
            scope_says=_introduction(sections),
            headers=_headers(texts),
            rule_says=rule_says(texts),
            declare=declared_by(texts),
            excluded=excluded_by(item for item in out_items if item in known),
        )


def _is_row(line: Line) -> bool:
    """An item of a list, or a host alone on its line."""
    return line.style is Style.ITEM or (line.style is Style.TEXT and bool(_NAMED.fullmatch(line.text)))


def _is_prose(row: Row) -> bool:
    return row.side is Side.OUT and not _NAMED.search(row.raw)


def _is_a_rule(text: str) -> bool:
    """Whether an exclusion is a class of findings or a rule, which stands elsewhere in the policy."""
    return bool(rule_says([text]) or declared_by([text]) or excluded_by([text]))


@dataclass(slots=True)
class _Section:
    """Where a line stands.  Not frozen: it moves on from line to line."""

    side: Side | None = None
    level: int = 0


def _in_sections(lines: list[Line]) -> Iterator[tuple[Line, Side | None]]:
    """Each line with the list that it belongs to; None outside of both."""
    section = _Section()
    for line in lines:
        if line.style in (Style.HEADING, Style.TITLE):
            side = _side_of(line.text)
            if (
                side is not None
                or line.level <= section.level
                or line.level == 0
                or _NO_TARGETS.search(line.text)
            ):
                section = _Section(side, line.level)
        elif line.style is Style.LABEL and (_side_of(line.text) or _NO_TARGETS.search(line.text)):
            section = _Section(_side_of(line.text), max(section.level, line.level))
        yield line, section.side


def _side_of(heading: str) -> Side | None:
    if _OUT.search(heading):
        return Side.OUT
    if _NO_TARGETS.search(heading):
        return None
    return Side.IN if _IN.search(heading) else None


def _row(line: Line, side: Side | None, file: str) -> Row:
    assert side is not None
    raw, note = line.text, ""
    # "shop.example - the shop": what stands behind the host describes it, or narrows it.
    match = re.match(r"(\S+)\s+(?:[-\u2013\u2014:(]|\s)\s*(.+)", raw)
    if match and _NAMED.fullmatch(match[1].strip("*`").rstrip(":,")) and "*" not in match[1].rstrip("*"):
        raw, note = match[1].strip("`").rstrip(":,"), match[2]
    return Row(raw=raw, where=f"{file}:{line.number}", side=side, nature=Nature.OTHER, note=note)


def _introduction(sections: tuple[tuple[Line, Side | None], ...]) -> str | None:
    for line, side in sections:
        if side is Side.IN and line.style in (Style.TEXT, Style.LABEL) and len(line.text) > 20:
            return line.text.rstrip(":")
    return None


def _contact(texts: list[str]) -> str | None:
    found = [mail for text in texts for mail in _MAIL.findall(text)]
    return next(
        (mail for mail in found if mail.lower().startswith(("security", "bug", "vdp", "disclos"))), None
    ) or (found[0] if found else None)


def _headers(texts: list[str]) -> tuple[tuple[str, str], ...]:
    for text in texts:
        match = _HEADER.search(text)
        if match:
            return ((match[1], match[2]),)
    return ()
