"""The terminal itself: its modes, its size, and writing to it without ever waiting for long."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import threading
import time
from io import StringIO

from rich.console import Console
from rich.text import Text

from fairwitness.cli.live.cells import named_on
from fairwitness.cli.live.scene import Scene
from fairwitness.cli.live.view import draw
from fairwitness.cli.terminal import terminal_size

# Alternate screen, no line wrap, no cursor, pastes in brackets; and all of it back, whatever was cut off.
_ENTER = "\x1b[?1049h\x1b[?7l\x1b[?25l\x1b[?2004h\x1b[2J"
_LEAVE = "\x18\x1b[?2004l\x1b[?25h\x1b[?7h\x1b[?1049l"
_LOOK_S = 0.2  # how long a write waits before it looks whether it is still wanted
_LEAVING_S = 0.5  # how long leaving waits for a terminal that takes nothing
_ASCII = str.maketrans("█▉▊▋▌▍▎▏·─│…", "#######---|.")


class Screen:
    """A class, because the terminal's modes must be given back as they were, however the run ends.

    It writes through an open file of its own that never blocks: a terminal that is stopped with Ctrl-S, or
    that nobody reads, makes a picture late and nothing else.
    """

    def __init__(self) -> None:
        self._input = sys.stdin.fileno()
        self._output = -1
        self._before: list[int | list[bytes | int]] | None = None
        self._shown: list[str] = []
        self._size = (0, 0)
        self._is_left = threading.Event()
        self._painting = threading.Lock()
        self._encoding = sys.stdout.encoding or "ascii"
        self._console = Console(
            file=StringIO(), force_terminal=True, markup=False, highlight=False, emoji=False, width=1000
        )

    def enter(self) -> None:
        """Take the terminal over."""
        self._is_left.clear()
        if self._output < 0:
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            self._output = os.open(os.ttyname(sys.stdout.fileno()), flags)
        if self._before is None:
            self._before = termios.tcgetattr(self._input)
        modes = termios.tcgetattr(self._input)
        modes[3] &= ~(termios.ICANON | termios.ECHO)
        modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
        self._set(modes)
        self._shown = []
        self._write(_ENTER.encode(), time.monotonic() + _LEAVING_S)

    def leave(self) -> None:
        """Give the terminal back as it was; may be called again."""
        self._is_left.set()
        with self._painting:
            self._give_back()

    def _give_back(self) -> None:
        if self._before is not None:
            with contextlib.suppress(OSError, termios.error):
                termios.tcflow(self._output, termios.TCOON)  # a Ctrl-S must not keep its modes from it
            self._set(self._before)
            self._before = None
            self._write(_LEAVE.encode(), time.monotonic() + _LEAVING_S, is_last=True)
        if self._output >= 0:
            os.close(self._output)
            self._output = -1

    def paint(self, scene: Scene) -> frozenset[str]:
        """Show a scene: only the lines that changed.  Waits for the terminal, so it belongs in a thread.

        Returns the wanted hosts whose whole name stands on the screen then.
        """
        with self._painting:
            return frozenset() if self._is_left.is_set() else self._paint(scene)

    def _paint(self, scene: Scene) -> frozenset[str]:
        size = terminal_size(self._output)
        drawn = draw(scene, *size)
        lines = self._styled(drawn)
        if size != self._size:
            self._size, self._shown = size, []
        parts = [] if self._shown else ["\x1b[2J"]
        for at, line in enumerate(lines):
            if at >= len(self._shown) or self._shown[at] != line:
                parts.append(f"\x1b[{at + 1};1H\x1b[K{line}\x1b[0m")
        self._shown = lines
        if parts:
            text = "".join(parts)
            if "utf" not in self._encoding.lower():
                text = text.translate(_ASCII)
            self._write(text.encode(self._encoding, "replace"), None)
        return named_on(drawn)

    def _styled(self, lines: list[Text]) -> list[str]:
        with self._console.capture() as captured:
            self._console.print(Text("\n", end="").join(lines), soft_wrap=True, end="")
        return captured.get().split("\n")

    def _write(self, left: bytes, until: float | None, *, is_last: bool = False) -> None:
        """Write all of it, unless the terminal is left or the time is over."""
        poll = select.poll()
        poll.register(self._output, select.POLLOUT)
        while left and (is_last or not self._is_left.is_set()):
            if until is not None and time.monotonic() > until:
                return
            try:
                left = left[os.write(self._output, left) :]
            except BlockingIOError:
                poll.poll(_LOOK_S * 1000)
            except OSError:
                return  # the terminal is gone; the record goes on without it

    def _set(self, modes: list[int | list[bytes | int]]) -> None:
        """Change the modes, also from the background, where that would stop the process."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        try:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._input, termios.TCSANOW, modes)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
