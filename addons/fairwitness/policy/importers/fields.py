"""Fields of a JSON document that may hold anything."""

from __future__ import annotations

from collections.abc import Mapping


def mapping(value: object) -> Mapping[str, object]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[object]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """The value where it is a text or a number, else an empty text."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def some(value: object) -> str | None:
    """As `text`, None where it is empty."""
    return text(value) or None


def at(document: object, *keys: str) -> object:
    """What stands under *keys*, one within the other; None where one is missing."""
    for key in keys:
        document = mapping(document).get(key)
    return document
