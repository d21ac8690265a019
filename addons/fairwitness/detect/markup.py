"""Fields of HTML and XML, and parts of multipart forms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import re2

from fairwitness.detect.secret import Secret, compiled
from fairwitness.detect.values import looks_random, says_nothing
from fairwitness.detect.words import STEM, kind_of_name

_TAG = compiled(rb"(?i)<(?:input|meta|button|textarea|param)\s([^<>]+)>")
_ATTRIBUTE = re.compile(rb"([\w:-]{1,40})\s{0,4}=\s{0,4}(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++))")
_ELEMENT = compiled(
    rb"<([\w:.\-]{0,64}" + STEM + rb"[\w.\-]{0,32})(?:\s[^<>]*)?>(?:<!\[CDATA\[)?([^<>]+?)(?:\]\]>)?</"
)
_KEYED = compiled(  # property lists, XML-RPC
    rb"<(?:key|name)>([^<>]{0,64}"
    + STEM
    + rb"[^<>]{0,32})</(?:key|name)>\s*(?:<value>\s*)?<string>([^<>]+)</"
)
_PART = compiled(
    rb"(?i)content-disposition:[^\r\n]{0,200}?\bname=\"?([^\"\r\n;]{1,100})\"?[^\r\n]*\r?\n"
    rb"(?:[^\r\n]+\r?\n){0,8}\r?\n"
)
_PART_BYTES = 65536
_NAMES = (b"name", b"property", b"id", b"http-equiv")
_VALUES = (b"value", b"content")


def secrets_in_tags(text: bytes) -> Iterator[Secret]:
    """Hidden inputs, meta tags and password inputs that carry a value."""
    if b"<" not in text:
        return
    for tag in re2.finditer(_TAG, text):
        at = tag.start(1)
        found = {match[1].lower(): match for match in _ATTRIBUTE.finditer(text, at, tag.end(1))}
        kind = _kind_of_tag(found)
        for name in _VALUES:
            value = found.get(name)
            if kind is not None and value is not None:
                group = value.lastindex or 0
                yield from _secret(value.start(group), value[group], kind, needs_random=kind != "password")


def _kind_of_tag(attributes: dict[bytes, re.Match[bytes]]) -> str | None:
    for name in _NAMES:
        match = attributes.get(name)
        if match is not None:
            kind = kind_of_name(match[match.lastindex or 0].decode("latin-1"))
            if kind is not None:
                return kind
    match = attributes.get(b"type")
    return "password" if match is not None and match[match.lastindex or 0].lower() == b"password" else None


def secrets_in_elements(text: bytes) -> Iterator[Secret]:
    """``<password>...</password>``, ``<key>password</key><string>...</string>`` and the like."""
    if b"</" not in text:
        return
    for match in (*re2.finditer(_ELEMENT, text), *re2.finditer(_KEYED, text)):
        kind = kind_of_name(match.group(1).rpartition(b":")[2].decode("latin-1"))
        if kind is not None:
            yield from _secret(match.start(2), match.group(2), kind, needs_random=False)


def secrets_in_multipart(text: bytes) -> Iterator[Secret]:
    """Parts of a multipart form by their names; of a part's content the first 64 KiB."""
    if b"isposition" not in text:
        return
    parts = [(match.start(), match.end(), match.group(1)) for match in re2.finditer(_PART, text)]
    ends = (*(start for start, _, _ in parts[1:]), len(text))
    for (_, start, name), end in zip(parts, ends, strict=False):  # an end is there where no part is
        kind = kind_of_name(name.decode("latin-1"))
        if kind is None:
            continue
        content, boundary, _ = text[start : min(end, start + _PART_BYTES)].partition(b"\n--")
        value = content.rstrip(b"\r") if boundary else content
        if value and not says_nothing(value):
            yield Secret(start, start + len(value), kind, value)


def _secret(start: int, value: bytes, kind: str, *, needs_random: bool) -> Iterator[Secret]:
    if says_nothing(value.strip()) or (needs_random and not looks_random(value)):
        return
    said = unescape(value.decode("latin-1")).encode("latin-1", "ignore") if b"&" in value else value
    yield Secret(start, start + len(value), kind, said)
