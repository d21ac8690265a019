"""What every importer gives: the rows of somebody else's scope, as they stood there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

MAX_SOURCE_BYTES = 64 << 20  # 64 MiB: all programs of one platform take 10
MAX_ROWS = 20_000


class Side(StrEnum):
    """Which list of the source a row stood on."""

    IN = "in scope"
    OUT = "out of scope"
    UNSURE = "unsure"
    """The source does not say, or its scraper does not know."""


class Nature(StrEnum):
    """What the source says that a row is."""

    NETWORK = "network"
    """A host, URL, wildcard, address or range."""
    OTHER = "other"
    """Anything, a sentence too."""
    NOT_NETWORK = "not network"
    """An app, a device, source code: nothing that a proxy could allow."""
    UNKNOWN = "unknown"
    """A word that platforms did not have when this was written: it may be a host."""


_ANYTHING = frozenset({"other", ""})
_NOT_NETWORK = frozenset({
    "google_play_app_id", "other_apk", "apple_store_app_id", "other_ipa", "testflight",
    "windows_app_store_app_id", "downloadable_executables", "source_code", "hardware", "smart_contract",
    "ai_model", "aws_cloud_config", "android", "ios", "iot", "device", "mobile", "mobile-application",
    "mobile-application-android", "mobile-application-ios", "open-source",
})  # fmt: skip


def nature_by(kind: str, *, network: Collection[str], anything: Collection[str] = _ANYTHING) -> Nature:
    """What a platform's word for the kind of a target says.

    Args:
        kind: The word, in the case of the two lists.
        network: Those for hosts, URLs, wildcards, addresses and ranges.
        anything: Those under which anything may stand.
    """
    if kind in network:
        return Nature.NETWORK
    if kind in anything:
        return Nature.OTHER
    return Nature.NOT_NETWORK if kind.lower() in _NOT_NETWORK else Nature.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the source, untouched."""

    raw: str
    where: str
    """Such as ``scopes.csv:3`` or ``targets.in_scope[2]``."""
    side: Side
    nature: Nature = Nature.OTHER
    note: str = ""
    """What the source adds to it in prose: it may narrow the row."""
    doubt: str = ""
    """Why the importer itself cannot tell what the row means; empty where it can."""
    meanwhile: str = ""
    """Of an exclusion in doubt: what is surely part of it, written as a row; empty where nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A scope file or program page, read."""

    rows: tuple[Row, ...]
    name: str | None = None
    policy_url: str | None = None
    contact: str | None = None
    rewards: str | None = None
    scope_says: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    user_agent_suffix: str | None = None
    rate: str | None = None
    """Such as ``10/s``: what the program allows automated tools."""
    rule_says: tuple[tuple[str, str], ...] = ()
    """Rule and the program's own sentence for it."""
    declare: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


class Importer(Protocol):
    """Reads one format."""

    name: str
    """As docs/policy.md heads it."""

    def recognises(self, document: object) -> bool:
        """Whether a document is of this format.

        Args:
            document: What JSON holds, or the text where it is no JSON.
        """

    def read(self, document: object, *, file: str, program: str | None) -> Source:
        """Its rows.

        Args:
            document: As for `recognises`.
            file: Its name, for `Row.where`.
            program: Which program is wanted, where a file holds several.

        Raises:
            RecordingError: It is not what it seemed, or the program is not in it.
        """
