"""A client that sends exactly what a test says, through a proxy or not."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import h11

from fairwitness.testing.tally import PATIENCE_S, Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response as a client read it."""

    status: int
    headers: Headers = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first value of a header, None where it is absent."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), None)


class Disconnected(Exception):  # noqa: N818 - an outcome that tests ask for, not a fault
    """The other side ended the connection before a response was whole."""


class RawClient:
    """One TCP connection, plain at first, with TLS on demand.

    A class, because it owns a socket and the bytes read ahead of it.

    Args:
        address: ``host:port`` of the proxy or origin.
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket: socket.socket = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
        self._ahead = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def port(self) -> int:
        """Its own."""
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        """End it."""
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def send_what_fits(self, data: bytes) -> int:
        """Send as much of *data* as the kernel takes at once; gives how many bytes it took."""
        try:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def send_while_read(self, piece: bytes, count: int, *, patience_s: float = 0.5) -> int:
        """Send *piece* so often, or until nobody has read on for so long; gives how many were sent whole."""
        before = self._socket.gettimeout()
        self._socket.settimeout(patience_s)
        try:
            for number in range(count):
                try:
                    self._socket.sendall(piece)
                except TimeoutError:
                    return number
        finally:
            self._socket.settimeout(before)
        return count

    def be_patient(self, seconds: float) -> None:
        """Wait so long whenever the other side says or takes nothing."""
        self._socket.settimeout(seconds)

    def half_close(self) -> None:
        """Say that nothing more will be sent, and go on reading."""
        self._socket.shutdown(socket.SHUT_WR)

    def request(
        self,
        target: str,
        *,
        host: str,
        method: str = "GET",
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Reply:
        """Send a request whose target and Host header are given apart, and read the response."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        return self.reply(method=method)

    def connect(self, authority: str, *, headers: Sequence[tuple[str, str]] = ()) -> Reply:
        """Send a CONNECT; a status of 2xx means that the tunnel is open."""
        lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
        lines += [f"{name}: {value}" for name, value in headers]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))
        return self.reply(method="CONNECT")

    def start_tls(
        self,
        sni: str | None,
        *,
        ca: Path,
        alpn: Sequence[str] = ("http/1.1",),
        expects: str | None = None,
        resumes: Self | None = None,
    ) -> str | None:
        """Speak TLS from here on, trusting *ca*; gives the protocol agreed on.

        Args:
            sni: Server name to send; None: none.
            ca: PEM file of the authority that must have signed the certificate.
            alpn: Protocols to offer; none: no such extension.
            expects: Name that the certificate must be good for; None: any.
            resumes: A client whose TLS session is to go on here.

        Raises:
            ssl.SSLError: The certificate is not signed by *ca*, or the other side would not have it.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(ca)
        context.check_hostname = expects is not None
        if alpn:
            context.set_alpn_protocols(list(alpn))
        session = None
        if resumes is not None:
            assert isinstance(resumes._socket, ssl.SSLSocket)
            context, session = resumes._socket.context, resumes._socket.session
        secure = context.wrap_socket(self._socket, server_hostname=sni, session=session)
        self._socket = secure
        return secure.selected_alpn_protocol()

    @property
    def selected_protocol(self) -> str | None:
        """What ALPN agreed on."""
        assert isinstance(self._socket, ssl.SSLSocket)
        return self._socket.selected_alpn_protocol()

    @property
    def is_resumed(self) -> bool:
        """Whether the other side went on with an earlier TLS session."""
        assert isinstance(self._socket, ssl.SSLSocket)
        return bool(self._socket.session_reused)

    @property
    def certificate(self) -> bytes:
        """DER of the certificate that the other side showed."""
        assert isinstance(self._socket, ssl.SSLSocket)
        return self._socket.getpeercert(binary_form=True) or b""

    def read(self, count: int = 1 << 16) -> bytes:
        """Some bytes; empty when the other side ended or cut the connection."""
        if self._ahead:
            ahead, self._ahead = self._ahead[:count], self._ahead[count:]
            return ahead
        try:
            return self._socket.recv(count)
        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    def read_until_end(self) -> bytes:
        """All bytes until the other side ends the connection."""
        whole = b""
        while data := self.read():
            whole += data
        return whole

    def reply(self, *, method: str = "GET", sink: Callable[[bytes], object] | None = None) -> Reply:
        """Read one response; *method* tells whether it can have a body.

        With *sink*, it gets the body piece by piece, and the reply has none.

        Raises:
            Disconnected: The connection ended before the response did.
        """
        parts: list[bytes] = []
        take = sink or parts.append
        head = self._read_head(method)
        if isinstance(head, Reply):
            return head
        http, response = head
        while True:
            event = self._event(http)
            if isinstance(event, h11.Data):
                take(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self._ahead = http.trailing_data[0]
                return _reply(response, b"".join(parts))
            else:
                raise Disconnected("within a body")

    def _read_head(self, method: str) -> Reply | tuple[h11.Connection, h11.Response]:
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
        # the state machine wants to have sent what it reads the answer to; its bytes are thrown away
        upgrade = [("Upgrade", "any"), ("Connection", "Upgrade")]
        http.send(h11.Request(method=method, target="/", headers=[("Host", "any"), *upgrade]))
        http.send(h11.EndOfMessage())
        while True:
            event = self._event(http)
            if isinstance(event, h11.Response):
                if method == "CONNECT" and 200 <= event.status_code < 300:
                    self._ahead = http.trailing_data[0]
                    return _reply(event, b"")
                return http, event
            if isinstance(event, h11.InformationalResponse):
                if event.status_code == 101:
                    self._ahead = http.trailing_data[0]
                    return _reply(event, b"")
            else:
                raise Disconnected("before a response")

    def _event(self, http: h11.Connection) -> h11.Event | None:
        while True:
            try:
                event = http.next_event()
            except h11.RemoteProtocolError as error:
                raise Disconnected(str(error)) from error
            if isinstance(event, h11.Event):
                return event
            if event is h11.PAUSED:
                return None
            http.receive_data(self.read())


def curl(proxy: str | None, url: str, *arguments: str, timeout: float = PATIENCE_S) -> Reply:
    """What curl gets; *proxy* is a proxy's URL.  A status of 0 means that no response came at all.

    With a CONNECT that was refused, status and headers are the proxy's answer to it.
    """
    command = ["curl", "--silent", "--include", "--max-time", str(timeout), "--suppress-connect-headers"]
    if proxy is not None:
        command += ["--proxy", proxy]
    done = subprocess.run(
        [*command, *arguments, url],
        capture_output=True,
        timeout=timeout + 5,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/") and head.split()[1].startswith(b"1"):
        head, _, body = body.partition(b"\r\n\r\n")
    if not head:
        return Reply(status=0, body=done.stderr)
    lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:]]
    return Reply(status=int(head.split()[1]), headers=tuple((n, v) for n, _, v in lines), body=body)


def _reply(response: h11.Response | h11.InformationalResponse, body: bytes) -> Reply:
    return Reply(status=response.status_code, headers=tuple(response.headers.raw_items()), body=body)
