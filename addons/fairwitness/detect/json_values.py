"""Values under JSON keys that mean a credential, at any depth, in broken and in quoted JSON too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import re2

from fairwitness.detect.secret import Secret, compiled
from fairwitness.detect.values import looks_random, says_nothing
from fairwitness.detect.words import STEM, kind_of_name

_KEY = compiled(rb'"([^"\\]{0,64}' + STEM + rb'[^"\\]{0,32})"\s*:\s*')
_OTHERS = rb'(?:"[^"\\]{1,40}"\s*:\s*(?:"[^"\\]{0,80}"|[a-z0-9.-]{1,20})\s*,\s*){0,3}'
_NAMED = compiled(
    rb'"(?:name|key|id|field)"\s*:\s*"([^"\\]{0,64}'
    + STEM
    + rb'[^"\\]{0,32})"\s*,\s*'
    + _OTHERS
    + rb'"(?:value|content|data)"\s*:\s*'
)
_NAMED_LATER = compiled(
    rb'"(?:value|content|data)"\s*:\s*"([^"\\]+)"\s*,\s*'
    + _OTHERS
    + rb'"(?:name|key|id|field)"\s*:\s*"([^"\\]{0,64}'
    + STEM
    + rb'[^"\\]{0,32})"'
)
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_NUMBER = re.compile(rb"-?[0-9]{3,20}(?![0-9.eE])")
_ENDS = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_CONTAINER_BYTES = 65536  # of a list or object under a credential's name
_SHORTEST_NUMBER = {"code": 3, "password": 3}
_TOKEN_DIGITS = 6


def secrets_in_json(text: bytes) -> Iterator[Secret]:
    """Strings and codes of such keys; what they hold, where it is a list or an object."""
    if b'"' not in text:
        return
    done = 0
    for pattern in (_KEY, _NAMED):
        for match in re2.finditer(pattern, text):
            kind = kind_of_name(match.group(1).decode("latin-1"))
            if kind is None:
                continue
            first = text[match.end() : match.end() + 1]
            if first in (b"[", b"{"):
                if match.end() >= done:
                    done = _end_of(text, match.end())
                    yield from _in_container(text, match.end(), done, kind, is_list=first == b"[")
            else:
                yield from _at(text, match.end(), kind)
    for match in re2.finditer(_NAMED_LATER, text):
        kind, value = kind_of_name(match.group(2).decode("latin-1")), match.group(1)
        if kind is not None and not says_nothing(value):
            yield Secret(match.start(1), match.end(1), kind, value)


def _at(text: bytes, at: int, kind: str) -> Iterator[Secret]:
    string = _STRING.match(text, at)
    if string is not None:
        if not says_nothing(string[1]):
            yield Secret(string.start(1), string.end(1), kind, unescaped(string[1]))
        return
    number = _NUMBER.match(text, at)
    if number is not None and len(number[0]) >= _SHORTEST_NUMBER.get(kind, _TOKEN_DIGITS):
        yield Secret(number.start(), number.end(), kind, number[0])


def _end_of(text: bytes, at: int) -> int:
    """Where the list or object that starts *at* ends, or the limit of what is looked at."""
    depth = 0
    limit = min(len(text), at + _CONTAINER_BYTES)
    for match in _ENDS.finditer(text, at, limit):
        if match[0] in (b"[", b"{"):
            depth += 1
        elif match[0] in (b"]", b"}"):
            depth -= 1
            if depth <= 0:
                return match.end()
    return limit


def _in_container(text: bytes, at: int, end: int, kind: str, *, is_list: bool) -> Iterator[Secret]:
    for string in _STRING.finditer(text, at, end):
        is_key = text[string.end() : string.end() + 8].lstrip().startswith(b":")
        if is_key or says_nothing(string[1]) or not (is_list or looks_random(string[1])):
            continue
        yield Secret(string.start(1), string.end(1), kind, unescaped(string[1]))
    if is_list and kind == "code":
        for number in re.finditer(rb"(?<![\w\"])[0-9]{4,20}(?![\w\"])", text[at:end]):
            yield Secret(at + number.start(), at + number.end(), kind, number[0])


def unescaped(string: bytes) -> bytes:
    """What a JSON string says, in UTF-8; as it is, where it is no JSON."""
    if b"\\" not in string:
        return string
    try:
        read = json.loads(b'"' + string + b'"', strict=False)
    except ValueError:
        return string
    return str(read).encode("utf-8", "surrogatepass")
