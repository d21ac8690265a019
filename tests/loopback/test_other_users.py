"""A process of another user on the same machine: it cannot act in the researcher's name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairwitness.testing import Authority, RawClient, Town, curl
from fairwitness.testing.mitmdump import Mitmdump

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


@pytest.fixture(scope="module")
def open_town(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One whose proxy listens for others."""
    with Town(authority, tmp_path_factory.mktemp("open"), arguments=REMOTE) as town:
        yield town


def send(address: str, url: str, how: str, *, uid: int) -> str:
    """Let a process of a user send a request, and then wait for an answer, leave, or reset; what it says."""
    port = address.rpartition(":")[2]
    command = ["/usr/bin/env", "-i", "python3", "-c", SEND, port, url, how, str(uid)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout


@pytest.mark.bypass(59)
@pytest.mark.parametrize("how", ["waits", "leaves", "resets"])
def test_another_users_request_never_leaves(town: Town, how: str) -> None:
    """Also where it is gone before the proxy can look whose it was: the proxy is stopped meanwhile."""
    mine, others = (town.inside.url(f"/{whose}/{how}", scheme="http") for whose in ("mine", "others"))
    if how != "waits":
        os.kill(town.proxy.pid, signal.SIGSTOP)
    try:
        said = {send(town.proxy.address, others, how, uid=NOBODY) for _ in range(3)}
    finally:
        os.kill(town.proxy.pid, signal.SIGCONT)
    town.curl(mine)

    assert said <= {"", "0"}
    assert 1 == len(town.inside.requests_for(f"/mine/{how}"))
    assert 0 == len(town.inside.requests_for(f"/others/{how}"))
    assert [] == [row.url for row in town.proxy.rows() if "/others" in row.url]


def test_ones_own_request_leaves(town: Town) -> None:
    """The same process with the proxy's user id is answered."""
    assert int(send(town.proxy.address, town.inside.url("/own", scheme="http"), "waits", uid=0)) > 0
    assert 1 == len(town.inside.requests_for("/own"))


@pytest.mark.bypass(59)
def test_another_users_request_does_not_leave_mitmdump_either(town: Town, tmp_path: Path) -> None:
    """With the launcher, too, one's own passes and a stranger's does not."""
    with Mitmdump(tmp_path, town) as mitmdump:
        said = [
            send(mitmdump.address, town.inside.url(f"/guest-{uid}", scheme="http"), "waits", uid=uid)
            for uid in (0, NOBODY)
        ]

    assert int(said[0]) > 0
    assert said[1] in ("", "0")
    assert 1 == len(town.inside.requests_for("/guest-0"))
    assert () == town.inside.requests_for(f"/guest-{NOBODY}")


SECRET = "correct-horse-battery"
REMOTE = ("--listen", "0.0.0.0:0", "--allow-remote", "--proxy-password", SECRET)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("who", ["", "me@", "me:wrong@", ":@", f"me:{SECRET}x@"])
def test_others_need_the_password(open_town: Town, scheme: str, who: str) -> None:
    """Where the proxy listens for others, whoever does not know the password gets 407, and nothing leaves."""
    port = open_town.proxy.address.rpartition(":")[2]
    before = open_town.inside.counts
    reply = curl(
        f"http://{who}127.0.0.1:{port}",
        open_town.inside.url("/", scheme=scheme),
        "--cacert",
        str(open_town.proxy.ca),
    )

    assert (407 if scheme == "http" else 0) == reply.status  # curl shows no answer to a refused CONNECT
    assert b"fairwitness" not in reply.body
    assert before == open_town.inside.counts


def test_a_connect_without_the_password_is_refused(open_town: Town) -> None:
    """Before its host is even looked at."""
    with RawClient(open_town.proxy.address) as client:
        assert 407 == client.connect(open_town.inside.host_port).status


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_who_knows_the_password_is_let_through(open_town: Town, scheme: str) -> None:
    """Its name is the label; the password is kept nowhere and sent to nobody."""
    port = open_town.proxy.address.rpartition(":")[2]
    url = open_town.inside.url(f"/{scheme}", scheme=scheme)
    reply = curl(f"http://burp:{SECRET}@127.0.0.1:{port}", url, "--cacert", str(open_town.proxy.ca))
    row = open_town.proxy.wait_for_row(lambda row: row.url == url and row.outcome == "complete")

    assert 200 == reply.status
    assert "burp" == row.label
    (seen,) = open_town.inside.requests_for(f"/{scheme}")
    assert SECRET not in repr(seen)
    for file in open_town.proxy.evidence.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes()
    assert SECRET not in open_town.proxy.stderr
