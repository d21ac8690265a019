"""A start that somebody ends: said in one line, whatever it was doing."""

from __future__ import annotations

import signal
import sys
from types import FrameType

_AGAIN_S = 0.005  # by then the callback that swallowed it is over


class StartEndedError(SystemExit):
    """A signal came before anything could be let through.

    A `SystemExit`, which no code on the way out takes for an error of its own.
    """

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(128 + number)  # as a shell says it
        self.exit_code = 128 + number
        self.number = number
        self.what = f"{number.name} ended it before it was ready, and nothing was let through"


def asking_signals() -> list[signal.Signals]:
    """Those, beside Ctrl-C's, that ask a program to end."""
    asking = [signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # else it runs under nohup
        asking.append(signal.SIGHUP)
    return asking


def say_who_ends_the_start() -> None:
    """From now on these signals raise `StartEndedError`, until a loop takes them over."""
    asking = asking_signals()

    def end(number: int, _: FrameType | None) -> None:
        for each in asking:
            signal.signal(each, signal.SIG_IGN)  # it ends in good order, as often as anybody asks
        raise StartEndedError(signal.Signals(number))

    for each in asking:
        signal.signal(each, end)
    _raise_what_is_ignored()


def _raise_what_is_ignored() -> None:
    """Python drops what is raised in callbacks of weak references, of which an import has many."""
    before = sys.unraisablehook

    def ignored(unraisable: sys.UnraisableHookArgs) -> None:
        error = unraisable.exc_value
        if not isinstance(error, StartEndedError):
            before(unraisable)
            return
        number = error.number

        def again(*_: object) -> None:
            raise StartEndedError(number)

        signal.signal(signal.SIGALRM, again)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)

    sys.unraisablehook = ignored
