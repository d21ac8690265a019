"""A server that says exactly what a test says, when the test says it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from fairwitness.testing.authority import Authority
from fairwitness.testing.hello import TLS_HANDSHAKE
from fairwitness.testing.tally import PATIENCE_S

Play = Callable[["Peer"], None]
"""What a server does with one connection; it is closed afterwards."""


class Peer:
    """One connection to the server, in the clear or decrypted, that remembers what came.

    A class, because the test looks on while the server's thread reads.
    """

    def __init__(self, plug: socket.socket) -> None:
        self._plug = plug
        self.has_certificate = isinstance(plug, ssl.SSLSocket) and plug.getpeercert(True) is not None
        """Whether the client has shown one."""
        self._came = bytearray()
        self._read_over = 0

    @property
    def came(self) -> bytes:
        """Every byte so far."""
        return bytes(self._came)

    def read(self) -> bytes:
        """Some bytes; empty at the end."""
        try:
            data = self._plug.recv(1 << 16)
        except (ConnectionError, ssl.SSLError):
            return b""
        self._came += data
        return data

    def read_until(self, end: bytes) -> bool:
        """Read over the next *end*; whether it came."""
        while (at := self._came.find(end, self._read_over)) < 0:
            self._read_over = max(self._read_over, len(self._came) - len(end))
            if not self.read():
                return False
        self._read_over = at + len(end)
        return True

    def read_bytes(self, count: int) -> bool:
        """Read over the next *count* bytes; whether they came."""
        self._read_over += count
        while len(self._came) < self._read_over:
            if not self.read():
                return False
        return True

    def read_to_the_end(self) -> None:
        """Read until the other side says no more."""
        while self.read():
            pass

    def say(self, words: bytes) -> None:
        """Send bytes as they are."""
        self._plug.sendall(words)


class Scripted:
    """A threaded server on a port of its own, plain and TLS, whose every connection is *play*.

    It asks for a client's certificate, and takes who has none.

    Args:
        authority: Signs its leaf; None: it speaks no TLS.
        name: Host name that it is good for.
        address: Loopback address to bind.
        is_anonymous: Whether it speaks TLS 1.2 without a certificate.
    """

    def __init__(
        self,
        authority: Authority | None,
        name: str = "raw.test",
        *,
        address: str,
        is_anonymous: bool = False,
    ) -> None:
        self._listener = socket.create_server((address, 0))
        self._context: ssl.SSLContext | None = None
        if authority is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(authority.leaf([name]))
            self._context.load_verify_locations(authority.pem)
            self._context.verify_mode = ssl.CERT_OPTIONAL
        if self._context is not None and is_anonymous:
            self._context.verify_mode = ssl.CERT_NONE
            self._context.maximum_version = ssl.TLSVersion.TLSv1_2
            self._context.set_ciphers("aNULL:@SECLEVEL=0")
        self.name = name
        self.host = f"{name}:{self._listener.getsockname()[1]}"
        """``name:port``."""
        self.resolve = f"{self.host}:{address}"
        """As ``--resolve`` takes it."""
        self.play: Play = Peer.read_to_the_end
        """Told anew by each test."""
        self.accepts = 0
        """TCP connections so far."""
        self.peers: list[Peer] = []
        """Those that came as far as to speak, in the order in which they did."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def url(self, path: str, *, scheme: str = "https") -> str:
        """A URL of it."""
        return f"{scheme}://{self.host}{path}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plug, _ = self._listener.accept()
                self.accepts += 1
                threading.Thread(target=self._serve, args=(plug,), daemon=True).start()

    def _serve(self, plug: socket.socket) -> None:
        plug.settimeout(PATIENCE_S)
        with contextlib.suppress(OSError), plug:
            if self._context is None or plug.recv(1, socket.MSG_PEEK) != bytes([TLS_HANDSHAKE]):
                self._talk(plug)
                return
            with self._context.wrap_socket(plug, server_side=True) as secure:
                self._talk(secure)

    def _talk(self, plug: socket.socket) -> None:
        self.peers.append(peer := Peer(plug))
        self.play(peer)
