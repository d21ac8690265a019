"""Whose process a connection on loopback belongs to."""

import os
import socket
import subprocess
import sys

import pytest

from fairwitness.proxy.peer import is_foreign

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")


def test_our_own_connections_are_not_foreign() -> None:
    """The same user id on both ends."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        accepted, client = server.accept()
        with accepted:
            assert not is_foreign(client, server.getsockname())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_users_connection_is_foreign() -> None:
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
                assert is_foreign(client, server.getsockname())
            assert child.stdin is not None
            child.stdin.close()
