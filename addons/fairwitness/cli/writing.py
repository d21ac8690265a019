"""The one way in which a command writes to the log: through the proxy that holds it, else by itself."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from fairwitness.cli.place import Place
from fairwitness.cli.steer import running_socket

if TYPE_CHECKING:
    from fairwitness.control.wire import Question
    from fairwitness.evidence import Log
    from fairwitness.model.remark import Remark

WAIT_S = 5.0  # how long another command that writes is waited for; each takes a few milliseconds
_PAUSE_S = 0.02


def record(place: Place, remark: Remark) -> None:
    """Write an entry, and return when it is committed.

    Raises:
        EvidenceError: It cannot be written, or another process holds the log and does not let go.
    """
    from fairwitness.control.remarks import question_of

    write(place, question_of(remark), lambda log, now_us: log.append_remark(remark, time_us=now_us))


def write(place: Place, question: Question, append: Callable[[Log, int], None]) -> None:
    """Let the running proxy write, or write without one.

    Args:
        place: Whose log.
        question: Asks the running proxy for it, which may have more to do than to write it down.
        append: Writes it into a log that no proxy holds, given the time.

    Raises:
        EvidenceError: It cannot be written, or another process holds the log and does not let go.
    """
    from fairwitness.control.client import ask
    from fairwitness.evidence.lock import HeldError

    ends = time.monotonic() + WAIT_S
    while True:
        socket = running_socket(place)
        if socket is not None:
            ask(socket, question)
            return
        try:
            with held_log(place) as (log, now_us):
                append(log, now_us)
        except HeldError:
            if time.monotonic() > ends:
                raise
            time.sleep(_PAUSE_S)  # another command, or a proxy that has no socket yet
        else:
            return


@contextlib.contextmanager
def held_log(place: Place) -> Iterator[tuple[Log, int]]:
    """The log, held by this command, and the time; it counts as no run of the proxy.

    Raises:
        HeldError: Another process holds it.
        EvidenceError: It cannot be written, at once or at the end.
    """
    from fairwitness.evidence import Log

    now_us = time.time_ns() // 1000
    log = Log.open(place.evidence, program=place.program(), now_us=now_us)
    try:
        yield log, now_us
        log.commit_now()
    finally:
        log.close(time_us=now_us)
