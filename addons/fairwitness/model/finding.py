"""What the researcher collects: a finding, its exchanges, notes, fields and attachments."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from fairwitness.model.verdict import Clause

NAME_CHARACTERS = 80  # of a finding's name


@dataclass(frozen=True, slots=True)
class Marked:
    """An exchange that belongs to a finding."""

    id: int
    exchange: str
    """Its 32 hex digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that belongs to a finding; its bytes lie in the evidence folder under their hash."""

    name: str
    """What it was called, without any folder."""
    sha256: str
    size: int
    """In bytes."""


class Change(StrEnum):
    """What one entry does to a finding; the first one makes it."""

    CREATED = "created"
    MARKED = "marked"
    UNMARKED = "unmarked"
    NOTED = "noted"
    FIELD = "field"
    ATTACHED = "attached"


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingChange:
    """One step of a finding, and one entry of the log."""

    finding: str
    """Its name, as `finding_name` gives it."""
    change: Change
    exchanges: tuple[Marked, ...] = ()
    field: str = ""
    """Which field of the report, for `Change.FIELD`."""
    text: str = ""
    """The note, or what the field says now."""
    attachment: Attachment | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A remark on a finding."""

    time_us: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A vulnerability that the researcher works on, as its entries add up to it."""

    name: str
    created_us: int
    updated_us: int
    exchanges: tuple[Marked, ...] = ()
    """In the order of their ids."""
    fields: tuple[tuple[str, str], ...] = ()
    """What the report will say, by field; in the order in which they were first written."""
    notes: tuple[Note, ...] = ()
    attachments: tuple[Attachment, ...] = ()

    def field(self, name: str) -> str:
        """What a field says; empty where nothing was written."""
        return dict(self.fields).get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """What a triager would object to in a finding, by a rule of the policy."""

    rule: str
    clause: Clause
    says: str
    advice: str


def finding_name(text: str) -> str:
    """A finding's name in the one form in which it is written.

    Raises:
        ValueError: It is empty, too long, or holds characters that draw nothing.
    """
    name = unicodedata.normalize("NFC", " ".join(text.split(" "))).strip()
    if not name:
        raise ValueError("a finding needs a name")
    if len(name) > NAME_CHARACTERS:
        raise ValueError(f"the name has more than {NAME_CHARACTERS} characters")
    if not name.isprintable():
        raise ValueError("the name holds characters that cannot be seen")
    return name


def finding_key(name: str) -> str:
    """What two names of the same finding have in common: upper and lower case do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
