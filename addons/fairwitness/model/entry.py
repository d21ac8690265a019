"""The evidence log's own nouns: what one entry is made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an entry records."""

    SESSION = "session"
    CONNECTION = "connection"
    REQUEST = "request"
    BODY = "body"
    RESPONSE = "response"
    BLOCKED = "blocked"
    MESSAGE = "message"
    FLAG = "flag"
    ANSWER = "answer"
    FINDING = "finding"
    NOTE = "note"
    POLICY = "policy"
    ANCHOR = "anchor"
    EXPORT = "export"
    ERASE = "erase"


class Part(StrEnum):
    """Where in an entry a segment stands."""

    META = "meta"
    HEAD = "head"
    BODY = "body"
    TRAIL = "trail"


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of bytes that can be shown or hidden by itself."""

    part: Part
    content: bytes
