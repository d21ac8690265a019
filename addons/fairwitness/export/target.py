"""Where an export goes: nothing of it is seen under its name before all of it is finished and checked."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from fairwitness.errors import ExportError


class Target(Protocol):
    """A place for a finished file."""

    file: BinaryIO
    """A temporary file of mode 0600, to write and to read."""

    def finish(self) -> None:
        """Give the file out.

        Raises:
            OSError: It cannot be.
        """


class FileTarget:
    """A file by its name: made beside it, renamed when it is finished, removed when it is not."""

    def __init__(self, path: Path, file: BinaryIO, part: Path) -> None:
        """Use `opened`."""
        self.file = file
        self._path = path
        self._part = part

    def finish(self) -> None:
        """Put it in its place in one step."""
        self.file.flush()
        os.fsync(self.file.fileno())
        os.replace(self._part, self._path)


class StreamTarget:
    """A stream such as stdout: gets the file when it is finished."""

    def __init__(self, file: BinaryIO, stream: BinaryIO) -> None:
        """Use `opened`."""
        self.file = file
        self._stream = stream

    def finish(self) -> None:
        """Copy it."""
        self.file.flush()
        self.file.seek(0)
        shutil.copyfileobj(self.file, self._stream)
        self._stream.flush()


@contextlib.contextmanager
def opened(path: Path, *, stdout: BinaryIO, forbidden: Path) -> Iterator[Target]:
    """A target for as long as the context lasts; nothing of it stays unless it was finished.

    Args:
        path: The file to be; ``-`` is *stdout*.
        stdout: The stream.
        forbidden: The evidence folder: an export never replaces a part of the log.

    Raises:
        ExportError: The file cannot be made there.
    """
    if str(path) == "-":
        with tempfile.TemporaryFile() as file, _said(Path(tempfile.gettempdir())):
            yield StreamTarget(file, stdout)
        return
    with _said(path):
        _refuse_odd(path, forbidden)
        # mkstemp gives mode 0600, and a name that nobody can know beforehand.
        descriptor, name = tempfile.mkstemp(prefix=".fairwitness-", suffix=".part", dir=path.parent)
        part = Path(name)
        try:
            with open(descriptor, "w+b") as file:
                yield FileTarget(path, file, part)
        finally:
            part.unlink(missing_ok=True)


def _refuse_odd(path: Path, forbidden: Path) -> None:
    what = None
    if path.is_symlink():
        what = "it is a symbolic link", "Name the file that it leads to"
    elif path.is_dir():
        what = "it is a folder", "Name a file in it"
    elif path.exists() and not path.is_file():
        what = "it is no regular file", "Name a file, or - for stdout"
    elif path.parent.resolve().is_relative_to(forbidden.resolve()):
        what = "it lies in the evidence folder", "Write it to another place"
    if what:
        raise ExportError(f"the export cannot be written: {what[0]}", where=str(path), mend=what[1])


@contextlib.contextmanager
def _said(path: Path) -> Iterator[None]:
    """Errors of the disk in the user's words; a reader of stdout that went away is none."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ExportError(
            f"the export cannot be written ({error.strerror or error}); nothing is left of it",
            where=str(path),
            mend="Write to a place with room that you may write to",
        ) from error
