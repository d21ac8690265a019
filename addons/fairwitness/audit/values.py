"""Values of a JSON file that promised nothing: what has another type than it should counts as absent."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping

Fields = Mapping[str, object]


def fields(value: object) -> Fields:
    """An object's fields; none where it is no object."""
    return value if isinstance(value, dict) else {}


def text(of: Fields, key: str) -> str:
    """A field's text, "" where it has none; a number counts as its digits."""
    value = of.get(key)
    if isinstance(value, bool):
        return ""
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""


def number(of: Fields, key: str) -> float | None:
    """A field's number, None where it has none."""
    value = of.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def rows(of: Fields, key: str) -> Iterator[Fields]:
    """The objects in a field's list."""
    value = of.get(key)
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))


def wire(written: str) -> bytes:
    """The bytes that a text stood for."""
    return written.encode("utf-8", "surrogatepass")


def from_base64(written: str) -> bytes | None:
    """What is written in base64; None where it is not."""
    try:
        return base64.b64decode(written.translate(_BLANKS), validate=True)
    except (binascii.Error, ValueError):
        return None


_BLANKS = {ord(each): None for each in " \r\n\t"}
