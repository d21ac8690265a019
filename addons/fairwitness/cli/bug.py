"""What is said when fairwitness itself is wrong: an exception that nobody expected."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from fairwitness.errors import FairwitnessError, StartError

EXIT_BUG = 70  # EX_SOFTWARE of sysexits.h; 1 means that something is to be looked at
STARTS_PROXY = frozenset({"run", "exec", "browser"})
"""Commands whose failure means that the proxy could not start."""
_PACKAGE = str(Path(__file__).parent.parent) + os.sep


class BugError(FairwitnessError):
    """Fairwitness is wrong, or this system is in no state to run it."""

    exit_code = EXIT_BUG


def say_bugs_of(command: str, complain: Callable[[FairwitnessError], None]) -> None:
    """From now on an unexpected exception ends the program with a message, not a traceback.

    The traceback goes to a private file: it may show what a client or a server sent.
    """

    def say(_: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        said = describe(command, error, trace)
        complain(said)
        raise SystemExit(said.exit_code)  # the interpreter takes it from a hook: the exit code would be 1

    sys.excepthook = say


def describe(command: str, error: BaseException, trace: TracebackType | None) -> FairwitnessError:
    """The message, once the traceback lies in its file."""
    kind = StartError if command in STARTS_PROXY else BugError
    where = f"fairwitness {command}".rstrip()
    if isinstance(error, MemoryError):
        return kind("there is no memory left", where=where, mend="End what needs much memory, and try again")
    what = f"a bug of fairwitness, {type(error).__name__} in {_place(trace)}"
    text = "".join(traceback.format_exception(type(error), error, trace))
    try:
        descriptor, path = tempfile.mkstemp(prefix="fairwitness-bug-", suffix=".txt")
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as refused:
        mend = f"Report it; its traceback could not be written ({refused.strerror})"
    else:
        mend = f"Report it with {path}, but read that first: it may show traffic"
    return kind(what, where=where, mend=mend)


def _place(trace: TracebackType | None) -> str:
    """The innermost place of our own."""
    frames = [each for each in traceback.extract_tb(trace) if each.filename.startswith(_PACKAGE)]
    if not frames:
        return "a library"
    last = frames[-1]
    return f"{last.name} ({last.filename.removeprefix(_PACKAGE)}, line {last.lineno})"
