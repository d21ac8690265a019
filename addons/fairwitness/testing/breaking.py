"""Inside the program that breaks on demand: its parts, and what they raise."""

from __future__ import annotations

import asyncio
import errno
import importlib
import inspect
import json
import runpy
import socket
import socketserver
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fairwitness.errors import EvidenceError
from fairwitness.testing.faults import Fault
from fairwitness.witness import holds, standstill

ERRORS: dict[str, Callable[[], BaseException]] = {
    "RuntimeError": lambda: RuntimeError("a secret of the traffic"),
    "KeyError": lambda: KeyError("a secret of the traffic"),
    "UnicodeDecodeError": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "a secret of the traffic"),
    "RecursionError": RecursionError,
    "TimeoutError": TimeoutError,
    "OSError": lambda: OSError(errno.ENOSPC, "No space left on device"),
    "MemoryError": MemoryError,
    "EvidenceError": lambda: EvidenceError("the disk is full", where="log", mend="Make room"),
    "OperationalError": lambda: sqlite3.OperationalError("database or disk is full"),
    "CancelledError": asyncio.CancelledError,
}
_HOOKS = (
    "dials:Dials",
    "exchanges:Exchanges",
    "front:Front",
    "messages:Messages",
    "tunnels:Tunnels",
)
_STORE = (
    "log:Log.append_flag",
    "log:Log.append_note",
    "log:Log.commit",
    "log:Log.commit_now",
    "log:Log.checkpoint",
    "traffic:Traffic.append_connection",
    "traffic:Traffic.append_connection_end",
    "traffic:Traffic.append_request",
    "traffic:Traffic.append_blocked",
    "traffic:Traffic.append_response",
    "traffic:Traffic.open_body",
    "traffic:Traffic.append_body",
    "traffic:Traffic.append_message",
    "streaming:BodyWriter.write",
    "streaming:BodyWriter.kept",
    "bodies:Bodies.keep",
    "journal:Journal.add",
    "journal:Journal.commit_now",
    "tree:Tree.append",
    "position:Position.move",
    "store:Store.commit",
    "store:Store._write",
    "store:Store._check_files",
)
_LEARNING = (
    "initiator:Initiators.learn",
    "ownership:Ownership.learn",
    "trails:Trails.learn",
    "knowledge:Knowledge._learn_redirect",
    "accounts:Accounts.learn",
)


class Part:
    """A part that was made breakable.

    A class, because its wrapper stays while it is broken and mended.
    """

    def __init__(self, name: str) -> None:
        self.failures = 0
        self._calls = 0
        self._fault: Fault | None = None
        _put_around(name, self)

    def plan(self, fault: Fault | None) -> None:
        """Fail so from now on; None: work."""
        self._calls = self.failures = 0 if fault else self.failures
        self._fault = fault

    def next(self) -> tuple[BaseException | None, bool]:
        """What this call raises, if anything, and whether before its work."""
        fault = self._fault
        if fault is None:
            return None, False
        self._calls += 1
        if fault.calls and self._calls not in fault.calls:
            return None, False
        self.failures += 1
        if fault.deed:
            subprocess.run(["sh", "-c", fault.deed], check=True)
            return None, False
        return ERRORS[fault.error](), fault.is_before


_parts: dict[str, Part] = {}


def part(name: str) -> Part:
    """The part of that name, breakable from now on."""
    if name not in _parts:
        _parts[name] = Part(name)
    return _parts[name]


def known_parts() -> dict[str, list[str]]:
    """What there is to break, by kind."""
    return {
        "hook": list(_hooks()),
        "store": [f"fairwitness.evidence.{each}" for each in _STORE],
        "rule": list(_rules()),
        "learning": [f"fairwitness.rules.{each}" for each in _LEARNING],
    }


def _hooks() -> Iterator[str]:
    for each in _HOOKS:
        module, _, name = each.partition(":")
        owner = getattr(importlib.import_module(f"fairwitness.proxy.{module}"), name)
        for hook, function in vars(owner).items():
            if hasattr(function, "fails_closed"):
                yield f"{owner.__module__}:{name}.{hook}"


