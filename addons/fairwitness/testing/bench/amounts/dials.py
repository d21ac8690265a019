"""What is sent to a server while it is being dialled, or says nothing."""

from __future__ import annotations

import contextlib

from fairwitness.testing.client import RawClient
from fairwitness.testing.deaf import deaf, mute
from fairwitness.testing.hello import client_hello
from fairwitness.testing.socks import read_exactly, socks_request
from fairwitness.testing.town import Town

_MIB = bytes(1 << 20)


def upload(town: Town, mib: int) -> None:
    """An allowed upload over HTTP/1."""
    with deaf(town.inside), town.client() as client:
        head = f"POST {town.inside.url('/dialled', scheme='http')} HTTP/1.1\r\nHost: {town.inside.host_port}"
        client.send(f"{head}\r\nContent-Length: {mib << 20}\r\n\r\n".encode())
        _pour(client, mib)


def ahead_of_connect(town: Town, mib: int) -> None:
    """Bytes behind a CONNECT that waits for its answer."""
    with deaf(town.inside), town.client() as client:
        client.send(
            f"CONNECT {town.inside.host_port} HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode()
        )
        _pour(client, mib)


def ahead_of_socks(town: Town, mib: int) -> None:
    """Bytes behind a SOCKS request that does."""
    with deaf(town.inside), town.client() as client:
        client.send(b"\x05\x01\x00")
        read_exactly(client, 2)
        client.send(socks_request(town.inside.name, town.inside.port))
        _pour(client, mib)


def into_a_tunnel(town: Town, mib: int) -> None:
    """Bytes behind the TLS hello that opens a tunnel."""
    with deaf(town.login), town.client() as client:
        client.connect(town.login.host_port)
        client.send(client_hello(town.login.name))
        _pour(client, mib)


def behind_a_hello(town: Town, mib: int) -> None:
    """Bytes behind the client's TLS hello, which the server's handshake has to answer first."""
    with mute(town.inside), town.client() as client:
        client.connect(town.inside.host_port)
        client.send(client_hello(town.inside.name))
        _pour(client, mib)


def _pour(client: RawClient, mib: int) -> None:
    with contextlib.suppress(OSError):
        client.send_while_read(_MIB, mib)
