"""What a TLS ClientHello says in the clear, read from its raw bytes."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass

TLS_HANDSHAKE = 0x16
_CLIENT_HELLO = 0x01
_SERVER_NAME = 0
_ALPN = 16
MAX_HELLO_BYTES = 1 << 16  # a hello with post-quantum keys is below 2 KiB; this only bounds the wait


@dataclass(frozen=True, slots=True)
class Hello:
    """One ClientHello that reached an origin."""

    connection: int
    """Number of the TCP connection that carried it, from 1."""
    sni: str | None
    """The server name as it stood there; None where none was sent."""
    alpn: tuple[str, ...]


class _Bytes:
    """A cursor that refuses to read past the end (IndexError) where slicing would shorten."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise IndexError(f"{count} bytes wanted at {self._at} of {len(self._data)}")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width))

    def vector(self, width: int) -> bytes:
        return self.take(self.number(width))

    @property
    def left(self) -> bool:
        return self._at < len(self._data)


def handshake_message(records: bytes) -> bytes | None:
    """The first handshake message in these TLS records; None while it is not whole.

    Raises:
        ValueError: They are no handshake records.
    """
    message, rest = b"", _Bytes(records)
    while rest.left:
        try:
            kind = rest.number(1)
            rest.take(2)
            piece = rest.vector(2)
        except IndexError:
            return None
        if kind != TLS_HANDSHAKE:
            raise ValueError(f"record of type {kind} inside a ClientHello")
        message += piece
        if len(message) >= 4 and len(message) >= 4 + int.from_bytes(message[1:4]):
            return message[: 4 + int.from_bytes(message[1:4])]
    return None


def read_hello(message: bytes, *, connection: int) -> Hello:
    """The server name and protocols that a ClientHello offers.

    Raises:
        ValueError: *message* is no ClientHello.
    """
    if message[:1] != bytes([_CLIENT_HELLO]):
        raise ValueError("no ClientHello")
    sni: str | None = None
    alpn: tuple[str, ...] = ()
    try:
        body = _Bytes(message[4:])
        body.take(2 + 32)  # version and random
        body.vector(1)  # session
        body.vector(2)  # ciphers
        body.vector(1)  # compression
        extensions = _Bytes(body.vector(2) if body.left else b"")
        while extensions.left:
            kind, content = extensions.number(2), _Bytes(extensions.vector(2))
            if kind == _SERVER_NAME:
                names = _Bytes(content.vector(2))
                names.take(1)
                sni = names.vector(2).decode("latin-1")
            elif kind == _ALPN:
                alpn = _protocols(_Bytes(content.vector(2)))
    except IndexError as error:
        raise ValueError(f"ClientHello is cut: {error}") from error
    return Hello(connection, sni, alpn)


def _protocols(offered: _Bytes) -> tuple[str, ...]:
    names = []
    while offered.left:
        names.append(offered.vector(1).decode("latin-1"))
    return tuple(names)


def with_another_name(record: bytes, name: str, *, is_first: bool) -> bytes:
    """A hello, one record, with a second server_name extension, before or behind those that it has."""
    body = _Bytes(record[5 + 4 :])
    fixed = body.take(2 + 32)
    for width in (1, 2, 1):  # session, ciphers, compression
        piece = body.vector(width)
        fixed += len(piece).to_bytes(width) + piece
    extensions = body.vector(2)
    entry = b"\0" + _counted(name.encode())
    added = _SERVER_NAME.to_bytes(2) + _counted(_counted(entry))
    message = fixed + _counted(added + extensions if is_first else extensions + added)
    return record[:3] + _counted(bytes([_CLIENT_HELLO]) + len(message).to_bytes(3) + message)


def _counted(content: bytes) -> bytes:
    return len(content).to_bytes(2) + content


def client_hello(name: str) -> bytes:
    """What Python's own TLS says first to a server of that name: one record."""
    outgoing = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()
