"""Names and values in a query, a form or JSON, as a server would read them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from email.parser import BytesParser
from email.policy import HTTP
from functools import partial
from typing import NamedTuple
from urllib.parse import unquote

from fairwitness.model.exchange import Request

MAX_BYTES = 64 << 10  # of a body; what is longer is a file, not a form
MAX_FIELDS = 1000
_PARTS = 100
_DEPTH = 6
_NAME = 256

_ARGUMENT = re.compile(r'(\w{1,64})\s*:\s*"((?:[^"\\]|\\.)*)"')
_VARIABLE = re.compile(r"\b(\w{1,64})\s*:\s*\$(\w{1,3})(?!\w)")  # a longer one says itself what it is
_ROOT_BYTES = 512  # bytes of an XML document in which its root stands
_ELEMENT = re.compile(r"<(?:\w{1,32}:)?(\w{1,64})(?:\s[^<>]{0,200})?>([^<>]{1,1024})</")
_SIGNS_IN = re.compile(r"(?:\w{1,32}\.)?\w{0,32}(?:login|signin|authenticate|getUsersBlogs)\w{0,32}", re.I)
_NAME_LAST = ("password", "username")  # as they are pushed
_CALL = re.compile(
    r"(?:\w{1,32}[./:]){0,4}(?:do|user)?_?(?:log_?in|sign_?in|authenticate|auth)(?:_?user|_?with_?password)?",
    re.I,
)
_SEPARATORS = re.compile(r"[\[\].:]+")


class Field(NamedTuple):
    """One value that a request gives."""

    place: str
    """``query`` | ``body``."""
    name: str
    """As it was sent; in JSON the nearest key."""
    value: str


_field: Callable[[tuple[str, str, str]], Field] = partial(tuple.__new__, Field)
"""As `Field`, in a third of the time: a request may have a thousand."""


def fields_of(request: Request, json_of_body: Callable[[], object]) -> tuple[Field, ...]:
    """All that the query and the body of a request give, at most `MAX_FIELDS` of each.

    Args:
        request: The request.
        json_of_body: As `json_of` reads its body, asked only where that is needed.
    """
    _, _, query = request.target.partition(b"?")
    found = [_field(("query", name, value)) for name, value in form_fields(query)]
    if request.body:
        given = _body_fields(request.header("content-type") or "", request.body, json_of_body)
        found += [_field(("body", name, value)) for name, value in given]
    return tuple(found)


def body_fields(content_type: str, body: bytes) -> Iterable[tuple[str, str]]:
    """Names and values of a form, a multipart form without its files' contents, or JSON."""
    return _body_fields(content_type, body, lambda: json_of(body))


def _body_fields(
    content_type: str, body: bytes, json_of_body: Callable[[], object]
) -> Iterable[tuple[str, str]]:
    kind = content_type.lower()
    if len(body) > MAX_BYTES:
        return ()
    if kind.startswith("application/x-www-form-urlencoded"):
        return form_fields(body)
    if kind.startswith("multipart/form-data"):
        return _parts(content_type, body)
    if "json" in kind or body.lstrip()[:1] in {b"{", b"["}:
        return walk(json_of_body())
    return ()


def form_fields(text: bytes) -> Iterator[tuple[str, str]]:
    """Names and values of a query or an urlencoded form."""
    if not text:
        return
    pairs = text[:MAX_BYTES].decode("utf-8", "replace").split("&", MAX_FIELDS)
    if len(pairs) > MAX_FIELDS:
        return
    for pair in pairs:  # as `urllib.parse.parse_qsl` does it, in a third of the time
        if pair:
            name, _, value = pair.partition("=")
            yield _unquoted(name)[:_NAME], _unquoted(value)


def _unquoted(text: str) -> str:
    text = text.replace("+", " ")
    return unquote(text) if "%" in text else text


def json_fields(body: bytes) -> Iterator[tuple[str, str]]:
    """Strings and numbers of a JSON text with their nearest keys, and the arguments of a GraphQL mutation."""
    yield from walk(json_of(body))


