"""A process of another user on the same machine: it cannot act in the researcher's name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from fairwitness.testing import Town

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only"),
    pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user"),
]

NOBODY = 65534
SEND = """
import os, socket, struct, sys
if sys.argv[4] != "0":
    os.setuid(int(sys.argv[4]))
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
peer.sendall(f"GET {sys.argv[2]} HTTP/1.1\\r\\nHost: in.test\\r\\n\\r\\n".encode())
if sys.argv[3] == "waits":
    sys.stdout.write(str(len(peer.recv(100))))
elif sys.argv[3] == "resets":
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
peer.close()
"""


def send(town: Town, url: str, how: str, *, uid: int) -> str:
    """Let a process of a user send a request, and then wait for an answer, leave, or reset; what it says."""
    port = town.proxy.address.rpartition(":")[2]
    command = ["/usr/bin/env", "-i", "python3", "-c", SEND, port, url, how, str(uid)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout


@pytest.mark.parametrize("how", ["waits", "leaves", "resets"])
def test_another_users_request_never_leaves(town: Town, how: str) -> None:
    """Also where it is gone before the proxy can look whose it was: the proxy is stopped meanwhile."""
    mine, others = (town.inside.url(f"/{whose}/{how}", scheme="http") for whose in ("mine", "others"))
    if how != "waits":
        os.kill(town.proxy.pid, signal.SIGSTOP)
    try:
        said = {send(town, others, how, uid=NOBODY) for _ in range(3)}
    finally:
        os.kill(town.proxy.pid, signal.SIGCONT)
    town.curl(mine)

    assert said <= {"", "0"}
    assert 1 == len(town.inside.requests_for(f"/mine/{how}"))
    assert 0 == len(town.inside.requests_for(f"/others/{how}"))
    assert [] == [row.url for row in town.proxy.rows() if "/others" in row.url]


def test_ones_own_request_leaves(town: Town) -> None:
    """The same process with the proxy's user id is answered."""
    assert int(send(town, town.inside.url("/own", scheme="http"), "waits", uid=0)) > 0
    assert 1 == len(town.inside.requests_for("/own"))
