"""Real tools through a live proxy against the lab shop: how many of their requests reached it.

What got through is counted by the shop's own access log, not by ours.  Runs inside the lab's network
namespace, where there is nothing but the loopback device.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairwitness.model.verdict import Action
from fairwitness.testing.proxy import Proxy

BROWSER = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)
SHOP = "http://shop.acme.test"
_MOST_S = 120  # a tool; then it is ended
_PATIENCE_S = 30
_SERVE = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from app import app
from hypercorn.asyncio import serve
from hypercorn.config import Config
config = Config()
config.bind, config.access_log_format = ["127.0.0.1:80"], "%(m)s %(U)s%(q)s %(s)s"
config.errorlog, config.loglevel = None, "INFO"  # the level of its access log too
config.accesslog = sys.argv[2]
asyncio.run(serve(app, config))
"""
_NAMES = """
admin login test backup config images old api users dev private secret upload data db info phpinfo logs
docs help assets static js css portal intranet mail webmail blog forum cart checkout register profile
settings panel manager health metrics swagger v1 v3 export import download archive beta stage internal
hidden root setup
"""


@dataclass(frozen=True, slots=True)
class Tool:
    """One that installs from Debian or PyPI, and how it is pointed at the shop."""

    name: str
    package: str
    """What to install."""
    command: tuple[str, ...]
    """``{proxy}`` is the proxy's URL, ``{address}`` its address, ``{words}`` a list, ``{folder}`` its own."""
    agent: tuple[str, ...]
    """What gives it a User-Agent, which is ``{agent}``; empty: it has a browser's by itself."""
    kind: str = ""
    """Tells runs of one tool apart."""

    @property
    def title(self) -> str:
        """As the table has it."""
        return f"{self.name} {self.kind}".strip()


def _wapiti(kind: str, url: str, *more: str) -> Tool:
    said = ("--flush-session", "--no-bugreport", "-o", "{folder}/w")
    command = ("wapiti", "-u", url, *more, "-p", "{proxy}/", *said)
    return Tool("wapiti", "apt install wapiti", command, ("-A", "{agent}"), kind)


TOOLS = (
    Tool(
        "sqlmap",
        "apt install sqlmap",
        ("sqlmap", "--batch", "--proxy", "{proxy}", "-u", f"{SHOP}/search?q=mug", "--output-dir", "{folder}"),
        ("--user-agent", "{agent}"),
    ),
    Tool(
        "ffuf",
        "apt install ffuf",
        ("ffuf", "-x", "{proxy}", "-w", "{words}", "-u", f"{SHOP}/FUZZ"),
        ("-H", "User-Agent: {agent}"),
    ),
    Tool(
        "gobuster",
        "apt install gobuster",
        ("gobuster", "dir", "-q", "--proxy", "{proxy}", "-w", "{words}", "-u", SHOP),
        ("-a", "{agent}"),
    ),
    Tool(
        "whatweb",
        "apt install whatweb",
        ("whatweb", "--proxy", "{address}", "-a", "4", SHOP),
        ("-U", "{agent}"),
    ),
    _wapiti("crawling", f"{SHOP}/"),
    # Of a whole shop it comes to its attacks late: it crawls first.
    _wapiti("on one page", f"{SHOP}/search?q=mug", "--scope", "url"),
    Tool(
        "dirb",
        "apt install dirb",
        ("dirb", SHOP, "/usr/share/dirb/wordlists/small.txt", "-p", "{address}", "-S", "-w"),
        ("-a", "{agent}"),
    ),
    Tool("wafw00f", "apt install wafw00f", ("wafw00f", "-a", "-p", "{proxy}", SHOP), ()),
    Tool(  # over http: its CONNECT names a path instead of a host
        "dirsearch",
        "pip install dirsearch 'setuptools<81'",
        ("dirsearch", "--proxy", "{proxy}", "-u", SHOP, "-w", "{words}"),
        ("--user-agent", "{agent}"),
    ),
)


@dataclass(frozen=True, slots=True)
class ToolRun:
    """What became of one run."""

    tool: str
    agent: str
    """``own`` or ``browser``."""
    asked: int
    """Requests for the shop that the tool made of the proxy; some look for news of themselves elsewhere."""
    reached: int
    """Requests in the shop's access log."""
    blocked: int
    blocked_first: int | None
    """The number of the first blocked request, from 1."""
    by: str
    """The rules that blocked it, or whose question nobody answered."""
    took_s: float
    said: str
    """Its last line."""


def is_inside() -> bool:
    """Whether this process sees the loopback device only."""
    return {name for _, name in socket.if_nameindex()} <= {"lo"}


