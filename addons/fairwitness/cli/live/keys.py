"""From the bytes of a terminal to keys: what was pasted is never taken for a key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SILENCE_S = 0.04
"""A key stands alone: what comes closer together than this was pasted, or comes from a program."""

MAX_BYTES = 4096  # of one burst; the rest is dropped

KEYS = (
    ("y / n", "answer what is selected under 'waits for you'; Up and Down select"),
    (
        "a",
        "add all suggested hosts to load, tunnel or noise, never to include; many are shown first",
    ),
    ("w", "the suggested hosts one by one: a digit, or Enter on the selected one, adds it"),
    ("c", "confirm a changed policy that waits; asks once more"),
    ("h", "halt: nothing leaves from now on; in the lists too"),
    ("r", "resume after a halt; asks for a reason, which is recorded"),
    ("f", "flags: answer the selected one as accident, authorised or false alarm"),
    ("?", "this table"),
    ("q", "stop; asks once more while requests are open"),
    ("Esc", "back"),
    ("Ctrl-C", "stop at once"),
)
"""What each key does, as the help and docs/live.md show it."""

_PASTE_BEGINS, _PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"
_SEQUENCES = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"\x1b": "escape",
    b"\r": "enter",
    b"\n": "enter",
    b"\x7f": "backspace",
    b"\x08": "backspace",
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key, or a piece of pasted text."""

    name: str
    """``up`` | ``down`` | ``escape`` | ``enter`` | ``backspace`` | ``text`` | ``paste``."""
    text: str = ""
    """The character of ``text``, the printable characters of ``paste``."""


def read_keys(burst: bytes) -> tuple[Key, ...]:
    """The keys of one burst: everything that came without `SILENCE_S` between.

    A burst of several characters is a paste, whether the terminal brackets it or not.
    """
    burst = burst[:MAX_BYTES]
    if not burst:
        return ()
    arrows = tuple(_arrows(burst))
    if arrows:
        return arrows
    name = _SEQUENCES.get(burst)
    if name:
        return (Key(name),)
    if burst.startswith(b"\x1b") and not burst.startswith(_PASTE_BEGINS):
        return ()  # a key that nobody uses here, or an answer of the terminal
    text = _typed(burst.replace(_PASTE_BEGINS, b"").replace(_PASTE_ENDS, b""))
    if len(text) == 1 and burst == text.encode():
        return (Key("text", text),)
    return (Key("paste", text),)


def _arrows(burst: bytes) -> Iterator[Key]:
    """The arrows of a burst that is nothing else: a key that is held down repeats quickly."""
    parts = [burst[at : at + 3] for at in range(0, len(burst), 3)]
    names = [_SEQUENCES.get(part) for part in parts if len(part) == 3]
    if len(names) == len(parts) and all(names):
        yield from (Key(name) for name in names if name)


def _typed(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    return "".join(each if each.isprintable() else " " for each in text)
