"""The lines of a page, with what each is: told alike for Markdown and HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from html.parser import HTMLParser


class Style(Enum):
    """What a line is."""

    TITLE = auto()
    HEADING = auto()
    LABEL = auto()
    """A short line that ends in a colon and introduces a list."""
    ITEM = auto()
    TEXT = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text without markup."""

    number: int
    text: str
    style: Style
    level: int = 0
    """Of a heading, from 1; labels are 9."""


_LABEL_LEVEL = 9
_MAX_LABEL = 60  # characters
_HEADING_TAGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = {"p", "div", "li", "td", "th", "tr", "section", "br", "dt", "dd", *_HEADING_TAGS}


def lines_of(page: str) -> Iterator[Line]:
    """The lines of a page, in order."""
    if re.search(r"<(?:!doctype html|html|body|ul|li|h[1-6])\b", page[:65536], re.IGNORECASE):
        reading = _Html()
        reading.feed(page)
        reading.close()
        yield from reading.lines
    else:
        yield from _markdown(page)


def _markdown(page: str) -> Iterator[Line]:
    lines = page.splitlines()
    start = 0
    if lines and lines[0].strip() == "---":
        end = next((at for at, line in enumerate(lines[1:], 1) if line.strip() == "---"), 0)
        for at in range(1, end):
            if lines[at].startswith("title:"):
                yield Line(at + 1, lines[at].partition(":")[2].strip().strip("\"'"), Style.TITLE, 1)
        start = end + 1 if end else 0
    is_code = False
    for number, line in enumerate(lines[start:], start + 1):
        if line.lstrip().startswith(("```", "~~~")):
            is_code = not is_code
        elif line.strip() and not is_code:
            yield _markdown_line(number, line)


def _markdown_line(number: int, line: str) -> Line:
    heading = re.match(r"\s{0,3}(#{1,6})\s+(.*)", line)
    if heading:
        return Line(number, _plain(heading[2].rstrip("# ")), Style.HEADING, len(heading[1]))
    item = re.match(r"\s*(?:[*+-]|\d{1,3}[.)])\s+(.*)", line)
    if item:
        return Line(number, _plain(item[1]), Style.ITEM)
    if line.lstrip().startswith("|"):
        cells = [cell for cell in map(_plain, line.strip().strip("|").split("|")) if cell]
        return Line(number, cells[0] if cells else "", Style.ITEM if cells else Style.TEXT)
    return _text_line(number, _plain(re.sub(r"^\s*:::\s*\w*\s*", "", line)))


def _text_line(number: int, text: str) -> Line:
    is_label = text.endswith(":") and len(text) <= _MAX_LABEL
    return Line(number, text, Style.LABEL, _LABEL_LEVEL) if is_label else Line(number, text, Style.TEXT)


def _plain(text: str) -> str:
    """Markdown without its marks; of a link what is shown, where that is a sentence, else the same."""
    text = re.sub(r"<[^<>]{1,300}>", " ", text)
    text = re.sub(r"!?\[([^\[\]]{0,500})\]\([^()\s]{0,500}(?:\s[^()]{0,100})?\)", r"\1", text)
    text = re.sub(r"\\([*_`\[\]().-])", r"\1", text)
    text = re.sub(r"(?<![\w.*])(\*\*|__)(?=\S)|(?<=[^\s.])(\*\*|__)(?!\w)", "", text)
    text = re.sub(r"(?<!\w)_(?=\w)|(?<=[\w.:])_(?!\w)", "", text)
    return " ".join(text.replace("`", "").split())


class _Html(HTMLParser):
    """Collects the text of blocks; what scripts and styles hold is none."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[Line] = []
        self._words: list[str] = []
        self._open: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parser's signature
        """A new block ends the one before."""
        if tag in ("script", "style", "noscript", "template"):
            self._hidden += 1
        if tag in _BLOCKS:
            self._end()
            if tag != "br":
                self._open = [*self._open[-64:], tag]
        elif tag == "title":
            self._end()
            self._open = [*self._open[-64:], tag]

    def handle_endtag(self, tag: str) -> None:
        """A block ends."""
        if tag in ("script", "style", "noscript", "template"):
            self._hidden = max(0, self._hidden - 1)
        if tag in _BLOCKS or tag == "title":
            self._end()
            if tag in self._open:
                del self._open[len(self._open) - 1 - self._open[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        """Text of the open block."""
        if not self._hidden:
            self._words.append(data)

    def close(self) -> None:
        """The last block."""
        super().close()
        self._end()

    def _end(self) -> None:
        text = " ".join("".join(self._words).split())
        self._words.clear()
        if not text:
            return
        number = self.getpos()[0]
        tag = next(
            (each for each in reversed(self._open) if each in _HEADING_TAGS or each in ("li", "td", "title")),
            "",
        )
        if tag in _HEADING_TAGS:
            self.lines.append(Line(number, text, Style.HEADING, _HEADING_TAGS[tag]))
        elif tag == "title":
            self.lines.append(Line(number, text, Style.TITLE, 1))
        elif tag in ("li", "td"):
            self.lines.append(Line(number, text, Style.ITEM))
        else:
            self.lines.append(_text_line(number, text))
