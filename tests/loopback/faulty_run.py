"""Runs fairwitness with one of its parts broken: ``faulty_run.py JSON run ...``.

The JSON has ``target`` (``module:Class.attribute``), ``faults`` (pairs of one of `ERRORS` and ``before`` or
``after`` the part's own work, taken in turn) and ``calls`` (which calls of it fail, from 1; none: all).  A
hook is broken inside the wrapper that the class's decorator has put around it.  ``names`` instead gives
the addresses that names resolve to.
"""

from __future__ import annotations

import asyncio
import errno
import importlib
import inspect
import json
import socket
import sys
from collections.abc import Callable
from typing import Any

from fairwitness.errors import EvidenceError

ERRORS: dict[str, Callable[[], BaseException]] = {
    "RuntimeError": lambda: RuntimeError("a secret of the traffic"),
    "OSError": lambda: OSError(errno.ENOSPC, "No space left on device"),
    "MemoryError": MemoryError,
    "EvidenceError": lambda: EvidenceError("the disk is full", where="log", mend="Make room"),
    "CancelledError": asyncio.CancelledError,
}


class Plan:
    """Which call of a part fails, and how."""

    def __init__(self, faults: list[list[str]], calls: list[int]) -> None:
        self._faults = faults
        self._calls = calls
        self._count = self._failed = 0

    def next(self) -> tuple[Callable[[], BaseException] | None, bool]:
        """What this call raises, if anything, and whether before its work."""
        self._count += 1
        if self._calls and self._count not in self._calls:
            return None, False
        error, when = self._faults[self._failed % len(self._faults)]
        self._failed += 1
        if error == "CancelledError":  # nobody else would tell
            sys.stderr.write(f"{error}\n")
            sys.stderr.flush()
        return ERRORS[error], when == "before"


def break_part(*, target: str, faults: list[list[str]], calls: list[int]) -> None:
    """Break what *target* names, for the rest of this process."""
    module, _, dotted = target.partition(":")
    owner: Any = importlib.import_module(module)
    *path, name = dotted.split(".")
    for each in path:
        owner = getattr(owner, each)
    whole = inspect.getattr_static(owner, name)
    plan = Plan(faults, calls)
    if hasattr(whole, "fails_closed"):
        cell = whole.__closure__[whole.__code__.co_freevars.index("hook")]
        cell.cell_contents = _broken(cell.cell_contents, plan)
    else:
        setattr(owner, name, _broken(whole, plan))


def _broken(part: Callable[..., Any], plan: Plan) -> Callable[..., Any]:
    async def broken_async(*args: Any, **kwargs: Any) -> Any:
        error, is_before = plan.next()
        if error and is_before:
            raise error()
        result = await part(*args, **kwargs)
        if error:
            raise error()
        return result

    def broken(*args: Any, **kwargs: Any) -> Any:
        error, is_before = plan.next()
        if error and is_before:
            raise error()
        result = part(*args, **kwargs)
        if error:
            raise error()
        return result

    return broken_async if inspect.iscoroutinefunction(part) else broken


def resolve(names: dict[str, list[str]]) -> None:
    """Let names resolve to these addresses, others as ever."""
    original = socket.getaddrinfo

    def resolved(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        return [
            answer
            for address in names.get(host, [host])
            for answer in original(address, port, *args, **kwargs)
        ]

    socket.getaddrinfo = resolved


if __name__ == "__main__":
    import fairwitness.cli

    wanted = json.loads(sys.argv.pop(1))
    if "names" in wanted:
        resolve(wanted["names"])
    else:
        break_part(**wanted)
    sys.exit(fairwitness.cli.main())
