"""Whose an object is by its own words: the fields of an answer that name an owner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum

from fairwitness.rules.fields import json_of, last_word
from fairwitness.rules.mentions import BODY_BYTES, Told
from fairwitness.rules.objects import Object, is_id
from fairwitness.rules.vocabulary import NAMES, OWNER

_NODES = 2000  # of an answer that are looked at
_DEPTH = 8
_OF_PERSON = ("username", "login", "email", "handle", "name", "id", "_id", "uuid")


class Standing(Enum):
    """Whose something is, as far as the log shows."""

    OWN = "own"
    FOREIGN = "foreign"
    """An answer named an owner that is none of the registered identities."""
    UNKNOWN = "unknown"


def entry_of(told: Told, wanted: Object) -> dict[str, object] | None:
    """What a JSON answer says of one object; None where it says nothing of its own."""
    for entry in entries_in(json_of(told.content, most_bytes=BODY_BYTES)):
        if any(_is(entry.get(key), wanted.name) for key in ("id", "_id", "uuid", "pk", f"{wanted.kind}_id")):
            return entry
    return None


def entries_in(form: object) -> Iterator[dict[str, object]]:
    """The objects of parsed JSON, the outer ones first."""
    left: list[tuple[object, int]] = [(form, 0)]
    for seen, (value, depth) in enumerate(left):
        if seen >= _NODES:
            return
        if isinstance(value, dict):
            yield value
        if depth < _DEPTH and isinstance(value, dict | list):
            inner = value.values() if isinstance(value, dict) else value
            left.extend((each, depth + 1) for each in inner if isinstance(each, dict | list))


def said_owner(entry: dict[str, object], is_own: Callable[[str], bool], own_names: Iterable[str]) -> Standing:
    """Whose an entry is by its own fields.

    Only what can be compared counts against the researcher: an address where an address is registered, a
    number where a number is.
    """
    names = [
        name for key, value in entry.items() if last_word(str(key)) in OWNER for name in _names_of(value)
    ]
    if any(is_own(name) for name in names):
        return Standing.OWN
    shapes = {shape_of(name) for name in own_names}
    return Standing.FOREIGN if any(shape_of(name) in shapes for name in names) else Standing.UNKNOWN


def profiles_in(content: bytes) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The persons that a short JSON answer names: the id of each, and its names."""
    for count, entry in enumerate(entries_in(json_of(content, most_bytes=16 << 10))):
        if count >= 3:
            return
        name = next((entry[key] for key in ("id", "_id", "uuid", "user_id", "sub") if key in entry), None)
        if isinstance(name, str | int) and not isinstance(name, bool) and is_id(str(name)):
            yield str(name), tuple(str(v) for k, v in entry.items() if last_word(str(k)) in NAMES)


def _names_of(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key in _OF_PERSON:
            if key in value and not isinstance(value[key], dict | list):
                yield from _names_of(value[key])
    elif isinstance(value, str | int) and not isinstance(value, bool):
        text = str(value)
        if 0 < len(text) <= 254:
            yield text


def shape_of(name: str) -> str:
    """``address`` | ``number`` | ``id`` | ``name``: only names of one shape can be compared."""
    if "@" in name:
        return "address"
    if name.isdigit():
        return "number"
    return "id" if is_id(name) else "name"


def _is(value: object, name: str) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and str(value) == name