def missing_tools() -> tuple[Tool, ...]:
    """Those that are not installed."""
    return tuple(tool for tool in TOOLS if shutil.which(tool.name) is None)


def run_tools(lab: Path, python: Path, only: str | None = None) -> Iterator[ToolRun]:
    """Run each installed tool with its own and with a browser's User-Agent.

    Args:
        lab: Holds the shop's ``app.py``, ``policy.yaml`` and ``accounts.yaml``.
        python: One that has what the shop needs.
        only: The name of the one tool to run.
    """
    for tool in TOOLS:
        if shutil.which(tool.name) is None or tool.name != (only or tool.name):
            continue
        for agent in ("own", "browser") if tool.agent else ("own",):
            with tempfile.TemporaryDirectory(prefix="fairwitness-bench-") as folder:
                yield _run(tool, agent, lab, python, Path(folder))


def _run(tool: Tool, agent: str, lab: Path, python: Path, folder: Path) -> ToolRun:
    words = folder / "words.txt"
    words.write_text(
        "".join(f"{name}{end}\n" for end in ("", ".php", ".bak", "/") for name in _NAMES.split()), "utf-8"
    )
    policy = (lab / "policy.yaml").read_text("utf-8")
    accounts = ("--accounts", str(lab / "accounts.yaml"))
    with (
        _shop(lab, python, folder) as log,
        Proxy(folder / "proxy", policy=policy, arguments=accounts) as proxy,
    ):
        before = _lines(log)
        facts = {
            "proxy": proxy.url,
            "address": proxy.address,
            "words": str(words),
            "folder": str(folder),
            "agent": BROWSER,
        }
        command = [
            part.format(**facts) for part in (*tool.command, *(tool.agent if agent == "browser" else ()))
        ]
        began_s = time.monotonic()
        said = _bounded(command, folder)
        took_s = time.monotonic() - began_s
        proxy.stop()
        rows = [row for row in proxy.rows() if row.decision and SHOP.endswith(f"/{row.host}")]
        stopped = [at for at, row in enumerate(rows, start=1) if row.decision == "block"]
        with _flags(proxy) as flags:
            by = sorted({flags[name] for at in stopped for name in rows[at - 1].flags if name in flags})
        return ToolRun(
            tool=tool.title,
            agent=agent,
            asked=len(rows),
            reached=_lines(log) - before,
            blocked=len(stopped),
            blocked_first=stopped[0] if stopped else None,
            by=", ".join(by),
            took_s=took_s,
            said=said,
        )


@contextlib.contextmanager
def _flags(proxy: Proxy) -> Iterator[dict[str, str]]:
    """The rule of each flag that stopped something."""
    from fairwitness.evidence import Reader

    with Reader.open(proxy.evidence) as reader:
        stopping = [row.flag for row in reader.flags() if row.flag.action >= Action.HOLD]
        yield {flag.flag: flag.rule for flag in stopping}


def _bounded(command: Sequence[str], folder: Path) -> str:
    """Run it for a while; gives the last line that it said."""
    home = {**os.environ, "HOME": str(folder)}
    with (folder / "said").open("wb") as said:
        tool = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd=folder,
            env=home,
            start_new_session=True,
        )
        try:
            tool.wait(_MOST_S)
        except subprocess.TimeoutExpired:
            os.killpg(tool.pid, 9)
            tool.wait()
    lines = (folder / "said").read_text("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


@contextlib.contextmanager
def _shop(lab: Path, python: Path, folder: Path) -> Iterator[Path]:
    """The shop on 127.0.0.1:80; its access log, a line a request."""
    log = folder / "access.log"
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", 80), timeout=1):
        raise RuntimeError("somebody else listens on port 80 of the lab's namespace")
    shop = subprocess.Popen([str(python), "-B", "-c", _SERVE, str(lab), str(log)], stdin=subprocess.DEVNULL)
    try:
        ends = time.monotonic() + _PATIENCE_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", 80), timeout=1):
                break
            if shop.poll() is not None or time.monotonic() > ends:
                raise RuntimeError("the lab shop did not start")
            time.sleep(0.1)
        yield log
    finally:
        shop.terminate()
        shop.wait()


def _lines(log: Path) -> int:
    return len(log.read_bytes().splitlines()) if log.exists() else 0


def inside(lab: Path, arguments: Sequence[str]) -> int:
    """Run this bench again within the lab's namespace."""
    command = [str(lab / "ns.sh"), sys.executable, "-m", "fairwitness.testing.bench", *arguments]
    return subprocess.run(command, check=False).returncode
