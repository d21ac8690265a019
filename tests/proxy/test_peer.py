"""Whose process a connection on loopback belongs to."""

import os
import socket
import subprocess
import sys

import pytest

from fairwitness.proxy.peer import owner_of

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")


def test_our_own_connection_is_ours() -> None:
    """The same user id on both ends."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        accepted, client = server.accept()
        with accepted:
            assert os.getuid() == owner_of(client, server.getsockname())


def test_a_connection_that_nobody_holds_has_no_owner() -> None:
    """Closed by its process, it is anybody's, although the kernel says that it is root's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
        accepted, client = server.accept()
        with accepted:
            assert owner_of(client, server.getsockname()) is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_users_connection_is_theirs() -> None:
    """A child that has become nobody connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = (
            "import os,socket,sys; os.setuid(65534);"
            f"s=socket.create_connection(('127.0.0.1',{port})); sys.stdin.read()"
        )
        with subprocess.Popen(["/usr/bin/env", "-i", "python3", "-c", code], stdin=subprocess.PIPE) as child:
            accepted, client = server.accept()
            with accepted:
                assert 65534 == owner_of(client, server.getsockname())
            assert child.stdin is not None
            child.stdin.close()
