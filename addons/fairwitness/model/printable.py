"""Text for a person's eyes: recorded data comes from strangers and must not drive a terminal or an editor."""

from __future__ import annotations

import unicodedata

# Categories that draw nothing or change how their neighbours are drawn: C0 and C1 controls, format characters
# (bidi overrides, zero-width), surrogates, private use, line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def printable(text: str, *, keep: str = "") -> str:
    """*text* with every character that a terminal would obey or hide written as an escape.

    Args:
        text: Anything, such as a URL that a hostile page chose.
        keep: Characters to leave alone, such as a newline where lines are wanted.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if character in keep or not _is_unseen(character) else escaped(character)
        for character in text
    )


def printable_bytes(raw: bytes, *, keep: str = "") -> str:
    """*raw* as text: UTF-8 where it is that, every other byte as an escape."""
    return printable(raw.decode("utf-8", "backslashreplace"), keep=keep)


def size(count: int | None) -> str:
    """Bytes for people; ``-`` where they were not counted."""
    if count is None:
        return "-"
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN


def escaped(character: str) -> str:
    """A character as an escape: ``\\n``, ``\\x1b``, ``\\u202e``."""
    point = ord(character)
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    if short:
        return short
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
