"""Credentials that can be told by their shape: the expressions of ``patterns.txt``."""

from __future__ import annotations

from binascii import Error, a2b_base64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import re2

from fairwitness.detect.secret import Secret, compiled
from fairwitness.detect.values import is_placeholder, looks_random

_ESCAPED = b"&lt"  # of a placeholder in HTML: its semicolon ends a value of a connection string


@dataclass(frozen=True, slots=True)
class _Shape:
    kind: str
    expression: Any


@cache
def _shapes() -> tuple[Any, tuple[_Shape, ...]]:
    """All as one expression, which finds, and each by itself, which tells the kind."""
    text = resources.files("fairwitness.detect").joinpath("patterns.txt").read_text("utf-8")
    lines = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]
    shapes = tuple(_Shape(kind, compiled(source.encode())) for kind, source in lines)
    every = "|".join(f"(?:{source.replace('?P<value>', '?:')})" for _, source in lines)
    return compiled(every.encode()), shapes


def secrets_by_shape(text: bytes) -> Iterator[Secret]:
    """JWTs, private keys, and the tokens of issuers whose tokens have a shape of their own."""
    every, shapes = _shapes()
    for match in re2.finditer(every, text):
        for shape in shapes:
            exact = shape.expression.match(text, match.start(), match.end())
            if exact is not None:
                secret = _secret(exact, shape.kind)
                if secret is not None:
                    yield secret
                break


def _secret(match: Any, kind: str) -> Secret | None:
    group = match.re.groups
    value = match.group(group)
    if is_placeholder(value) or value == _ESCAPED or (kind == "token" and not looks_random(value)):
        return None
    if kind == "basic" and b":" not in _decoded(value):
        return None  # a word behind "Basic"
    return Secret(match.start(group), match.end(group), kind, value)


def _decoded(value: bytes) -> bytes:
    try:
        return a2b_base64(value)
    except Error:
        return b""
