"""The proxy on a terminal of its own, with its live display: watched where somebody watches, and typed to."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from fairwitness.evidence import holder_of
from fairwitness.testing.tally import PATIENCE_S

COLUMNS, ROWS = 110, 32
_LOOK_AGAIN_S = 0.02
_KEYSTROKE_S = 0.15
_GLANCE_S = 1.0
# Makes the terminal the child's own, as a shell does; a fork of a process with threads must run nothing else.
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


class Stage:
    """A child process in a pseudo-terminal; usable as a context manager.

    A class, because it owns the terminal, the process and the thread that drains it.

    Args:
        command: What runs on it.
        evidence: The folder that the proxy writes.
        environment: What it runs with.
        folder: Where it runs.
        is_watched: Whether to pass on what it draws.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        evidence: Path,
        environment: Mapping[str, str],
        folder: Path,
        is_watched: bool,
    ) -> None:
        self._command = command
        self._evidence = evidence
        self._environment = {**environment, "TERM": "xterm-256color"}
        self._folder = folder
        self._is_watched = is_watched
        self.drawn: list[str] = []
        """All that it drew so far."""
        self._process: subprocess.Popen[bytes]
        self._master = -1
        self._thread: threading.Thread

    def __enter__(self) -> Self:
        self._master, slave = pty.openpty()
        size = (
            shutil.get_terminal_size((COLUMNS, ROWS))
            if self._is_watched
            else os.terminal_size((COLUMNS, ROWS))
        )
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size.lines, size.columns, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *self._command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=self._environment,
            cwd=self._folder,
            start_new_session=True,
        )
        os.close(slave)
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def socket(self) -> Path:
        """The control socket, once the proxy accepts.

        Raises:
            TimeoutError: It does not come to accept.
        """
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends and self._process.poll() is None:
            holder = holder_of(self._evidence)
            if holder is not None and holder.socket:
                return Path(holder.socket)
            time.sleep(_LOOK_AGAIN_S)
        raise TimeoutError(f"the proxy did not start: {''.join(self.drawn)[-2000:]}")

    def shows(self, words: str, *, since: int = 0) -> bool:
        """Whether it has drawn these words, whatever their colours.

        Args:
            words: What to look for.
            since: How many of `drawn` to leave out.
        """
        return words in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", "".join(self.drawn[since:]))

    def press(self, key: str) -> None:
        """Look for a moment, then press a key: what stands there only now is answered by no key."""
        time.sleep(_GLANCE_S)
        self._send(key)

    def type(self, text: str) -> None:
        """Type a word at a person's pace: what comes faster is taken for pasted."""
        for key in text:
            time.sleep(_KEYSTROKE_S)
            self._send(key)

    def _send(self, key: str) -> None:
        os.write(self._master, key.encode())

    def end(self) -> None:
        """Ctrl-C, and wait until it has ended; may be called again."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(PATIENCE_S)
        self._thread.join(PATIENCE_S)
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def _drain(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with contextlib.suppress(OSError):  # Linux says EIO when the last one has left the terminal
            while data := os.read(self._master, 1 << 16):
                self.drawn.append(decoder.decode(data))
                if self._is_watched:
                    sys.stdout.write(self.drawn[-1])
                    sys.stdout.flush()
