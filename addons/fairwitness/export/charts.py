"""Charts as inline SVG: no script, no font, no file from elsewhere; readable in print and in the dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

_WIDTH, _HEIGHT = 860, 220
_LEFT, _BOTTOM, _TOP = 48, 36, 12
_LABEL = 62  # width of a label
_STEPS = (1, 2, 5)
_ROW = 26  # height of a horizontal bar with its space
_NAME_WIDTH = 270
_NAME_CHARACTERS = 38


@dataclass(frozen=True, slots=True)
class Column:
    """One stack: its label, and an amount for each series."""

    label: str
    amounts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Gauge:
    """One bar against its limit."""

    label: str
    amount: float
    limit: float | None
    text: str
    """What stands behind it."""
    is_red: bool


def stacked(columns: Sequence[Column], series: Sequence[str], *, name: str, title: str, about: str) -> Markup:
    """Columns of stacked amounts.

    Args:
        columns: From left to right.
        series: Their classes in the style sheet, from the bottom up.
        name: Unique in the page.
        title: What is shown; read aloud.
        about: The same in a sentence with numbers.
    """
    most = max((sum(column.amounts) for column in columns), default=0)
    step = _step(most)
    top = max(step, -(-most // step) * step)
    plot = _HEIGHT - _BOTTOM - _TOP
    parts = [_begin(name, title, about, _HEIGHT)]
    for value in range(0, top + 1, step):
        y = _HEIGHT - _BOTTOM - plot * value / top
        parts.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(_LEFT, _WIDTH, y, y)
            + Markup('<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{:,}</text>').format(
                _LEFT - 6, y + 4, value
            )
        )
    wide = (_WIDTH - _LEFT) / max(1, len(columns))
    every = max(1, -(-len(columns) * (_LABEL + 8) // (_WIDTH - _LEFT)))
    for place, column in enumerate(columns):
        x, y = _LEFT + place * wide + wide * 0.1, float(_HEIGHT - _BOTTOM)
        for kind, amount in zip(series, column.amounts, strict=True):
            high = plot * amount / top
            y -= high
            if amount:
                parts.append(
                    Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">').format(
                        kind, x, y, min(wide * 0.8, 60), high
                    )
                    + Markup("<title>{}: {} {:,}</title></rect>").format(column.label, kind, amount)
                )
        if place % every == 0 and x + _LABEL <= _WIDTH:
            parts.append(
                Markup('<text class="tick" x="{:.1f}" y="{}">{}</text>').format(
                    x, _HEIGHT - _BOTTOM + 18, column.label
                )
            )
    return Markup("").join([*parts, Markup("</svg>")])


def gauges(rows: Sequence[Gauge], *, name: str, title: str, about: str) -> Markup:
    """Horizontal bars, each with a line where its limit is."""
    most = max([max(row.amount, row.limit or 0) for row in rows], default=1) or 1
    room = _WIDTH - _NAME_WIDTH - 150
    parts = [_begin(name, title, about, _ROW * len(rows) + 8)]
    for place, row in enumerate(rows):
        y = place * _ROW + 6
        label = row.label if len(row.label) <= _NAME_CHARACTERS else f"…{row.label[1 - _NAME_CHARACTERS :]}"
        parts.append(
            Markup('<text class="name" x="{}" y="{}" text-anchor="end">{}</text>').format(
                _NAME_WIDTH - 8, y + 13, label
            )
            + Markup('<rect class="{}" x="{}" y="{}" width="{:.1f}" height="16"/>').format(
                "above" if row.is_red else "rate", _NAME_WIDTH, y, room * row.amount / most
            )
        )
        far = max(row.amount, row.limit or 0)
        if row.limit is not None:
            x = _NAME_WIDTH + room * row.limit / most
            parts.append(
                Markup('<line class="limit" x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}"/>').format(
                    x, x, y - 3, y + 19
                )
            )
        parts.append(
            Markup('<text class="tick" x="{:.1f}" y="{}">{}</text>').format(
                _NAME_WIDTH + room * far / most + 8, y + 13, row.text
            )
        )
    return Markup("").join([*parts, Markup("</svg>")])


def _begin(name: str, title: str, about: str, height: int) -> Markup:
    return Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-labelledby="{}-title {}-about">'
        '<title id="{}-title">{}</title><desc id="{}-about">{}</desc>'
    ).format(_WIDTH, height, name, name, name, title, name, about)


def _step(most: int) -> int:
    """A round step that cuts *most* into four parts or fewer."""
    size = 1
    while True:
        for factor in _STEPS:
            if most <= 4 * factor * size:
                return factor * size
        size *= 10
