"""README.md shows what the program does: its help, and one session that is run here as it stands there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fairwitness.testing import PATIENCE_S, Authority, Origin

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
SHOP, STRANGER = "shop.example.com", "pay.example.net"
PRODUCTS = '[{"id": 1, "name": "Teapot"}]\n'


def _block(name: str) -> str:
    """The fenced block under ``<!-- NAME -->``."""
    found = re.search(rf"<!-- {name} -->\n+```\w+\n(.*?)```\n", README, re.DOTALL)
    assert found, name
    return found[1]


def _steps(transcript: str) -> list[tuple[str, str]]:
    """Each command with what it is said to print."""
    parts = re.split(r"^\$ (.+)\n", transcript, flags=re.MULTILINE)
    return [(command, output.strip("\n")) for command, output in zip(parts[1::2], parts[2::2], strict=True)]


def _alike(output: str) -> list[str]:
    """Without what differs from run to run: ports, times, the width of columns, how much exec counts."""
    output = re.sub(r"(?<=\.(?:com|net)):\d+", "", output.replace("\r", ""))
    output = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", output)
    output = re.sub(r"(?i)content-length: \d+", "content-length: N", output)  # the ports count
    output = re.sub(r"(?m)^(fairwitness: curl: ).*$", r"\1...", output)
    return [" ".join(line.split()) for line in output.strip().splitlines() if line.strip()]


@contextmanager
def _running(home: Home, *arguments: str) -> Iterator[None]:
    """`fairwitness run`, which the README has in another terminal."""
    command = [*home.command("run", "--json", "--listen", "127.0.0.1:0"), *arguments]
    with subprocess.Popen(
        command, cwd=home.folder, env=home.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        try:
            assert b'"ready"' in process.stdout.readline()
            yield
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)


def play(home: Home, folder: Path) -> tuple[list[tuple[str, str]], int]:
    """Run the README's session; what it printed, and how often the stranger was connected to."""
    authority = Authority(folder)
    with (
        Origin(authority, [SHOP], address="127.0.0.2") as shop,
        Origin(authority, [STRANGER], address="127.0.0.3") as stranger,
    ):
        shop.put("/products", PRODUCTS, kind="application/json")

        def real(text: str) -> str:
            return text.replace(SHOP, shop.host_port).replace(STRANGER, stranger.host_port)

        home.write("policy.yaml", real(_block("policy")))
        program = shlex.join([sys.executable, "-m", "fairwitness"])
        printed = []
        with _running(
            home,
            *("--resolve", shop.resolve, "--resolve", stranger.resolve),
            *("--upstream-ca", str(authority.pem)),
        ):
            for command, _ in _steps(_block("transcript")):
                done = subprocess.run(
                    ["sh", "-c", re.sub(r"^fairwitness\b", lambda _: program, real(command))],
                    cwd=home.folder,
                    env=home.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    timeout=PATIENCE_S,
                    check=False,
                )
                printed.append((command, done.stdout.decode()))
        return printed, stranger.counts.accepts


@pytest.fixture
def authority_folder(tmp_path: Path) -> Path:
    """Where the origins' authority lies."""
    folder = tmp_path / "authority"
    folder.mkdir()
    return folder


def test_readmes_session_prints_what_it_says(home: Home, authority_folder: Path) -> None:
    """Each command of the README's session prints the lines below it, and the stranger is never dialled."""
    printed, accepts = play(home, authority_folder)

    assert [(command, _alike(said)) for command, said in _steps(_block("transcript"))] == [
        (command, _alike(output)) for command, output in printed
    ]
    assert 0 == accepts


def test_readmes_help_is_the_programs(home: Home) -> None:
    """The list of commands in the README is that of `fairwitness --help`."""
    assert _block("help") == home.run("--help", COLUMNS="80").out


def test_readmes_policy_is_sound(home: Home) -> None:
    """The small policy that the README shows is a whole one."""
    home.write("policy.yaml", _block("policy"))

    assert 0 == home.run("check").code
