"""SOCKS5 on the proxy's own port: told from HTTP by the first byte, then decided as a CONNECT is.

mitmproxy's SOCKS layer dials before it asks, knows no label, and waits for a slow client without end.

Source:
    RFC 1928 (SOCKS5), RFC 1929 (user name and password).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from mitmproxy import connection
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import modes

from fairwitness.proxy.brakes import Braking

SUCCEEDED = 0
NOT_ALLOWED = 2
UNREACHABLE = 4
_NOT_SUPPORTED = 7
_NO_SUCH_ADDRESS_TYPE = 8

BY_NOTHING = 0
BY_PASSWORD = 2
_BY_NO_WAY = 0xFF

_VERSION, _OLD_VERSION = 5, 4
_CONNECT = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_NO_ADDRESS = bytes([0, _IPV4, 0, 0, 0, 0, 0, 0])  # reserved, kind, address, port
_SOCKS4_REJECTED = bytes([0, 0x5B, 0, 0, 0, 0, 0, 0])
_HANDSHAKE_S = 5  # programs send it in one go; nobody types it


@dataclass(slots=True)
class Handshake:
    """What a SOCKS client has said, and what it is to be told: no, unless a hook says otherwise."""

    client: connection.Client
    offered: bytes = b""
    """The ways of signing in that it knows."""
    way: int = _BY_NO_WAY
    name: str | None = None
    password: str = ""
    is_known: bool = False
    """Whether name and password are good."""
    host: str = ""
    port: int = 0
    reply: int = NOT_ALLOWED
    is_dialled_first: bool = False
    """Whether the server is dialled before the reply, as for a CONNECT that is decrypted."""
    tells_failure: bool = False
    """Whether a failed dial is told in the reply, because nobody would read it inside."""

    def refuse(self) -> None:
        """Take back every yes."""
        self.way, self.is_known, self.reply = _BY_NO_WAY, False, NOT_ALLOWED


@dataclass
class SocksGreetingHook(commands.StartHook):
    """Which way of signing in is it to be?"""

    handshake: Handshake


@dataclass
class SocksSignInHook(commands.StartHook):
    """Are name and password good?"""

    handshake: Handshake


@dataclass
class SocksConnectHook(commands.StartHook):
    """May it be connected to host and port?"""

    handshake: Handshake


class SocksOrHttp(Braking):
    """The first layer of a connection to a port that speaks both.

    A class, because mitmproxy wants one; also keeps what has come of the handshake.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._came = b""
        self._handshake = Handshake(context.client)
        self._step: Callable[[], layer.CommandGenerator[None]] = self._first_byte
        self._child: layer.Layer | None = None
        self._is_over = False

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.Wakeup):
            if self._child is None:
                yield from self._end()
        elif self._child is not None:
            yield from self._child.handle_event(event)
        elif isinstance(event, events.ConnectionClosed):
            yield from self._end()
        elif isinstance(event, events.DataReceived) and not self._is_over:
            self._came += event.data
            yield from self._step()

    def _end(self, last_words: bytes = b"") -> layer.CommandGenerator[None]:
        self._is_over = True
        self._came = b""
        if last_words:
            yield commands.SendData(self.context.client, last_words)
        yield commands.CloseConnection(self.context.client)

    def _take(self, count: int) -> bytes:
        taken, self._came = self._came[:count], self._came[count:]
        return taken

    def _go_on(self, child: layer.Layer) -> layer.CommandGenerator[None]:
        """Leave the connection, and what came too early, to *child*."""
        self._child = child
        yield from child.handle_event(events.Start())
        if self._came:
            yield from child.handle_event(
                events.DataReceived(self.context.client, self._take(len(self._came)))
            )

    def _first_byte(self) -> layer.CommandGenerator[None]:
        if self._came[0] == _VERSION:
            yield commands.RequestWakeup(_HANDSHAKE_S)
            self._step = self._greeting
            yield from self._greeting()
        elif self._came[0] == _OLD_VERSION:
            yield from self._end(_SOCKS4_REJECTED)
        else:
            self.context.layers.remove(self)  # mitmproxy looks for its own at the top
            yield from self._go_on(modes.HttpProxy(self.context))

    def _greeting(self) -> layer.CommandGenerator[None]:
        if len(self._came) < 2 or len(self._came) < 2 + self._came[1]:
            return
        self._handshake.offered = self._take(2 + self._came[1])[2:]
        yield SocksGreetingHook(self._handshake)
        if self._handshake.way == _BY_NO_WAY or self._handshake.way not in self._handshake.offered:
            yield from self._end(bytes([_VERSION, _BY_NO_WAY]))
            return
        yield commands.SendData(self.context.client, bytes([_VERSION, self._handshake.way]))
        self._step = self._sign_in if self._handshake.way == BY_PASSWORD else self._request
        yield from self._step()

    def _sign_in(self) -> layer.CommandGenerator[None]:
        came = self._came
        if len(came) < 2 or len(came) < 3 + came[1] or len(came) < 3 + came[1] + came[2 + came[1]]:
            return
        version, name_bytes = came[0], came[1]
        if version != 1:
            yield from self._end()
            return
        said = self._take(3 + name_bytes + came[2 + name_bytes])
        self._handshake.name = said[2 : 2 + name_bytes].decode("utf-8", "replace")
        self._handshake.password = said[3 + name_bytes :].decode("utf-8", "replace")
        yield SocksSignInHook(self._handshake)
        if not self._handshake.is_known:
            yield from self._end(b"\x01\x01")
            return
        yield commands.SendData(self.context.client, b"\x01\x00")
        self._step = self._request
        yield from self._request()

    def _request(self) -> layer.CommandGenerator[None]:
        if len(self._came) < 5:
            return
        version, command, reserved, kind, first = self._came[:5]
        length = {_IPV4: 4, _IPV6: 16, _NAME: 1 + first}.get(kind)
        if version != _VERSION or reserved != 0:
            yield from self._end()
        elif command != _CONNECT:  # neither BIND nor UDP
            yield from self._end(_reply(_NOT_SUPPORTED))
        elif length is None:
            yield from self._end(_reply(_NO_SUCH_ADDRESS_TYPE))
        elif len(self._came) >= 4 + length + 2:
            said = self._take(4 + length + 2)
            self._handshake.host = _host(kind, said[4:-2])
            self._handshake.port = int.from_bytes(said[-2:], "big")
            yield from self._connect()

    def _connect(self) -> layer.CommandGenerator[None]:
        asked = self._handshake
        yield SocksConnectHook(asked)
        if asked.reply == SUCCEEDED:
            self.context.server.address = (asked.host, asked.port)
            if asked.is_dialled_first:
                failure = yield commands.OpenConnection(self.context.server)
                if failure and asked.tells_failure:
                    asked.reply = UNREACHABLE
        if asked.reply != SUCCEEDED:
            yield from self._end(_reply(asked.reply))
            return
        yield commands.SendData(self.context.client, _reply(SUCCEEDED))
        yield from self._go_on(layer.NextLayer(self.context))


def speak_socks() -> None:
    """Put our layer in the place of mitmproxy's own, for this process."""
    modes.Socks5Proxy = SocksOrHttp  # type: ignore[misc, assignment]


def _reply(code: int) -> bytes:
    return bytes([_VERSION, code]) + _NO_ADDRESS


def _host(kind: int, said: bytes) -> str:
    """As it is dialled; a name that is no ASCII has no canonical form, so it is blocked."""
    if kind == _NAME:
        return said[1:].decode("ascii", "replace")
    return str(ipaddress.ip_address(said))
