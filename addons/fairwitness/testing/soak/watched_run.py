"""Runs fairwitness, and on SIGUSR2 writes what is alive in it: ``watched_run.py FILE run ...``."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import fairwitness.cli
from fairwitness.testing.soak.used import used_bytes

_KEPT = frozenset(
    {
        "fairwitness.proxy.wiring.Caller",
        "fairwitness.proxy.wiring.Live",
        "fairwitness.proxy.wiring.LiveDial",
        "mitmproxy.connection.Client",
        "mitmproxy.connection.Server",
        "mitmproxy.http.HTTPFlow",
        "mitmproxy.proxy.server.LiveConnectionHandler",
        "mitmproxy.tcp.TCPFlow",
    }
)


def _tell(file: Path) -> None:
    used = used_bytes()
    tasks = Counter(getattr(task.get_coro(), "__qualname__", "?") for task in asyncio.all_tasks())
    kinds = (f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())
    kept = Counter(kind for kind in kinds if kind in _KEPT)
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps({"tasks": tasks, "kept": kept, "used_bytes": used}))
    os.replace(beside, file)


if __name__ == "__main__":
    told = Path(sys.argv.pop(1))
    signal.signal(signal.SIGUSR2, lambda *_: _tell(told))
    sys.exit(fairwitness.cli.main())
