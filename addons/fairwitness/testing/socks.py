"""The client's side of a SOCKS5 handshake, with whatever a test wants in it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from fairwitness.testing.client import Disconnected, RawClient

SUCCEEDED = 0
NOT_ALLOWED = 2
UNREACHABLE = 4
NOT_SUPPORTED = 7

SocksHost = str | bytes | IPv4Address | IPv6Address
"""A name, or an address in its binary form."""


def socks_request(host: SocksHost, port: int, *, command: int = 1) -> bytes:
    """The request of RFC 1928: 1 is CONNECT, 2 BIND, 3 UDP ASSOCIATE."""
    if isinstance(host, IPv4Address | IPv6Address):
        place = bytes([1 if host.version == 4 else 4]) + host.packed
    else:
        name = host.encode() if isinstance(host, str) else host
        place = bytes([3, len(name)]) + name
    return bytes([5, command, 0]) + place + port.to_bytes(2, "big")


def socks_sign_in(name: str, password: str) -> bytes:
    """Name and password of RFC 1929."""
    said = (name.encode(), password.encode())
    return b"\x01" + b"".join(bytes([len(each)]) + each for each in said)


def socks_connect(
    client: RawClient, host: SocksHost, port: int, *, login: tuple[str, str] | None = None
) -> int:
    """Shake hands and ask for a connection; the code of the reply, 0 for a yes.

    Args:
        client: A connection on which nothing was sent yet.
        host: Where to.
        port: Where to.
        login: Name and password to sign in with; None: only "no authentication" is offered.

    Raises:
        Disconnected: The proxy ended it before.
    """
    client.send(b"\x05\x01\x02" if login else b"\x05\x01\x00")
    if read_exactly(client, 2) != (b"\x05\x02" if login else b"\x05\x00"):
        raise Disconnected("no way to sign in")
    if login:
        client.send(socks_sign_in(*login))
        if read_exactly(client, 2) != b"\x01\x00":
            raise Disconnected("not signed in")
    client.send(socks_request(host, port))
    return read_exactly(client, 10)[1]


def read_exactly(client: RawClient, count: int) -> bytes:
    """So many bytes.

    Raises:
        Disconnected: Fewer came.
    """
    whole = b""
    while len(whole) < count:
        data = client.read(count - len(whole))
        if not data:
            raise Disconnected(f"after {len(whole)} of {count} bytes")
        whole += data
    return whole
