"""Where recordings come from: a format tells whether a file is one of its own, and reads it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fairwitness.errors import RecordingError
from fairwitness.model.recording import Item

LOOK_BYTES = 8192  # Burp writes its DTD, some 1.5 KB, before the first item

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_KNOWN = "Name a HAR, a mitmproxy dump, or items that Burp saved as XML"


class TooMuchError(Exception):
    """A recording holds more in one place than is read; the text is ours, and none of the recording's."""


@dataclass(frozen=True, slots=True)
class Source:
    """One format of recordings."""

    name: str
    """As people call it."""
    is_like: Callable[[bytes], bool]
    """Whether a file that begins with these bytes is one; its name is not asked."""
    read: Callable[[BinaryIO], Iterator[Item]]
    """Its items in the order of the file.  Nothing that a file holds makes it raise: what cannot be read
    is `Skipped`, and where nothing more can be read is `CutOff`."""


def open_recording(path: Path) -> BinaryIO:
    """Open a file that somebody else wrote.

    Raises:
        RecordingError: It cannot be opened, or is no plain file: a pipe would wait, a device never end.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:  # ValueError: a NUL in its name
        what = getattr(error, "strerror", None) or str(error)
        raise RecordingError(
            f"it cannot be opened ({what})", where=str(path), mend="Name a file that you can read"
        ) from None
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise RecordingError("it is no plain file", where=str(path), mend="Save the recording to a file")
    return os.fdopen(number, "rb")


def source_of(file: BinaryIO, sources: Sequence[Source], *, name: str) -> Source:
    """Which format a file has, told by what it holds.

    Raises:
        RecordingError: None that is known; names what can be read.
    """
    head = file.read(LOOK_BYTES)
    file.seek(0)
    for source in sources:
        if source.is_like(head):
            return source
    if not head:
        raise RecordingError("it is empty", where=name, mend=_KNOWN)
    if head.startswith(_GZIP):
        raise RecordingError("it is compressed with gzip", where=name, mend="Unpack it with gunzip first")
    if head.startswith(_ZIP):
        raise RecordingError("it is a zip archive", where=name, mend="Unpack it first")
    if head.startswith(_UTF16):
        raise RecordingError("it is UTF-16", where=name, mend="Save it as UTF-8")
    raise RecordingError("its format is not known", where=name, mend=_KNOWN)


def without_bom(head: bytes) -> bytes:
    """The beginning of a text without its byte order mark and blanks."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()
