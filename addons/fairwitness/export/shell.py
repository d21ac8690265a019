"""Words of a bash script: whatever they hold, bash reads them as one word."""

from __future__ import annotations

import re
import shlex
from base64 import b64encode
from collections.abc import Iterator, Sequence

from fairwitness.model.disclosure import Placeholder

_PLAIN = re.compile(rb"[\x20-\x7e]*")
_LINE_CHARACTERS = 76
_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


def is_variable(name: str) -> bool:
    """Whether bash takes it as the name of a variable, and nothing else in it."""
    return _NAME.fullmatch(name) is not None


def pieces(raw: bytes, hidden: Sequence[Placeholder]) -> Iterator[bytes | Placeholder]:
    """*raw* cut at what stands for hidden values."""
    known = {each.text.encode(): each for each in hidden if is_variable(each.name)}
    if not known:
        yield raw
        return
    longest_first = sorted(known, key=len, reverse=True)
    for piece in re.split(b"(" + b"|".join(map(re.escape, longest_first)) + b")", raw):
        if piece in known:
            yield known[piece]
        elif piece:
            yield piece


def word(raw: bytes, hidden: Sequence[Placeholder] = ()) -> str:
    """One word; what is hidden in it is a shell variable.

    Raises:
        ValueError: It holds a zero byte, which no argument can.
    """
    if b"\0" in raw:
        raise ValueError("a zero byte")
    quoted = [
        f'"${piece.name}"' if isinstance(piece, Placeholder) else literal(piece)
        for piece in pieces(raw, hidden)
    ]
    return "".join(quoted) or "''"


def literal(raw: bytes) -> str:
    """*raw* as one word that bash takes as it stands."""
    if _PLAIN.fullmatch(raw):
        return shlex.quote(raw.decode("ascii"))
    escaped = "".join(_escaped(byte) for byte in raw)
    return f"$'{escaped}'"


def _escaped(byte: int) -> str:
    character = chr(byte)
    if character in "\\'":
        return "\\" + character
    if character == "\n":
        return "\\n"
    # Three octal digits: unlike \x they never take a digit on that follows.
    return character if 0x20 <= byte < 0x7F else f"\\{byte:03o}"


def comment(text: str) -> str:
    """A line that bash skips; *text* is printable and holds no line end."""
    return f"# {text}\n"


def data_lines(raw: bytes, hidden: Sequence[Placeholder]) -> Iterator[str]:
    """Commands that write *raw* to stdout, any bytes of any length."""
    for piece in pieces(raw, hidden):
        if isinstance(piece, Placeholder):
            yield f'  printf %s "${piece.name}"\n'
            continue
        encoded = b64encode(piece).decode("ascii")
        yield "  base64 -d <<'BASE64'\n"
        for at in range(0, len(encoded), _LINE_CHARACTERS):
            yield encoded[at : at + _LINE_CHARACTERS] + "\n"
        yield "BASE64\n"