def json_of(body: bytes, *, most_bytes: int = MAX_BYTES) -> object:
    """What a JSON text says; None where it is none, or is longer than *most_bytes*."""
    if len(body) > most_bytes:
        return None
    try:
        form: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return form


def walk(form: object) -> Iterator[tuple[str, str]]:
    """The strings and numbers in parsed JSON with their nearest keys, in their order."""
    left: list[tuple[str, object, int]] = [("", form, 0)]
    renamed: dict[str, str] = {}  # variables of a GraphQL mutation, by the arguments that they are
    seen = 0
    while left and seen < MAX_FIELDS:
        name, value, depth = left.pop()
        seen += 1
        if isinstance(value, str):
            yield renamed.get(name, name), value
            if name == "query" and "mutation" in value:
                yield from ((found[1], found[2]) for found in _ARGUMENT.finditer(value))
                renamed |= {variable: argument for argument, variable in _VARIABLE.findall(value[:MAX_BYTES])}
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield name, str(value)
        elif isinstance(value, dict) and depth < _DEPTH:
            patched = _patched(value)
            given, *named = _sign_in_of(value)
            left += [
                (patched if patched and key == "value" else str(key)[:_NAME], each, depth + 1)
                for key, each in reversed(value.items())
                if not given or key != given
            ]
            left += [(word, each, depth + 1) for word, each in zip(_NAME_LAST, named, strict=False)]
        elif isinstance(value, list) and depth < _DEPTH:
            left += [(name, each, depth + 1) for each in reversed(value[:_PARTS])]


def _patched(form: dict[object, object]) -> str:
    """The field that a step of a JSON Patch (RFC 6902) sets; empty where it is none."""
    path = form.get("path") if "op" in form and "value" in form else None
    if not isinstance(path, str):
        return ""
    names = [part for part in path[-_NAME:].split("/") if part.strip("-0123456789")]
    return names[-1] if names else ""


def _sign_in_of(form: dict[object, object]) -> tuple[str, ...]:
    """Where a JSON-RPC call that signs in gives what by its order: the key, the password, the name."""
    called = form.get("method")
    if not isinstance(called, str) or len(called) > _NAME or not _CALL.fullmatch(called):
        return ("",)
    for key in ("params", "args"):
        given = form.get(key)
        if isinstance(given, list) and 2 <= len(given) <= _PARTS:
            first = 1 if key == "args" and len(given) > 2 else 0  # a database comes first
            name, password = given[first : first + 2]
            if isinstance(name, str) and isinstance(password, str):
                return key, password, name
    return ("",)


def markup_fields(body: bytes) -> list[Field]:
    """What SOAP names by elements, and XML-RPC by their order: after the name of a call that signs in."""
    said = [(found[1], found[2].strip()) for found in _ELEMENT.finditer(body.decode("utf-8", "replace"))]
    if "<methodCall" not in body[:_ROOT_BYTES].decode("latin-1"):
        return [Field("body", tag, text) for tag, text in said]
    texts = [text for _, text in said]
    return [
        Field("body", name, text)
        for at, call in enumerate(texts)
        if _SIGNS_IN.fullmatch(call)
        for name, text in zip(("username", "password"), texts[at + 1 : at + 3], strict=False)
    ]


def last_word(name: str) -> str:
    """``user[e-mail]``, ``_email`` and ``j_email`` are all one field."""
    parts = [each for each in _SEPARATORS.split(name[:128].lower()) if each]
    return re.sub(r"[^a-z0-9]", "", (parts or [""])[-1].removeprefix("j_"))


def _parts(content_type: str, body: bytes) -> Iterator[tuple[str, str]]:
    head = b"Content-Type: " + content_type.encode("latin-1", "replace").replace(b"\n", b" ") + b"\r\n\r\n"
    if body.count(b"\n--") > _PARTS:
        return
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            yield name[:_NAME], content.decode("utf-8", "replace")
