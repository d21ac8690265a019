"""What mitmproxy only writes to its log: crashes of its own, which the record must show."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator

from fairwitness.witness import Witness

_LOGGERS = ("mitmproxy", "asyncio")


class Incidents(logging.Handler):
    """Turns error records into notes of the log.

    A class, because logging wants one; also remembers the last error for a start that fails.
    """

    def __init__(self, witness: Witness) -> None:
        super().__init__(logging.ERROR)
        self._witness = witness
        self._loop = asyncio.get_running_loop()
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Kind and place only: the text may quote the traffic."""
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        text = record.getMessage().splitlines()[0] if record.getMessage() else ""
        self.last = f"{text} {kind}".strip()
        self._loop.call_soon_threadsafe(self._tell, f"{record.name}: {kind or 'error'} in {record.module}")

    def _tell(self, text: str) -> None:
        self._witness.incident(text)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Listen as long as the block lasts, and keep mitmproxy from writing elsewhere.

        Its warnings stay off afterwards: what it then says of connections that were cut is no news.
        """
        before = [(logging.getLogger(name), logging.getLogger(name).level) for name in _LOGGERS]
        for logger, _ in before:
            logger.addHandler(self)
            logger.setLevel(logging.WARNING)
            logger.propagate = False
        try:
            yield
        finally:
            for logger, level in before:
                logger.removeHandler(self)
                logger.setLevel(max(level, logging.ERROR))  # Python would print them to stderr
                logger.propagate = True
