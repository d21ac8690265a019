"""Rows of a source: entries, decisions, and what is no network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairwitness.policy.importers.row import Nature, Row, Side
from fairwitness.policy.importers.sort import Sorted, entries_in, sort_rows


def row(raw: str, *, side: Side = Side.IN, nature: Nature = Nature.NETWORK, note: str = "") -> Row:
    """A row of a table."""
    return Row(raw=raw, where="scope.csv:2", side=side, nature=nature, note=note)


def sorted_one(raw: str, **more: object) -> Sorted:
    """What becomes of one row."""
    return sort_rows([row(raw, **more)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "entries"),
    [
        ("shop.example.test", ["shop.example.test"]),
        ("*.example.test", ["*.example.test"]),
        ("https://*.cdn.example.test/", ["https://*.cdn.example.test"]),
        ("https://shop.example.test/app/*", ["https://shop.example.test/app"]),
        ("shop.example.test/app", ["https://shop.example.test/app"]),
        ("shop.example.test/*", ["shop.example.test"]),
        ("https://shop.example.test/#/account", ["https://shop.example.test"]),
        ("api.example.test:8443", ["api.example.test:8443"]),
        ("a.example.test, b.example.test", ["a.example.test", "b.example.test"]),
        ("img*.example.test", ["img*.example.test"]),
        ("8.8.8.0/28", ["8.8.8.0/28"]),
        ("8.8.8.8-8.8.8.9", ["8.8.8.8/31"]),
        ("8.8.8.8", ["8.8.8.8"]),
    ],
)
def test_what_is_clearly_a_place_becomes_an_entry(raw: str, entries: list[str]) -> None:
    """As it is written, never wider."""
    found = sorted_one(raw)

    assert entries == [line.entry for line in found.include]
    assert (1, 1, 0, 0) == (found.read, found.became_entries, len(found.decide), found.not_network)


@pytest.mark.parametrize(
    "raw",
    [
        "All our websites",
        "example.*",
        "*example.com",
        "*.co.uk",
        "*.github.io",
        "*",
        "https://(eu|us).example.test/",
        "<your-instance>.example.test",
        "api.example.test (production)",
        "10.0.0.0/8",
        "127.0.0.1",
        "169.254.169.254",
        "printer.local",
        "security@example.com",
        "com.example.android",
        "Android",
        "https://github.com/example/shop",
        "https://shop.example.test/find?id=1",
        "https://shop.example.test/*/edit",
        "8.8.8.1/24",
        "",
        "preset:captcha",
        "user@shop.example.test",
        "ftp://shop.example.test",
    ],
)
def test_everything_else_needs_a_decision(raw: str) -> None:
    """With a reason; nothing of it is allowed."""
    found = sorted_one(raw, nature=Nature.OTHER)

    assert ((), 1, 0) == (found.include, len(found.decide), found.became_entries)
    assert (raw, True) == (found.decide[0].raw, bool(found.decide[0].why))


@pytest.mark.parametrize(
    "raw", ["https://play.google.com/store/apps/details?id=x", "https://apps.apple.com/app/id1"]
)
def test_a_page_of_a_store_allows_no_store(raw: str) -> None:
    """It names an app, whatever the source calls it."""
    assert ((), 1) == (sorted_one(raw).include, sorted_one(raw).not_network)


def test_a_host_on_both_lists_stays_excluded_until_somebody_decides() -> None:
    """The narrow reading, and the row is shown."""
    found = sort_rows([row("shop.example.test"), row("shop.example.test", side=Side.OUT)])

    assert ((), ["shop.example.test"]) == (found.include, [line.entry for line in found.exclude])
    assert ["shop.example.test"] == [each.raw for each in found.decide]


def test_hosts_in_an_undecided_exclusion_are_excluded_meanwhile() -> None:
    """A sentence that forbids a host must not leave it to a wildcard."""
    sentence = "The staging system at staging.example.test and *.dev.example.test"
    found = sort_rows([row("*.example.test"), row(sentence, side=Side.OUT)])

    assert ["staging.example.test", "*.dev.example.test"] == [line.entry for line in found.exclude]
    assert [sentence] == [each.raw for each in found.decide]


def test_a_sentence_about_a_host_in_scope_does_not_exclude_it() -> None:
    """Rate limits of a page are no reason to lose the page."""
    found = sort_rows([row("app.example.test"), row("Rate limits on app.example.test", side=Side.OUT)])

    assert (["app.example.test"], ()) == ([line.entry for line in found.include], found.exclude)


@pytest.mark.parametrize(
    ("raw", "entries"),
    [
        ("https://pay.example.test/", ["pay.example.test"]),
        ("https://example.test/blog/?p=1", ["https://example.test/blog", "http://example.test/blog"]),
        ("example.test/blog*", None),
    ],
)
def test_an_exclusion_is_never_narrower_than_its_row(raw: str, entries: list[str] | None) -> None:
    """It holds for both schemes."""
    found = sorted_one(raw, side=Side.OUT)

    assert (entries or []) == [line.entry for line in found.exclude if "provisional" not in line.note]


def test_a_note_that_may_narrow_a_row_leaves_it_out() -> None:
    """No column states it, so the researcher reads it."""
    found = sorted_one("*.example.test", note="No load tests; helpdesk.example.test is excluded")

    assert ((), 1) == (found.include, len(found.decide))
    assert "helpdesk" in found.decide[0].why


def test_a_source_that_is_unsure_decides_nothing() -> None:
    """Neither list."""
    found = sorted_one("shop.example.test", side=Side.UNSURE)

    assert ((), (), 1) == (found.include, found.exclude, len(found.decide))


def test_a_row_of_a_new_kind_is_dropped_from_neither_list() -> None:
    """It needs a decision, and what it excludes is excluded meanwhile."""
    listed = sorted_one("new.example.test", nature=Nature.UNKNOWN)
    excluded = sorted_one("new.example.test", nature=Nature.UNKNOWN, side=Side.OUT)

    assert ((), 1) == (listed.include, len(listed.decide))
    assert (["new.example.test"], 1) == ([line.entry for line in excluded.exclude], len(excluded.decide))


@given(st.text(max_size=60), st.sampled_from(Side), st.sampled_from(Nature))
def test_every_row_ends_in_exactly_one_place(raw: str, side: Side, nature: Nature) -> None:
    """Whatever it holds."""
    found = sort_rows([Row(raw=raw, where="-", side=side, nature=nature)])

    assert 1 == found.became_entries + len(found.decide) + found.not_network


@given(st.from_regex(r"[a-z*.(){}|<>/:0-9 -]{1,40}", fullmatch=True))
def test_no_entry_names_a_host_that_the_row_does_not(raw: str) -> None:
    """Entries are made of what stands there."""
    found = entries_in(row(raw))

    if not isinstance(found, str):
        for entry in found:
            place = entry.partition("://")[2].partition("/")[0] or entry.partition("/")[0]
            assert place.lower() in raw.lower() or raw.count("-")
