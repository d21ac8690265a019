"""How TLS begins: a client's hello is read once, and TLS to a server that cannot begin is told of.

mitmproxy parses all that has come with every piece of a hello, takes one without end, and has its client
wait for ever for a server of whose name it can make nothing.
"""

from __future__ import annotations

from mitmproxy import tls
from mitmproxy.addons import next_layer
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import layer, layers
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import tls as tls_layers

from fairwitness.proxy.brakes import Braking

_MOST_BYTES = 1 << 16  # browsers' are under 3 KiB
_RECORD_HEAD_BYTES = 5
_MESSAGE_HEAD_BYTES = 4
_UNPROVEN = "Certificate verify failed: the server has shown none"  # which some ciphers allow
_NOT_BEGUN = "TLS to the server could not be begun; has its name an odd form?"


class _Coming:
    """How much of a hello is there.  A class, because it goes on where it stopped."""

    def __init__(self) -> None:
        self._at = 0
        self._length = bytearray()
        self._message_bytes = 0

    def is_over(self, came: bytearray) -> bool:
        """Whether there is nothing to wait for: it is whole, too long, or no hello at all."""
        while len(came) >= self._at + _RECORD_HEAD_BYTES:
            content = self._at + _RECORD_HEAD_BYTES
            end = content + int.from_bytes(came[content - 2 : content], "big")
            if end == content or not starts_like_tls_record(bytes(came[self._at : content])):
                return True
            if end > len(came):
                break
            self._at = end
            self._message_bytes += end - content
            self._length += came[content : min(end, content + _MESSAGE_HEAD_BYTES - len(self._length))]
            if self._is_whole():
                return True
        return len(came) > _MOST_BYTES

    def _is_whole(self) -> bool:
        announced = int.from_bytes(self._length[1:_MESSAGE_HEAD_BYTES], "big")
        return len(self._length) == _MESSAGE_HEAD_BYTES <= self._message_bytes - announced


class PatientTls(Braking, tls_layers.ClientTLSLayer):
    """TLS of the client; it is not read from while that of the server is begun."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._hello = _Coming()

    def receive_handshake_data(self, data: bytes) -> layer.CommandGenerator[tuple[bool, str | None]]:
        """Let it be parsed once there is something to parse."""
        if self.client_hello_parsed:
            return (yield from super().receive_handshake_data(data))
        self.recv_buffer += data
        if not self._hello.is_over(self.recv_buffer):
            return False, None
        return (yield from super().receive_handshake_data(b""))


class AnsweringTls(tls_layers.ServerTLSLayer):
    """TLS to a server, which must have shown a certificate; what could not be begun is told to who waits."""

    _is_begun = False

    def start_handshake(self) -> layer.CommandGenerator[None]:
        """Fail at once where no hello can be sent."""
        yield from super().start_handshake()
        if not self._is_begun and not self.wait_for_clienthello:
            yield from self.on_handshake_error(_NOT_BEGUN)
            yield from self._handshake_finished(_NOT_BEGUN)

    def receive_handshake_data(self, data: bytes) -> layer.CommandGenerator[tuple[bool, str | None]]:
        """Remember what comes of the first hello: mitmproxy looks only at what comes of later data."""
        is_over, failure = yield from super().receive_handshake_data(data)
        self._is_begun = failure is None
        if is_over and self.tls.get_peer_certificate() is None:
            return False, _UNPROVEN
        return is_over, failure


_parse_hello = tls_layers.parse_client_hello


def _bounded_hello(data: bytes) -> tls.ClientHello | None:
    if len(data) > _MOST_BYTES:
        raise ValueError("the TLS hello is too long")
    return _parse_hello(data)


def mend_hellos() -> None:
    """Let hellos be read so, for this process."""
    tls_layers.parse_client_hello = _bounded_hello
    for module in (tls_layers, layers, next_layer):
        module.ClientTLSLayer = PatientTls  # type: ignore[attr-defined]
        module.ServerTLSLayer = AnsweringTls  # type: ignore[attr-defined]
