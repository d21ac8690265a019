"""What a recording of somebody else's holds: exchanges, and what was left out of it."""

from __future__ import annotations

from dataclasses import dataclass

from fairwitness.model.exchange import Exchange, Request
from fairwitness.model.message import Message

LATEST_US = 253_402_300_800_000_000
"""Midnight behind the last day of the year 9999: no recorded time is later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One exchange with its messages, as a recording tells it."""

    exchange: Exchange
    """Its times are the recording's own."""
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that is no exchange, or none that can be read."""

    why: str
    """What it is, such as ``data: URL``; one of few words, never text of the recording."""
    is_local: bool = False
    """Whether it never was a request to anybody; what is not may have been one that nobody judged."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about the exchange that follows which weakens what is said of it."""

    what: str
    """Such as ``time zone not known, taken as UTC``; one of few sentences, never text of the recording."""


@dataclass(frozen=True, slots=True)
class CutOff:
    """The recording ends here, earlier than it should; always the last of its items."""

    where: str
    """``after exchange 12, before byte 34567``."""
    why: str


Item = Recorded | Skipped | Remark | CutOff
"""What a reader of recordings gives, in the order of the file."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A moment of a recording: a request was made."""

    position: int
    """Which exchange of the file, from 1."""
    request: Request
    is_last: bool
    """Whether no later moment is about this exchange."""


@dataclass(frozen=True, slots=True)
class Told:
    """A moment of a recording: a message went."""

    position: int
    request: Request
    """Without its body."""
    message: Message
    is_last: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """A moment of a recording: the answer's last byte came, or the failure."""

    position: int
    exchange: Exchange
    is_last: bool


Moment = Asked | Told | Ended
