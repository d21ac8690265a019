"""A redacted copy of the evidence in Datasette, for as long as the command runs."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import click

from fairwitness.cli.beside import beside
from fairwitness.cli.filters import filters
from fairwitness.cli.folders import data_folder, make_private
from fairwitness.cli.options import choices, command
from fairwitness.cli.place import Place, find_place
from fairwitness.cli.starting import asking_signals
from fairwitness.cli.text import machine, plural, printable
from fairwitness.errors import PolicyError, StartError
from fairwitness.model.record import LogFilter

_LOCK = "lock"
_START_S = 30.0  # far above what Datasette takes to begin on a busy machine
_LOGIN = re.compile(r"http://127\.0\.0\.1:[0-9]+/-/auth-token\?token=[0-9a-f]{16,128}")


@command(name="explore", examples=["fairwitness explore", "fairwitness explore --since 2d --open"])
@filters
@click.option("--open", "is_opened", is_flag=True, help="Open the browser on it.")
@click.pass_context
def explore(context: click.Context, wanted: LogFilter, is_opened: bool) -> None:
    """Open a redacted copy of the evidence in Datasette.

    It listens on loopback, and shows nothing to who does not come with the address that is printed; that
    works once.  Ctrl-C ends it and removes the copy.
    """
    if importlib.util.find_spec("datasette") is None:
        raise PolicyError(
            "Datasette is not installed",
            where="explore",
            mend="Install it beside fairwitness: pip install 'fairwitness[explore]'",
        )
    chosen = choices(context)
    place = find_place(chosen)
    with _ended_by_signals(), _folder() as folder:
        count = _copy(place, wanted, folder / "evidence.db")
        with _served(folder) as (process, url):
            if chosen.as_json:
                print(machine({"url": url, "exchanges": count}), flush=True)
            else:
                print(printable(f"{plural(count, 'exchange')}, secrets hidden. Open, once: {url}"))
                print("Ctrl-C ends it and removes the copy.", flush=True)
            if is_opened:
                click.launch(url)
            with contextlib.suppress(KeyboardInterrupt):
                process.wait()


def _copy(place: Place, wanted: LogFilter, path: Path) -> int:
    from fairwitness.export.explorable import write_explorable
    from fairwitness.export.redact import Redaction

    with place.reader() as reader:
        snapshot = reader.snapshot(wanted, lambda _row: True)
        return write_explorable(
            path,
            snapshot.records,
            Redaction(),
            findings=reader.findings(),
            flags=tuple(reader.flags()),
            sessions=tuple((row.session, row.started_us, row.ended_us) for row in reader.sessions()),
            beside=beside(reader, snapshot).records,
        )


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A private folder that goes with this process; those of processes that were killed go now."""
    above = make_private(data_folder() / "explore")
    for left in above.iterdir():
        _remove_if_left(left)
    folder = Path(tempfile.mkdtemp(dir=above))
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _remove_if_left(folder: Path) -> None:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return  # one that is just being made
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        pass  # in use
    finally:
        os.close(lock)


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Datasette on the copy, which lets in only who comes with the address."""
    rules = folder / "metadata.json"
    shown = {"title": "fairwitness: a redacted copy", "allow": {"id": "root"}}
    rules.write_text(json.dumps(shown | {"databases": {"_internal": {"allow": False}}}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["serve", "-i", str(folder / "evidence.db"), "--metadata", str(rules), "--root"]
    words += ["--host", "127.0.0.1", "--port", str(port), "--setting", "sql_time_limit_ms", "5000"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DATASETTE_")}
    said = folder / "said"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "fairwitness.cli.tethered", *words],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            cwd=folder,
            env=environment | {"PYTHONUNBUFFERED": "1"},
        )
    try:
        yield process, _address(process, said, port)
    finally:
        process.terminate()
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], said: Path, port: int) -> str:
    """The address to sign in with, once somebody answers there."""
    ends = time.monotonic() + _START_S
    while time.monotonic() < ends and process.poll() is None:
        found = _LOGIN.search(said.read_text(errors="replace"))
        if found:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return found[0]
        time.sleep(0.05)
    lines = said.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
    raise StartError(
        f"Datasette did not start ({lines[-1][:200]})", where="explore", mend="Try 'datasette --version'"
    )


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Signals end the command as Ctrl-C does, so that the copy goes; a shell may have switched SIGINT off."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, *asking_signals())}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
