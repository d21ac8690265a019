"""Asking the running proxy something, from another process."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairwitness.control.wire import MAX_REPLY_BYTES, Question, Value, WireError, peer_uid, read_reply
from fairwitness.errors import EvidenceError

REPLY_S = 30.0  # far above what a busy loop takes to come round


def ask(path: Path, question: Question) -> Value:
    """Send *question* to the socket at *path* and wait for the reply.

    Raises:
        FairwitnessError: What the proxy replied with.
        EvidenceError: There is no proxy behind the socket, it is another user's, or it does not answer.
    """
    with asking(path, question) as reply:
        return reply


@contextmanager
def asking(path: Path, question: Question) -> Iterator[Value]:
    """As `ask`, and stay connected: a proxy started for one command waits for those who joined it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connected:
        try:
            connected.settimeout(REPLY_S)
            connected.connect(os.fspath(path))
            if peer_uid(connected) != os.getuid():
                raise _unusable(path, "another user answers it")
            connected.sendall(question.line())
            reply = read_reply(_read_line(connected))
        except OSError as error:
            raise _unusable(path, f"it does not answer ({error.strerror or error})") from error
        except WireError as error:
            raise _unusable(path, f"it answers wrongly ({error})") from error
        yield reply


def _read_line(connected: socket.socket) -> bytes:
    got = bytearray()
    while not got.endswith(b"\n"):
        piece = connected.recv(65536)
        if not piece:
            raise WireError("it hung up")
        got += piece
        if len(got) > MAX_REPLY_BYTES:
            raise WireError("too long a reply")
    return bytes(got)


def _unusable(path: Path, what: str) -> EvidenceError:
    return EvidenceError(
        f"the running proxy cannot be reached: {what}",
        where=str(path),
        mend="Try again in a second; if it stays so, stop that proxy (Ctrl-C there) and start it again",
    )
