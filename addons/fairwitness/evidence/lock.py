"""Who writes a log: one process, named in the lock file for as long as it lives."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from fairwitness.errors import EvidenceError
from fairwitness.evidence.plain import open_plain
from fairwitness.model.clock import iso_us

LOCK_NAME = "lock"
_MOST_BYTES = 8192  # a lock file that is longer was not written here
_TRIES = 40  # x 5 ms: a reader that asks who holds the lock holds it itself for a moment
_PAUSE_S = 0.005


class HeldError(EvidenceError):
    """Another process writes the log."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that writes a log."""

    pid: int
    since_us: int
    socket: str | None
    """Path of its control socket, None where it has none."""


class Lock:
    """The lock of an evidence folder, held until `release` or the process's death.

    A class, because the open descriptor *is* the lock.
    """

    def __init__(self, folder: Path, *, now_us: int) -> None:
        """Take the lock.

        Raises:
            EvidenceError: Another process holds it, or the file cannot be written.
        """
        self._path = folder / LOCK_NAME
        self._since_us = now_us
        try:
            # Not inherited by programs that are started (PEP 446), so a browser never keeps the lock.
            self._fd = open_plain(self._path, os.O_RDWR | os.O_CREAT)
            os.fchmod(self._fd, 0o600)
        except OSError as error:
            raise EvidenceError(
                f"the lock file cannot be opened ({error.strerror})",
                where=str(self._path),
                mend="Give yourself the right to write the evidence folder",
            ) from error
        if not self._taken():
            holder = _content(self._fd)
            os.close(self._fd)
            raise HeldError(
                _held(holder),
                where=str(folder),
                mend="Stop that process, or use another evidence folder with --evidence",
            )
        self._write(None)

    def tell_socket(self, path: str) -> None:
        """Write the control socket's path into the lock file."""
        self._write(path)

    def is_in_place(self) -> bool:
        """Whether the file that is locked still lies where others look for it."""
        try:
            there = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        held = os.fstat(self._fd)
        return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)

    def release(self) -> None:
        """Give the lock up."""
        os.close(self._fd)

    def _taken(self) -> bool:
        for _ in range(_TRIES):
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_PAUSE_S)
            else:
                return True
        return False

    def _write(self, socket: str | None) -> None:
        text = json.dumps({"pid": os.getpid(), "since_us": self._since_us, "socket": socket})
        content = text.encode() + b"\n"
        os.pwrite(self._fd, content, 0)
        os.ftruncate(self._fd, len(content))


def holder_of(folder: Path) -> Holder | None:
    """The process that writes the log in *folder*; None where nobody does."""
    try:
        descriptor = open_plain(folder / LOCK_NAME, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _content(descriptor) or Holder(0, 0, None)
    finally:
        os.close(descriptor)
    return None


def _content(descriptor: int) -> Holder | None:
    """What the lock file says; None while it is being written, or where it says nothing that makes sense."""
    try:
        held = json.loads(os.pread(descriptor, _MOST_BYTES, 0))
    except ValueError:
        return None
    if not isinstance(held, dict):
        return None
    pid, since_us, socket = held.get("pid"), held.get("since_us"), held.get("socket")
    if not isinstance(pid, int) or not isinstance(since_us, int):
        return None
    return Holder(pid, since_us, socket if isinstance(socket, str) else None)


def _held(holder: Holder | None) -> str:
    if holder is None:
        return "another process writes this log"
    try:
        since = iso_us(holder.since_us)
    except (ValueError, OverflowError, OSError):
        since = "an unknown time"
    return f"process {holder.pid} has been writing this log since {since}"
