"""Who tests: the researcher, and the accounts at the program that are the researcher's own.

Neither is part of the policy, whose text goes into the log.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_ACCOUNT_NAME = 60  # characters
MAX_IDENTITY = 254  # characters: the longest e-mail address there can be


@dataclass(frozen=True, slots=True)
class Account:
    """An account that the researcher owns."""

    name: str
    """What the log and the command line call it."""
    identities: tuple[str, ...]
    """User names, addresses and numbers by which the program knows it."""


@dataclass(frozen=True, slots=True)
class Researcher:
    """Who tests."""

    handle: str | None
    """As the program knows the researcher; sent where `identify` of the policy says so."""
    contact: str | None


def plain_identity(text: str) -> str:
    """*text* as identities are compared: without spaces at its ends, and in whatever case it was typed."""
    return text.strip().casefold()


def cut_identity(text: str) -> str:
    """*text* as it may be shown or kept: a page can send a megabyte of it."""
    return text if len(text) <= MAX_IDENTITY else f"{text[: MAX_IDENTITY - 3]}..."
