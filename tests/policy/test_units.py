"""Rates, sizes, dates."""

from datetime import date

import pytest

from fairwitness.model.policy import Rate
from fairwitness.policy.units import (
    day_end_us,
    day_of_us,
    day_start_us,
    parse_day,
    parse_days,
    parse_rate,
    parse_size,
)

SECOND = 1_000_000


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("5/s", Rate(5, SECOND)),
        ("60/min", Rate(60, 60 * SECOND)),
        ("300 / h", Rate(300, 3600 * SECOND)),
        ("20000/day", Rate(20_000, 86_400 * SECOND)),
        ("1/hour", Rate(1, 3600 * SECOND)),
    ],
)
def test_rates_are_so_many_per_so_long(text, rate):
    """A second, a minute, an hour, a day."""
    assert rate == parse_rate(text)


@pytest.mark.parametrize(
    "text", ["", "5", "5/", "/s", "0/s", "-1/s", "5/fortnight", "5/s/s", "1e3/s", "9" * 20 + "/s", "٥/s"]
)
def test_what_is_no_rate_is_refused(text):
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="rate"):
        parse_rate(text)


def test_sizes_have_decimal_and_binary_units():
    """MB is a million, MiB 1,048,576."""
    texts = ["1 MiB", "500 KB", "12", "1GiB", "3 b", "0"]

    assert [1 << 20, 500_000, 12, 1 << 30, 3, 0] == [parse_size(text) for text in texts]


@pytest.mark.parametrize("text", ["", "MiB", "1.5 MiB", "-1", "2 GiB", "1 XB"])
def test_what_is_no_size_is_refused(text):
    """Nor is a body that no memory holds."""
    with pytest.raises(ValueError, match=r"is no size|larger than"):
        parse_size(text)


def test_days_are_counted():
    """With or without the word."""
    assert [30, 7, 1] == [parse_days("30 days"), parse_days("7"), parse_days("1 day")]


@pytest.mark.parametrize("text", ["", "0", "a week", "99999"])
def test_what_is_no_number_of_days_is_refused(text):
    """Never is no interval."""
    with pytest.raises(ValueError, match="number of days"):
        parse_days(text)


def test_a_day_is_from_midnight_to_midnight():
    """In UTC, and its end is the first moment that is no longer in it."""
    day = parse_day("2026-11-23")

    assert (date(2026, 11, 23), 86_400 * SECOND) == (day, day_end_us(day) - day_start_us(day))
    assert [day, date(2026, 11, 24)] == [day_of_us(day_end_us(day) - 1), day_of_us(day_end_us(day))]


@pytest.mark.parametrize("text", ["", "2026-02-30", "23.11.2026", "20261123", "2026-W01-1"])
def test_what_is_no_day_is_refused(text):
    """One spelling only."""
    with pytest.raises(ValueError, match=r"date|day|month"):
        parse_day(text)
