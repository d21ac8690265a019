"""Tests of fairwitness.cli.fitting and log_table."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairwitness.cli.fitting import cut_end, fit_url, width_of
from fairwitness.cli.log_table import layout_of, line_of
from fairwitness.cli.text import printable
from fairwitness.model.record import ExchangeRow

URL = "https://shop.example.com/a/long/way/to/orders.json?page=1&sort=price"
ROW = ExchangeRow(
    id=12,
    exchange="0" * 32,
    time_us=1_795_435_200_000_000,
    method="GET",
    url=URL,
    status=200,
    decision="allow",
    clause=None,
    reason="",
    initiator="tool",
    page=None,
    label=None,
    account=None,
    client="",
    flags=(),
    request_bytes=0,
    response_bytes=12,
    duration_us=1,
    session=1,
    outcome="complete",
    host="shop.example.com",
    scope_list=None,
)


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (80, URL),
        (60, "https://shop.example.com/a/long/way/to/orders.json?page=1&so…"[:59] + "…"),
        (52, "https://shop.example.com/a/long/way/to/orders.json?…"),
        (46, "https://shop.example.com/…/orders.json?…"),
        (40, "https://shop.example.com/…/orders.json?…"),
        (34, "shop.example.com/…/orders.json?…"),
        (10, "shop.exam…"),
    ],
)
def test_url_keeps_host_and_the_end_of_its_path(width: int, shown: str) -> None:
    """The query goes first, then the middle of the path, then the scheme."""
    assert shown == fit_url(URL, width)


@given(st.text(max_size=80), st.integers(1, 60))
def test_nothing_is_wider_than_it_may_be(text: str, width: int) -> None:
    """Whatever is in it."""
    safe = printable(text)

    assert width_of(fit_url(safe, width)) <= width
    assert width_of(cut_end(safe, width)) <= width
    assert width_of(fit_url(f"https://{safe}/{safe}?{safe}", width)) <= width


@pytest.mark.parametrize("width", [40, 60, 80, 100, 132, 200])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"label": "ffuf", "account": "alice", "flags": ("f1",)},
        {"label": "l" * 300, "account": "账户" * 40, "flags": tuple(f"f{number}" for number in range(50))},
        {"method": "M" * 200, "url": "u" * 500, "id": 1_234_567, "outcome": "unknown", "status": None},
        {"url": "https://例え.test/" + "道/" * 100},
    ],
)
def test_lines_fit_the_terminal(width: int, change: dict[str, object]) -> None:
    """Columns go until the URL has room, and what is left is cut."""
    row = replace(ROW, **change)  # type: ignore[arg-type]
    layout = layout_of([ROW, row], width=width, is_coloured=False)

    assert [True, True] == [width_of(line_of(each, layout)) <= width for each in (ROW, row)]
    assert {"id", "verdict", "status"} <= {name for name, _ in layout.columns}


def test_later_rows_fit_though_the_first_ones_were_narrower() -> None:
    """The first rows decide on the columns; a wider id takes its room from the URL."""
    layout = layout_of([ROW], width=80, is_coloured=False)

    assert 80 >= width_of(line_of(replace(ROW, id=10**9, decision="throttle"), layout))


def test_label_and_account_have_columns_where_they_are_known() -> None:
    """And only there; in a pipe nothing is cut."""
    names = [name for name, _ in layout_of([ROW], width=None, is_coloured=False).columns]
    row = replace(ROW, label="ffuf" * 20, flags=("f1", "f2"))
    layout = layout_of([ROW, row], width=None, is_coloured=False)

    assert {"label", "account"}.isdisjoint(names)
    assert "label" in [name for name, _ in layout.columns]
    assert f"{'ffuf' * 20}  {URL}  [f1 f2]" in line_of(row, layout)


def test_verdict_and_status_are_coloured_on_a_terminal() -> None:
    """Colours take no column."""
    blocked = replace(ROW, decision="block", outcome="blocked", status=None)
    plain = layout_of([ROW], width=200, is_coloured=False)
    coloured = replace(plain, is_coloured=True)

    assert "\x1b[31mblock\x1b[0m" in line_of(blocked, coloured)
    assert "\x1b[32m200\x1b[0m" in line_of(ROW, coloured)
    assert "\x1b" not in line_of(ROW, plain)
