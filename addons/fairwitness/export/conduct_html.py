"""A conduct report as one HTML file: no script, nothing from elsewhere, charts drawn inline."""

from __future__ import annotations

import re
from importlib import resources

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from fairwitness.export.charts import Column, Gauge, gauges, stacked
from fairwitness.export.conduct_page import clock, lasting, moment, shown
from fairwitness.export.conduct_words import page_of
from fairwitness.model.conduct import Conduct

_HOUR_US = 3_600_000_000
_SHORT = re.compile(r"[-\d:., ]{1,24}")
_WORD = 12  # characters
_MOST_BARS = 400
_MOST_GAUGES = 10
_SERIES = ("tool", "person", "page", "blocked")


def conduct_html(conduct: Conduct) -> str:
    """The report as HTML."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.tests["short"] = _is_short
    text = resources.files("fairwitness.export").joinpath("conduct.html.jinja").read_text("utf-8")
    charts = {"summary": _traffic(conduct), "rates": _rates(conduct)}
    # jinja2 escapes whatever is not Markup; a lone surrogate cannot be written as UTF-8.
    html = environment.from_string(text).render(page=page_of(conduct), charts=charts, series=_SERIES)
    return html.encode("utf-8", "backslashreplace").decode()


def _is_short(cell: str) -> bool:
    """Whether a cell holds a word, a number, a time or a range, which must not be broken."""
    return len(cell) <= _WORD or _SHORT.fullmatch(cell) is not None


def _traffic(conduct: Conduct) -> Markup:
    bars = conduct.bars[-_MOST_BARS:]
    if not bars:
        return Markup("")
    is_hourly = conduct.bar_us == _HOUR_US
    days = {moment(bar.start_us)[:10] for bar in bars}
    columns = []
    for bar in bars:
        label = clock(bar.start_us)[:5] if is_hourly else moment(bar.start_us)[5:10]
        if is_hourly and len(days) > 1:
            label = f"{moment(bar.start_us)[8:10]}. {label}"
        columns.append(Column(label, (bar.tool, bar.person, bar.page, bar.blocked)))
    unit = "hour" if is_hourly else "day"
    left = sum(bar.tool + bar.person + bar.page for bar in bars)
    blocked = sum(bar.blocked for bar in bars)
    about = (
        f"{left:,} requests left and {blocked:,} were blocked, in {len(bars)} of the {unit}s with traffic."
    )
    title = f"Requests by {unit} (UTC), by who made them; {unit}s without traffic are left out"
    return stacked(columns, _SERIES, name="traffic", title=title, about=about)


def _rates(conduct: Conduct) -> Markup:
    rates = [rate for rate in conduct.rates if rate.host != "*"][:_MOST_GAUGES]
    rows = []
    for rate in rates:
        seconds = rate.window_us / 1e6
        rows.append(
            Gauge(
                label=shown(rate.host),
                amount=rate.most / seconds,
                limit=None if rate.allowed is None else rate.allowed / seconds,
                text=f"{rate.most:,} in {lasting(rate.window_us)}",
                is_red=rate.is_above and not rate.is_courtesy,
            )
        )
    if not rows:
        return Markup("")
    about = "Bars: the most requests within one window. Lines: what the limit lets through in it."
    return gauges(rows, name="rates", title="Top rate of each host against its limit", about=about)
