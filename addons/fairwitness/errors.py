"""What the user can mend.

::

    FairwitnessError
    |-- PolicyError      policy.yaml, a scope entry, a URL, an argument: exit 2
    |-- EvidenceError    the evidence folder or its store: exit 3
    |-- RecordingError   a recording or scope file of somebody else: exit 2
    |-- ExportError      an export that must not be finished: exit 3
    `-- StartError       the proxy could not start: exit 4

Programmers' mistakes raise ``ValueError`` or ``TypeError``.  Only ``cli`` prints and sets exit codes.
"""

from __future__ import annotations


class FairwitnessError(Exception):
    """Something went wrong that the user can mend.

    Args:
        what: What is wrong, in one clause, lower case, without a full stop.
        where: The place, such as ``policy.yaml:12:3`` or ``evidence/log.sqlite3``.
        mend: How to mend it, one sentence without a full stop.
        frame: A few source lines that show the place, or None; printed below the message.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str, mend: str, frame: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.mend = mend
        self.frame = frame

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.mend}."


class PolicyError(FairwitnessError):
    """The policy, a scope entry, a URL or an argument cannot be used."""

    exit_code = 2


class EvidenceError(FairwitnessError):
    """The evidence folder cannot be read or written."""

    exit_code = 3


class RecordingError(FairwitnessError):
    """A recording, a scope file or another file of somebody else's cannot be read."""

    exit_code = 2


class ExportError(FairwitnessError):
    """An export cannot, or must not, be finished; nothing is left of it."""

    exit_code = 3


class StartError(FairwitnessError):
    """The proxy could not start, or must not under these options."""

    exit_code = 4
