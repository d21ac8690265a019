from __future__ import annotations

import pytest

from fairwitness.cli.text import machine, printable, printable_bytes, size


@pytest.mark.parametrize(
    ("recorded", "shown"),
    [
        ("plain text", "plain text"),
        ("grün 東京", "grün 東京"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("c1 \x9b31m", "c1 \\x9b31m"),
        ("bidi \u202egnp.exe", "bidi \\u202egnp.exe"),
        ("isolate \u2067x", "isolate \\u2067x"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("line\u2028sep", "line\\u2028sep"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("lone \ud800", "lone \\ud800"),
        ("del \x7f", "del \\x7f"),
    ],
)
def test_what_a_terminal_obeys_or_hides_is_escaped(recorded: str, shown: str) -> None:
    """Control characters of both sets, format characters and surrogates become escapes; other text stays."""
    assert shown == printable(recorded)


def test_kept_characters_stay() -> None:
    """Newlines stay where lines are wanted, everything else is still escaped."""
    assert "a\nb\\x1b" == printable("a\nb\x1b", keep="\n")


def test_bytes_that_are_no_text_are_escaped() -> None:
    """Bytes that are no UTF-8 show their value."""
    assert "ok \\xff\\x00" == printable_bytes(b"ok \xff\x00")


def test_json_lines_are_ascii_without_controls() -> None:
    """JSON output is one line of printable ASCII whatever was recorded."""
    line = machine({"url": "\x1b\u202e\x7f\n\ud800"})

    assert line.isascii()
    assert line.isprintable()


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (None, "-"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (5 << 20, "5.0 MiB"),
        (3 << 40, "3.0 TiB"),
    ],
)
def test_sizes_are_for_people(count: int | None, shown: str) -> None:
    """Sizes are binary units with one decimal; what was not counted is a dash."""
    assert shown == size(count)
