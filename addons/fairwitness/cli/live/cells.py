"""Pieces of a line: never wider than they may be, never more than text, whoever chose it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from rich.style import Style
from rich.text import Text

from fairwitness.cli.text import printable

_MAX_CHARACTERS = 1000  # of one cell, before it is cut: no terminal is wider
_MARKS = frozenset({"Mn", "Me"})  # drawn on their neighbour, without a width of their own
_NAMED = "host"  # the mark of a name that stands for a host
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def shown(text: str) -> str:
    """Recorded text as it may stand on the screen: nothing hidden, nothing that stacks up."""
    text = printable(unicodedata.normalize("NFC", text[:_MAX_CHARACTERS]))
    if text.isascii():
        return text
    return "".join(each if _is_plain(each) else ascii(each)[1:-1] for each in text)


def _is_plain(character: str) -> bool:
    """Whether terminals agree on its width; of what is not assigned yet they know none."""
    return character.isprintable() and unicodedata.category(character) not in _MARKS


def cell(text: str, width: int, style: str = "", *, is_right: bool = False) -> Text:
    """Recorded text in exactly *width* columns, cut with an ellipsis where it is longer."""
    made = Text(shown(text), style=style, no_wrap=True, end="")
    if is_right and made.cell_len < width:
        made.pad_left(width - made.cell_len)
    return fitted(made, width)


def fitted(text: Text, width: int) -> Text:
    """Exactly *width* columns of it."""
    if width <= 0:
        return Text("", end="")
    text.truncate(width, overflow="ellipsis", pad=True)
    return text


def naming(host: str, style: str = "") -> Text:
    """The name of a host, marked so that `named_on` finds it where it was not cut."""
    text = shown(host)
    made = Text(text, style=style, no_wrap=True, end="")
    made.stylize(Style(meta={_NAMED: text}))
    return made


def named_on(lines: Iterable[Text]) -> frozenset[str]:
    """The hosts whose whole name stands on these lines."""
    return frozenset(
        line.plain[span.start : span.end]
        for line in lines
        for span in line.spans
        if isinstance(span.style, Style) and span.style.meta.get(_NAMED) == line.plain[span.start : span.end]
    )


def flowed(words: Iterable[Text], width: int, height: int, *, indent: int) -> list[Text]:
    """Words over at most *height* lines; what follows is left out."""
    lines: list[Text] = []
    for word in words:
        if lines and lines[-1].cell_len + 1 + word.cell_len <= width:
            lines[-1].append(" ").append_text(word)
            continue
        if len(lines) == height:
            break
        lines.append(Text(" " * indent if lines else "", no_wrap=True, end="").append_text(word))
    return [fitted(line, width) for line in lines]


def row(*parts: Text, gap: str = " ") -> Text:
    """Parts side by side."""
    return Text(gap, no_wrap=True, end="").join(parts)


def rule(title: str, width: int, *, more: int = 0, style: str = "bold") -> Text:
    """The head of a panel; says how much of it is hidden."""
    hidden = f" +{more} hidden " if more else ""
    words = Text(f"─ {title} ", style=style, no_wrap=True, end="")
    words.append("─" * max(0, width - words.cell_len - len(hidden) - 1), "dim")
    words.append(hidden, "yellow")
    words.append("─", "dim")
    return fitted(words, width)


def panel(
    title: str, lines: Sequence[Text], width: int, height: int, *, is_newest_last: bool = False
) -> list[Text]:
    """A titled list in at most *height* lines; what does not fit is counted in the title."""
    if height < 2 or not lines:
        return []
    room = height - 1
    more = max(0, len(lines) - room)
    kept = lines[-room:] if is_newest_last else lines[:room]
    return [rule(title, width, more=more), *kept]


def bar(used: int, limit: int, width: int) -> str:
    """How full something is, to an eighth of a column."""
    eighths = 0 if limit <= 0 else min(width * 8, round(8 * width * used / limit))
    if used > 0:
        eighths = max(1, eighths)
    whole, rest = divmod(eighths, 8)
    drawn = "█" * whole + (_EIGHTHS[rest] if rest else "")
    return drawn + "·" * (width - len(drawn))


def paired(
    left: Iterable[Text], right: Iterable[Text], *, widths: tuple[int, int], height: int
) -> list[Text]:
    """Two columns of lines side by side."""
    first, second = list(left)[:height], list(right)[:height]
    lines = []
    for at in range(height):
        one = first[at] if at < len(first) else Text("", end="")
        two = second[at] if at < len(second) else Text("", end="")
        lines.append(row(fitted(one, widths[0]), fitted(two, widths[1]), gap=" │ "))
    return lines
