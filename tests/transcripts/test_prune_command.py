from __future__ import annotations

import os
import pty
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fairwitness.evidence import Keep, Log, Reader
from fairwitness.evidence.testing import ALLOWED, make_exchange, make_request
from fairwitness.policy import load_policy

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home

PAGE = "https://shop.test/"
DAY_US = 86_400_000_000


@pytest.fixture
def logged(home: Home, policy: Path) -> Path:
    """A page's picture of a day ago, its old data, and the same kind of picture fetched by a tool."""
    folder = home.folder / "evidence"
    loaded = load_policy(policy)
    now_us = time.time_ns() // 1000
    log = Log.open(folder, program=loaded.program, now_us=now_us - 40 * DAY_US)
    log.append_session([], time_us=now_us - 40 * DAY_US)
    log.append_policy(loaded, time_us=now_us - 40 * DAY_US, why="start")
    for kind, page, days in (
        (b"application/json", PAGE, 40),
        (b"image/png", PAGE, 1),
        (b"image/png", None, 1),
        (b"image/\x1b[2J", PAGE, 1),
    ):
        at_us = now_us - days * DAY_US
        request = make_request(host="shop.test", page=page, at_us=at_us)
        log.append_request(request, verdict=ALLOWED, released_us=at_us, keep=Keep.WHOLE)
        answer = make_exchange(request, body=os.urandom(300_000), headers=((b"Content-Type", kind),))
        log.append_response(answer, body=None, keep=Keep.WHOLE)
    log.close(time_us=now_us)
    return folder


def _stored(folder: Path) -> list[bool]:
    with Reader.open(folder) as reader:
        assert not list(reader.problems())
        return [reader.exchange(str(number)).response_body is not None for number in (1, 2, 3, 4)]


def test_prune_shows_first(home: Home, logged: Path) -> None:
    """Without --yes nothing is dropped, and what would be is listed."""
    people = home.run("prune", "--evidence", "evidence")
    form = home.run("prune", "--evidence", "evidence", "--json").form()

    assert 0 == people.code
    assert "3 bodies, 879" in people.out
    assert people.out.endswith("Nothing was dropped. Drop them with: fairwitness prune --yes\n")
    assert all(line.isprintable() for line in people.out.splitlines())
    assert {"dropped", "bodies", "bytes", "freed", "groups"} == set(form)
    assert {"why", "type", "bodies", "exchanges", "bytes"} == set(form["groups"][0])
    assert (False, 3, 0) == (form["dropped"], form["bodies"], form["freed"])
    assert [True] * 4 == _stored(logged)


def test_prune_drops_and_says_so(home: Home, logged: Path) -> None:
    """With --yes they go, the folder shrinks, and show tells that the body was pruned."""
    done = home.run("prune", "--yes", "--evidence", "evidence", "--json").form()
    shown = home.run("show", "2", "--evidence", "evidence")
    again = home.run("prune", "--yes", "--evidence", "evidence")

    assert (True, 3) == (done["dropped"], done["bodies"])
    assert done["freed"] > 600_000
    assert "# body not stored: pruned: 293.0 KiB, SHA-256 " in shown.out
    assert "HTTP/1.1 200 OK" in shown.out
    assert (0, "Nothing to drop.\n") == (again.code, again.out)
    assert [False, False, True, False] == _stored(logged)


def test_prune_by_age(home: Home, logged: Path) -> None:
    """--older-than holds for all kinds; what is no age is one error."""
    old = home.run("prune", "--older-than", "10d", "--evidence", "evidence", "--json").form()
    wrong = home.run("prune", "--older-than", "soon", "--evidence", "evidence")

    assert ["old"] == [group["why"] for group in old["groups"]]
    assert 2 == wrong.code
    assert "no age" in wrong.error


def test_prune_asks_on_a_terminal(home: Home, logged: Path) -> None:
    """Whoever says no keeps everything."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        home.command("prune", "--evidence", "evidence"),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=home.folder,
        env=home.environment,
    )
    os.close(terminal)
    os.write(controller, b"n\n")
    said = b""
    while b"Nothing was dropped" not in said and (chunk := os.read(controller, 65536)):
        said += chunk

    assert 0 == process.wait(60)
    assert b"Drop them? [y/N]" in said
    assert [True] * 4 == _stored(logged)
    os.close(controller)


def test_prune_waits_for_the_proxy_to_end(home: Home, policy: Path, logged: Path) -> None:
    """While a proxy writes the log nothing is dropped, and the error says to stop it."""
    with subprocess.Popen(
        home.command("run", "--listen", "127.0.0.1:0", "--evidence", "evidence", "--json"),
        stdout=subprocess.PIPE,
        cwd=home.folder,
        env=home.environment,
    ) as proxy:
        assert proxy.stdout
        assert b"ready" in proxy.stdout.readline()
        listed = home.run("prune", "--evidence", "evidence")
        result = home.run("prune", "--yes", "--evidence", "evidence")
        proxy.terminate()
        proxy.stdout.read()

    assert (0, 2) == (listed.code, result.code)
    assert "Stop it first" in result.error
    assert [True] * 4 == _stored(logged)
