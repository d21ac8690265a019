"""Which objects a request names: in its path, its query, its body, its GraphQL arguments.

An object is a kind and an id: ``/v2/users/41/orders/7`` names the user 41 and the order 7.  Kinds are the
words that stand before ids, in the singular: ``/orders/7``, ``order_id=7`` and ``order(id: 7)`` are one.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from fairwitness.rules.fields import Field
from fairwitness.rules.vocabulary import NO_FIELD, NO_OBJECT, PEOPLE, ROUTES, SELF, VERBS

_PATH_BYTES = 1024
_SEGMENTS = 24
_NAME = 200  # characters of a kind or an id that are kept
_IDS = 40  # objects of one request; a bulk call names more, and is judged by its first

_ID = re.compile(
    r"""
      [0-9]{1,20}
    | [0-9A-Fa-f]{8} (?:-[0-9A-Fa-f]{4}){3} -[0-9A-Fa-f]{12}
    | [0-9A-Fa-f]{16,}
    | (?=[A-Za-z_=-]*[0-9]) (?=[0-9_=-]*[A-Za-z]) [0-9A-Za-z_=-]{20,}
    | [A-Za-z]{2,8}_ (?=[A-Za-z]*[0-9]) [0-9A-Za-z]{6,}
    | [0-9]{1,12} - [a-z][a-z0-9-]{1,100}
    | [A-Z]{1,8} - (?:[0-9]{2,8}-)? [0-9]{3,12}
    """,
    re.VERBOSE,
)
_ENDING = re.compile(r"\.(?:json|xml|html?|php|aspx?|jsp|do|action|cgi)$", re.IGNORECASE)
_DOCUMENT = re.compile(r"\.(?:pdf|csv|docx?|xlsx?|zip|eml|txt)$", re.IGNORECASE)
_KEYED = re.compile(
    r"(?<=\w)(?:\((?:\w{1,40}=)?'?([\w-]{1,60})'?\)|;(?:id|uuid|[a-z]{1,20}_id|[a-z]{1,20}Id)=([\w-]{1,60}))"
)
_GLOBAL = re.compile(rb"([A-Z][A-Za-z]{1,40}):[\w-]{1,60}")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_FIELD_ID = re.compile(r"^(?:(.*?)_?(?:[iI][dD]s?|uuid|UUID|guid|pk)|(.*?)_?(?:no|number|num))$")
_VARIABLE = re.compile(r"(\w{2,60})\s*\(\s*(?:\w{0,20}[iI]ds?|uuid)\s*:\s*\$(\w{1,60})")
_QUERY = 16 << 10  # characters of a GraphQL text
_CALL = re.compile(r'(\w{2,60})\s*\(\s*(?:\w{0,20}[iI]ds?|uuid)\s*:\s*"?([\w:=+/-]{1,100})"?')


@dataclass(frozen=True, slots=True)
class Object:
    """One thing that a request is about."""

    kind: str
    """Singular, lower case; empty where nothing says what it is."""
    name: str
    """Its id or its name, as it was sent."""


@dataclass(frozen=True, slots=True)
class Place:
    """A path, read as a collection of objects would be."""

    objects: tuple[Object, ...]
    """From the left, so the last one is what the request is about."""
    kind: str
    """What stands last and is neither id nor verb."""
    words: tuple[str, ...]
    """All words of the path that are no ids, lower case."""
    is_self: bool
    """Whether it says ``me``, ``account`` or the like: whoever is signed in."""
    names_last: bool
    """Whether its last segment is an object, not a collection and not a deed."""


@lru_cache(maxsize=2048)
def place_of(path: bytes) -> Place:
    """The path of a target, without its query."""
    path = path[:_PATH_BYTES]
    text = (unquote_to_bytes(path) if b"%" in path else path).decode("utf-8", "replace")
    if "(" in text or ";" in text:
        text = _KEYED.sub(r"/\1\2", text)  # ``Users(7)`` of OData and ``users;id=7`` are ``users/7``
    objects: list[Object] = []
    words: list[str] = []
    kind, is_self, names_last, listed = "", False, False, False
    for segment in text.split("/", _SEGMENTS)[:_SEGMENTS]:
        if not segment or segment == ".":
            continue
        bare = _ENDING.sub("", segment)
        names_last = _ID.fullmatch(bare) is not None
        if not names_last and (document := _DOCUMENT.sub("", bare)) != bare:
            names_last = _ID.fullmatch(document) is not None
            bare = document if names_last else bare
        if names_last:
            if kind not in NO_OBJECT:
                objects.append(Object(kind, bare[:_NAME]))
            listed = False
            continue
        parts = words_of(bare)
        said = [part for part in parts if part not in VERBS]
        word = "".join(parts)
        if listed and word and word not in SELF and word not in ROUTES and len(said) == len(parts):
            objects.append(Object(kind, bare.strip()[:_NAME]))
            names_last, listed = True, False
            continue
        words += parts
        is_self = is_self or word in SELF
        if said:
            kind = singular("".join(said))
            listed = kind in PEOPLE and kind != "".join(said)
    return Place(tuple(objects), kind, tuple(words), is_self, names_last)


@lru_cache(maxsize=2048)
def words_of(text: str) -> tuple[str, ...]:
    """``deleteUser``, ``delete-user`` and ``delete_user`` are the words delete and user."""
    return tuple(word.lower() for word in _WORDS.findall(text[:_NAME]))


@lru_cache(maxsize=2048)
def singular(word: str) -> str:
    """``addresses`` is address, ``companies`` company."""
    word = word[:_NAME].lower()
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 2 else word


def is_id(text: str) -> bool:
    """Whether it is a number, a UUID, a hash or another name that nobody would choose."""
    return len(text) <= _NAME and _ID.fullmatch(text) is not None


def objects_in(fields: tuple[Field, ...], kind: str, *, place: str | None = None) -> Iterator[Object]:
    """Objects that a query or a body names; *kind* is what a bare ``id`` is the id of."""
    of_variables: dict[str, str] = {}
    for field in fields:
        if field.name == "query" and "(" in field.value:
            for call, variable in _VARIABLE.findall(field.value[:_QUERY]):
                of_variables.setdefault(variable, kind_of_call(call))
    count = 0
    for where, name, value in fields:
        if place is not None and where != place:
            continue
        if name == "query" and "(" in value:
            yield from called(value)
        found = object_in(name, value, of_variables.get(name, kind))
        if found is not None:
            count += 1
            yield found
        if count >= _IDS:
            return


def object_in(name: str, value: str, kind: str) -> Object | None:
    """The object that a field names by its id; None where it names none."""
    if len(name) > 60 or not 0 < len(value) <= _NAME:
        return None
    of, is_person = _meant(name)
    if of is None and not is_person:
        return None
    if not is_id(value):
        of_kind = _global_kind(value) if of is not None else ""
        return Object(of_kind, value) if of_kind else None
    if of is None:
        return Object(singular("".join(words_of(name.rstrip("[]")))), value)
    return None if of in NO_FIELD or of in NO_OBJECT else Object(of or kind, value)


def _global_kind(value: str) -> str:
    """Of what a Relay id is: ``VXNlcjo3`` is ``User:7`` in Base64."""
    if not value.isascii() or len(value) % 4:
        return ""
    try:
        found = _GLOBAL.fullmatch(b64decode(value, validate=True))
    except ValueError:
        return ""
    return singular("".join(words_of(found[1].decode()))) if found else ""


@lru_cache(maxsize=1024)
def _meant(name: str) -> tuple[str | None, bool]:
    """Of what a field is the id by its name, None where it is none; and whether it is named for a person."""
    bare = name.rstrip("[]")
    found = _FIELD_ID.match(bare)
    of = None if found is None else singular("".join(words_of(found[1] or found[2] or "")))
    return of, singular("".join(words_of(bare))) in PEOPLE


def called(query: str) -> Iterator[Object]:
    """``deletePost(id: 7)`` in a GraphQL text is about the post 7."""
    for count, found in enumerate(_CALL.finditer(query[:_QUERY])):
        if count >= _IDS:
            return
        yield Object(kind_of_call(found[1]), found[2])


def kind_of_call(name: str) -> str:
    """``createBlogPost`` makes a blogpost."""
    return singular("".join(word for word in words_of(name) if word not in VERBS and word != "by"))
