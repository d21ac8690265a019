"""The system's resolver, with a name server of the test's own: only the listed name is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.gate

NAME_SERVER = """\
import socket

def name_of(question):
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode())
        at += question[at] + 1
    return ".".join(labels), question[12 : at + 5]

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(("127.0.0.77", 53))
    print("ready", flush=True)
    while True:
        question, client = server.recvfrom(4096)
        name, asked = name_of(question)
        print(name, flush=True)
        is_there = name.endswith("stranger.test") and asked[-4:] == bytes([0, 1, 0, 1])
        counts = bytes([0, 1, 0, is_there, 0, 0, 0, 0])
        record = bytes([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 127, 0, 0, 3]) if is_there else b""
        code = 0x80 if name.endswith("stranger.test") else 0x83
        server.sendto(question[:2] + bytes([0x85, code]) + counts + asked + record, client)
"""
LOOK_UP = """\
import asyncio, os, subprocess, sys
from fairwitness.proxy.tickets import Dial, begin, guard_loop, guard_process

async def look_up(name):
    begin(Dial(name, 80, lambda addresses: None))
    try:
        return await asyncio.get_running_loop().getaddrinfo(name, 80)
    except OSError:
        return []

async def main():
    if "guarded" in sys.argv:
        guard_process()
        guard_loop(asyncio.get_running_loop())
        print(f"environ {os.environ['HOSTALIASES'] != ''}")
    for name in ("gone.in.test", "alias"):
        print("found", name, len(await look_up(name)))

with subprocess.Popen([sys.executable, "server.py"], stdout=subprocess.PIPE, text=True) as server:
    server.stdout.readline()
    asyncio.run(main())
    server.terminate()
    print("asked", *sorted(set(server.stdout.read().split())))
"""


@pytest.mark.bypass(63)
def test_a_name_that_is_gone_is_not_looked_up_elsewhere(tmp_path: Path) -> None:
    """A search domain whose owner answers every name, and an alias: both are asked for only unguarded."""
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.77\nsearch stranger.test\n")
    (tmp_path / "aliases").write_text("alias other.stranger.test\n")
    (tmp_path / "server.py").write_text(NAME_SERVER)
    (tmp_path / "look_up.py").write_text(LOOK_UP)

    guarded = _looked_up(tmp_path, "guarded")
    unguarded = _looked_up(tmp_path, "unguarded")

    assert ["environ True", "found gone.in.test 0", "found alias 0", "asked alias gone.in.test"] == guarded
    assert "gone.in.test.stranger.test" in unguarded[-1]
    assert "other.stranger.test" in unguarded[-1]


def _looked_up(folder: Path, how: str) -> list[str]:
    """What was printed in a network and a mount table of its own, where resolv.conf is the test's."""
    inside = (
        "mount --bind resolv.conf /etc/resolv.conf && ip link set lo up && "
        f"HOSTALIASES=aliases exec {sys.executable} look_up.py {how}"
    )
    command = ["unshare", "--map-root-user", "--mount", "--net", "sh", "-c", inside]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    if "unshare:" in done.stderr or "mount:" in done.stderr or "ip:" in done.stderr:
        pytest.skip(f"no name spaces here: {done.stderr.strip()}")
    assert "" == done.stderr
    return done.stdout.splitlines()
