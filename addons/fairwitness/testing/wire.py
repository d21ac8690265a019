"""The bytes of one accepted connection, in the clear or inside TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Protocol

CHUNK_BYTES = 1 << 16


class Wire(Protocol):
    """What the servers of this package read from and write to."""

    async def read(self) -> bytes:
        """Some bytes; empty at the end."""

    async def write(self, data: bytes) -> None:
        """Send, and wait while the other side is slow."""

    async def close(self) -> None:
        """End it in good order."""

    def abort(self) -> None:
        """Cut it off."""


class PlainWire:
    """A connection without TLS, of which *first* was read already."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes) -> None:
        self._reader = reader
        self._writer = writer
        self._first = first

    async def read(self) -> bytes:
        """Some bytes; empty at the end."""
        if self._first:
            first, self._first = self._first, b""
            return first
        return await self._reader.read(CHUNK_BYTES)

    async def write(self, data: bytes) -> None:
        """Send, and wait while the other side is slow."""
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        """End it in good order."""
        self._writer.close()

    def abort(self) -> None:
        """Cut it off."""
        self._writer.transport.abort()


class TlsWire:
    """The inside of a TLS connection whose first records were read already.

    The records are fed by hand, since asyncio's own TLS cannot be given bytes that it has not read.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        first: bytes,
        context: ssl.SSLContext,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._incoming.write(first)
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def first_words(self) -> bytes:
        """What is to be said to the hello, unsent; in TLS 1.3 all of a handshake that a server says."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()
        return self._outgoing.read()

    async def handshake(self) -> None:
        """Finish the handshake.

        Raises:
            ssl.SSLError: The client would not have it.
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._refill()
            else:
                await self._flush()
                return

    @property
    def alpn(self) -> str | None:
        """The protocol that both sides agreed on."""
        return self._tls.selected_alpn_protocol()

    async def read(self) -> bytes:
        """Some bytes; empty at the end."""
        while True:
            try:
                return self._tls.read(CHUNK_BYTES)
            except ssl.SSLWantReadError:
                await self._refill()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    async def write(self, data: bytes) -> None:
        """Send, and wait while the other side is slow."""
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view) :]
        await self._flush()

    async def close(self) -> None:
        """End it in good order: our close_notify goes out, the other side's is not waited for."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass
        if not self._writer.is_closing():
            await self._flush()
        self._writer.close()

    def abort(self) -> None:
        """Cut it off."""
        self._writer.transport.abort()

    async def _refill(self) -> None:
        await self._flush()
        data = await self._reader.read(CHUNK_BYTES)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            self._writer.write(data)
            await self._writer.drain()
