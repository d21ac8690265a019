"""Lines to a stream that may be slow, stopped or gone, without ever making traffic wait for it."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from typing import TextIO

MAX_WAITING = 10_000  # lines; a reader so far behind gets a line that says how many it missed
_LAST_WORDS_S = 2.0  # how long leaving waits for a reader that does not read


class Printer:
    """Writes from a thread of its own.

    A pipe that nobody drains and a terminal stopped with Ctrl-S both block a write for ever; on the proxy's
    loop that would stop all traffic.

    Args:
        stream: Where lines go.
        missed: The line that says how many lines were left out.
    """

    def __init__(self, stream: TextIO, *, missed: Callable[[int], str]) -> None:
        stream.flush()
        # The bare descriptor: a thread that hangs in a buffered write would keep the interpreter from ending.
        self._descriptor = stream.fileno()
        self._say_missed = missed
        self._waiting: queue.Queue[str | None] = queue.Queue(MAX_WAITING)
        self._missed = 0
        self._gone = False
        self._thread = threading.Thread(target=self._write, name="printer", daemon=True)
        self._thread.start()

    def line(self, text: str) -> None:
        """Write a line soon, or count it as missed."""
        if self._gone:
            return
        if self._missed:
            try:
                self._waiting.put_nowait(self._say_missed(self._missed))
            except queue.Full:
                self._missed += 1
                return
            self._missed = 0
        try:
            self._waiting.put_nowait(text)
        except queue.Full:
            self._missed += 1

    def close(self) -> None:
        """Write what waits, unless nobody reads."""
        try:
            if self._missed:
                self._waiting.put(self._say_missed(self._missed), timeout=_LAST_WORDS_S)
            self._waiting.put(None, timeout=_LAST_WORDS_S)
        except queue.Full:
            return
        self._thread.join(_LAST_WORDS_S)

    def _write(self) -> None:
        while (text := self._waiting.get()) is not None:
            if self._gone:
                continue
            left = f"{text}\n".encode("utf-8", "backslashreplace")
            try:
                while left:
                    left = left[os.write(self._descriptor, left) :]
            except OSError:
                self._gone = True  # the reader left; the record goes on without it
