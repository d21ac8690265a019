"""What leaves the house: an exchange as an export shows it, and what stands in place of what it hides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from fairwitness.model.record import ExchangeRecord


@dataclass(frozen=True, slots=True)
class Placeholder:
    """What stands in an export in place of one hidden value; the same value has the same one everywhere."""

    name: str
    """Such as ``TOKEN_A``: also the name of a shell variable."""
    kind: str
    """Which detector found it: ``cookie``, ``bearer``, ``password``, ..."""

    @property
    def text(self) -> str:
        """As it is written into heads, URLs, bodies and messages."""
        return f"<{self.name}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An exchange as an export shows it."""

    record: ExchangeRecord
    """With every hidden value replaced: in URL, heads, bodies, messages and meta."""
    hidden: tuple[Placeholder, ...]
    """Those that occur in it, in the order of their names."""
    is_redacted: bool
    """False: it was exported with --unredacted, and nothing was looked for."""
    sizes_hidden: tuple[str, ...] = ()
    """``request``, ``response``: whose body hides something: neither is its size told, nor its hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """That something left the house: one entry of the log."""

    format: str
    file: str
    """The file's name, without its folder."""
    sha256: str
    """Of the finished file."""
    size: int
    """In bytes."""
    exchanges: int
    """How many it shows."""
    is_redacted: bool
    about: tuple[tuple[str, str], ...] = ()
    """What else should be known: filters, finding, how many values were hidden."""


class Redactor(Protocol):
    """Hides in two passes, so that a value found once is hidden wherever else it stands."""

    def learn(self, record: ExchangeRecord) -> None:
        """First pass, over every record: find what must be hidden."""

    def learn_beside(self, record: ExchangeRecord) -> bool:
        """Still first pass, over exchanges that are not shown; False: no more of them are taken."""

    def show(self, record: ExchangeRecord) -> Shown:
        """Second pass: the record without it.

        Raises:
            ValueError: The record holds something to hide that `learn` never saw.
        """

    def check(self, finished: Iterable[bytes]) -> str | None:
        """Third pass, over the finished file in pieces: which kind of secret is still in it, None: none."""
