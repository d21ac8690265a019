from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairwitness.cli.live.keys import KEYS, MAX_BYTES, Key, read_keys

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("burst", "keys"),
    [
        (b"y", (Key("text", "y"),)),
        ("ü".encode(), (Key("text", "ü"),)),
        (b"\r", (Key("enter"),)),
        (b"\x7f", (Key("backspace"),)),
        (b"\x1b", (Key("escape"),)),
        (b"\x1b[A", (Key("up"),)),
        (b"\x1bOB\x1b[B", (Key("down"), Key("down"))),
        (b"\x1b[15~", ()),
        (b"\x1b[1;5y", ()),
        (b"\x1by", ()),
        (b"", ()),
    ],
)
def test_a_burst_is_the_keys_that_it_is(burst: bytes, keys: tuple[Key, ...]) -> None:
    """Single characters and arrows are keys; a sequence that is not known is none of its letters."""
    assert keys == read_keys(burst)


@pytest.mark.parametrize(
    ("burst", "text"),
    [
        (b"yes\r", "yes "),
        (b"yy", "yy"),
        (b"\x1b[200~y\x1b[201~", "y"),
        (b"\x1b[200~y\ny\n\x1b[201~", "y y "),
        (b"\x1b[200~", ""),
        (b"y\x1b[A", "y [A"),
        (b"y\x1b[201~", "y"),
        ("\U00012544y".encode(), " y"),
        (b"\xffy", "\ufffdy"),
    ],
)
def test_what_was_pasted_is_no_key(burst: bytes, text: str) -> None:
    """Whether the terminal brackets it or not, and a line end in it is a space."""
    assert (Key("paste", text),) == read_keys(burst)


@given(st.binary(max_size=64))
def test_no_bytes_release_a_hold_unless_they_are_the_key(burst: bytes) -> None:
    """Only the very byte is the key, and nothing that would drive a terminal comes out of any bytes."""
    keys = read_keys(burst)

    assert (burst == b"y") == (Key("text", "y") in keys)
    assert all(key.text.isprintable() for key in keys)


def test_a_flood_is_cut() -> None:
    """Whatever a terminal sends, no more than a few thousand characters are looked at."""
    (key,) = read_keys(b"z" * 10 * MAX_BYTES)

    assert MAX_BYTES == len(key.text)


def test_the_page_has_the_keys_of_the_program() -> None:
    """docs/live.md shows the table that the help shows."""
    page = (ROOT / "docs" / "live.md").read_text("utf-8")

    assert [] == [key for key, does in KEYS if f"| {key} | {does} |" not in page]