def _rules() -> Iterator[str]:
    for rule in importlib.import_module("fairwitness.rules").RULES:
        for name, function in vars(rule).items():
            if name.startswith("on_") and inspect.isfunction(function):
                yield f"{rule.__module__}:{rule.__name__}.{name}"


def _put_around(name: str, broken: Part) -> None:
    module, _, dotted = name.partition(":")
    owner: Any = importlib.import_module(module)
    *path, last = dotted.split(".")
    for each in path:
        owner = getattr(owner, each)
    whole = inspect.getattr_static(owner, last)
    if hasattr(whole, "fails_closed"):
        cell = whole.__closure__[whole.__code__.co_freevars.index("hook")]
        cell.cell_contents = _wrapped(cell.cell_contents, broken)
    elif isinstance(whole, classmethod):
        setattr(owner, last, classmethod(_wrapped(whole.__func__, broken)))
    else:
        setattr(owner, last, _wrapped(whole, broken))


def _wrapped(work: Callable[..., Any], broken: Part) -> Callable[..., Any]:
    async def in_turn(*args: Any, **kwargs: Any) -> Any:
        error, is_before = broken.next()
        if error and is_before:
            raise error
        result = await work(*args, **kwargs)
        if error:
            raise error
        return result

    def at_once(*args: Any, **kwargs: Any) -> Any:
        error, is_before = broken.next()
        if error and is_before:
            raise error
        result = work(*args, **kwargs)
        if error:
            raise error
        return result

    def step_by_step(*args: Any, **kwargs: Any) -> Any:
        error, is_before = broken.next()
        if error and is_before:
            raise error
        yield from work(*args, **kwargs)
        if error:
            raise error

    if inspect.iscoroutinefunction(work):
        return in_turn
    return step_by_step if inspect.isgeneratorfunction(work) else at_once


class _Orders(socketserver.StreamRequestHandler):
    """Answers one order."""

    def handle(self) -> None:
        """Read it, do it, say what came of it."""
        order = json.loads(self.rfile.readline())
        self.wfile.write(json.dumps(_done(order)).encode() + b"\n")


def _done(order: dict[str, Any]) -> object:
    match order["do"]:
        case "break":
            fault = _fault(order["fault"])
            part(fault.part).plan(fault)
        case "mend":
            part(order["part"]).plan(None)
        case "failures":
            return part(order["part"]).failures
        case "parts":
            return known_parts()
        case "names":
            _resolve(order["names"])
        case "clock":
            _step_clock(order["step_us"])
        case "holds":
            holds.HOLD_US = order["last_us"]
        case "standstills":
            standstill.LONG_US = order["long_us"]
    return None


def _fault(form: dict[str, Any]) -> Fault:
    return Fault(**{**form, "calls": tuple(form["calls"])})


_true_ns, _true_s = time.time_ns, time.time


def _step_clock(step_us: int) -> None:
    time.time_ns = lambda: _true_ns() + step_us * 1000
    time.time = lambda: _true_s() + step_us / 1e6


def _resolve(names: dict[str, list[str]]) -> None:
    """Let names resolve to these addresses, others as ever."""
    original = socket.getaddrinfo

    def resolved(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        return [
            answer
            for address in names.get(host, [host])
            for answer in original(address, port, *args, **kwargs)
        ]

    socket.getaddrinfo = resolved


def run(plan: dict[str, Any]) -> None:
    """Become fairwitness, with a door through which it is broken."""
    if plan["names"]:
        _resolve(plan["names"])
    for each in _rules():  # the runner looks rules up once, at its start
        part(each)
    for form in plan["faults"]:
        fault = _fault(form)
        part(fault.part).plan(fault)
    Path(plan["door"]).unlink(missing_ok=True)
    door = socketserver.UnixStreamServer(plan["door"], _Orders)
    threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    sys.argv[0] = "fairwitness"
    runpy.run_module("fairwitness", run_name="__main__", alter_sys=True)
