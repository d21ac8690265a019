"""CONNECT, of HTTP and SOCKS: who may be connected to, what passes undecrypted, what is answered inside."""

from __future__ import annotations

import asyncio
import time

from mitmproxy import connection, http, tls
from mitmproxy.proxy import layer
from mitmproxy.proxy.layers import HttpLayer, modes
from mitmproxy.proxy.layers import tls as tls_layers
from mitmproxy.proxy.layers.http import HTTPMode

from fairwitness.model.exchange import Destination, Request
from fairwitness.model.verdict import Action, ScopeList, Verdict
from fairwitness.proxy.answers import block_answer
from fairwitness.proxy.brakes import BrakingTcp
from fairwitness.proxy.fail_closed import fails_closed
from fairwitness.proxy.hooks import ALL_HOOKS
from fairwitness.proxy.ja4 import ja4
from fairwitness.proxy.label import as_label, is_right, label_of, refuse_stranger
from fairwitness.proxy.socks import BY_NOTHING, BY_PASSWORD, SUCCEEDED, Handshake
from fairwitness.proxy.translate import bare_request, content_length, header_of
from fairwitness.proxy.wiring import Caller, Wiring
from fairwitness.witness import Asked, refused

_LONGEST_METHOD = 64  # bytes
_SILENCE_S = 10  # browsers connect ahead of use; they connect again

_SERVER_NAME = 0  # the extension's type
_GREETS_FIRST = frozenset({21, 22, 23, 25, 110, 143, 465, 587, 993, 995, 3306, 5432, 6379})
"""Ports whose clients wait for the server or speak no HTTP: an answer inside would never be read."""


@fails_closed(ALL_HOOKS)
class Tunnels:
    """Decides on CONNECT, and again when the client says hello."""

    name = "fairwitness-tunnels"

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._witness = wiring.witness

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Let mitmproxy connect at once only to what is decrypted; answer all else without a packet."""
        caller = self._wiring.caller(flow.client_conn)
        if refuse_stranger(flow, self._wiring.password, is_inside=False):
            return
        caller.label = label_of(flow) or caller.label
        verdict = self._decide(caller, flow.request.host, flow.request.port)
        if _announces_body(flow):
            caller.refused = verdict = refused(verdict, "a CONNECT with a body could be read in two ways")
            self._answer_connect(flow, caller, verdict)
        elif not verdict.is_released and flow.request.port in _GREETS_FIRST:
            self._answer_connect(flow, caller, verdict)
        elif not verdict.is_released or caller.is_tunnel:
            flow.response = _established(flow)
            self._await_words(flow.client_conn, caller)

    def socks_greeting(self, handshake: Handshake) -> None:
        """With a name where the client has one: it is the label."""
        if BY_PASSWORD in handshake.offered:
            handshake.way = BY_PASSWORD
        elif self._wiring.password is None:
            handshake.way = BY_NOTHING

    def socks_sign_in(self, handshake: Handshake) -> None:
        """The same password as over HTTP, and the same label."""
        handshake.is_known = is_right(handshake.password, self._wiring.password)
        if handshake.is_known and handshake.name:
            self._wiring.caller(handshake.client).label = as_label(handshake.name)

    def socks_connect(self, handshake: Handshake) -> None:
        """Decide as on a CONNECT; what is refused is answered inside, where a person can read why."""
        caller = self._wiring.caller(handshake.client)
        verdict = self._decide(caller, handshake.host, handshake.port)
        handshake.tells_failure = handshake.port in _GREETS_FIRST
        if not verdict.is_released and handshake.tells_failure:
            self._refuse_connect(caller, verdict)
            return
        handshake.reply = SUCCEEDED
        handshake.is_dialled_first = verdict.is_released and not caller.is_tunnel
        if not handshake.is_dialled_first:
            self._await_words(handshake.client, caller)

    def _decide(self, caller: Caller, host: str, port: int) -> Verdict:
        caller.connect = (host, port)
        caller.connect_us = self._witness.now_us()
        verdict = self._witness.preview([self._connect(caller, "https")])
        if not verdict.is_released:
            caller.refused = verdict
        elif verdict.scope_list is ScopeList.TUNNEL:
            caller.is_tunnel = True
        return verdict

    def _await_words(self, client: connection.Client, caller: Caller) -> None:
        asyncio.get_running_loop().call_later(_SILENCE_S, self._cut_silent, client.id, caller)

    def _cut_silent(self, client_id: str, caller: Caller) -> None:
        """Who says nothing inside a refused CONNECT waits for a server that will never greet."""
        if not caller.has_spoken and caller.asked is None and caller.ja4 is None:
            self._wiring.cut(client_id)

    def _connect(self, caller: Caller, scheme: str) -> Destination:
        assert caller.connect is not None
        return Destination("connect", scheme, *caller.connect)

    def _answer_connect(self, flow: http.HTTPFlow, caller: Caller, verdict: Verdict) -> None:
        asked = self._refuse_connect(caller, verdict)
        flow.response = block_answer(asked.request, verdict, asked.id)

    def _refuse_connect(self, caller: Caller, verdict: Verdict) -> Asked:
        caller.has_spoken = True
        return self._witness.refuse(self._bare(caller, verdict, "CONNECT", "https"), verdict)

    def _bare(self, caller: Caller, verdict: Verdict, method: str, scheme: str) -> Request:
        assert caller.connect is not None
        host, port = caller.connect
        return bare_request(
            caller,
            method=method,
            scheme=scheme,
            host=verdict.host or host,
            port=port,
            destinations=(self._connect(caller, scheme),),
        )

    async def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Pass a tunnel undecrypted if its names agree; never start TLS towards what is refused."""
        client = data.context.client
        caller = self._wiring.caller(client)
        hello = data.client_hello
        data.ignore_connection = False
        caller.ja4 = ja4(
            hello.cipher_suites,
            hello.extensions,
            alpn=hello.alpn_protocols,
        )
        if caller.connect is None:
            data.establish_server_tls_first = False
            client.alpn = b"http/1.1"  # to the proxy itself: a CONNECT over HTTP/2 would never be answered
            return
        named = [self._connect(caller, "https")]
        if caller.is_decrypted:
            data.establish_server_tls_first = False
            verdict = refused(self._witness.preview(named), "TLS inside TLS inside a CONNECT is not read")
            self._refuse_connect(caller, verdict)
            self._wiring.cut(client.id)
            return
        caller.is_decrypted = True
        if hello.sni:
            named.append(Destination("sni", "https", hello.sni, caller.connect[1]))
        if caller.is_tunnel and caller.refused is None:
            data.establish_server_tls_first = False
            data.ignore_connection = await self._passes_undecrypted(client, caller, _only_name(hello))
            return
        if caller.refused is not None or not self._witness.preview(named).is_released:
            data.establish_server_tls_first = False
        server = data.context.server
        if server.timestamp_start and not server.connected:  # mitmproxy would wait for it for ever
            data.establish_server_tls_first = False

    def tls_established_client(self, data: tls.TlsData) -> None:
        """TLS to the proxy itself names the proxy, and not where anything goes."""
        if self._wiring.caller(data.context.client).connect is None:
            data.conn.sni = None

    async def _passes_undecrypted(self, client: connection.Client, caller: Caller, sni: str | None) -> bool:
        dialled = self._connect(caller, "https")
        verdict = self._witness.preview([dialled])
        shown = self._witness.preview([Destination("sni", "https", sni, dialled.port)]) if sni else None
        if (
            not verdict.is_released
            or shown is None
            or shown.scope_list is not ScopeList.TUNNEL
            or shown.host != verdict.host
        ):
            caller.refused = _differing(verdict, sni)
            return False
        asked = await self._witness.ask(
            self._bare(caller, verdict, "CONNECT", "https"),
            verdict,
            is_gone=lambda: not client.state & connection.ConnectionState.CAN_READ,
        )
        if not asked.is_released:
            caller.refused = asked.verdict
            return False
        caller.asked = asked
        return True

    def next_layer(self, data: layer.NextLayer) -> None:
        """HTTP and TLS only, unless the policy names host and port: then raw bytes too."""
        if data.layer is None or isinstance(
            data.layer, modes.HttpProxy | tls_layers.ClientTLSLayer | tls_layers.ServerTLSLayer
        ):
            return
        if not isinstance(data.layer, HttpLayer):
            data.layer = HttpLayer(data.context, HTTPMode.transparent)
        client = data.context.client
        caller = self._wiring.caller(client)
        if caller.connect is None or client.tls:
            return
        if _looks_like_http(data.data_client()) and not data.data_server():
            return
        verdict = caller.refused or self._witness.preview([self._connect(caller, "tcp")])
        if verdict.is_released and not caller.is_tunnel:
            data.layer = BrakingTcp(data.context)
            return
        caller.refused = caller.refused or (_raw(verdict) if verdict.is_released else verdict)
        self._wiring.cut(client.id)

    def client_disconnected(self, client: connection.Client) -> None:
        """A refused CONNECT inside which nothing was said is on record too."""
        self._wiring.cut(client.id)  # mitmproxy forgets to where an answer and the client's end meet
        caller = self._wiring.callers.pop(client.id, None)
        if caller is None or caller.connect is None or caller.has_spoken or caller.asked is not None:
            return
        verdict = caller.refused
        if verdict is None and caller.is_tunnel:
            verdict = _differing(self._witness.preview([self._connect(caller, "https")]), None)
        if verdict is not None:
            self._witness.refuse(self._bare(caller, verdict, "CONNECT", "https"), verdict)


def _only_name(hello: tls.ClientHello) -> str | None:
    """The name that a hello shows; none where it shows several, of which a server may take another."""
    return hello.sni if [kind for kind, _ in hello.extensions].count(_SERVER_NAME) == 1 else None


def _announces_body(flow: http.HTTPFlow) -> bool:
    """Whether a CONNECT has one; mitmproxy would take it for what comes inside, without its framing."""
    return bool(header_of(flow, b"transfer-encoding") or content_length(flow))


def _established(flow: http.HTTPFlow) -> http.Response:
    """A yes without a connection: as mitmproxy's own, which has no headers."""
    now = time.time()
    return http.Response(
        flow.request.data.http_version, 200, b"Connection established", http.Headers(), b"", None, now, now
    )


def _differing(verdict: Verdict, sni: str | None) -> Verdict:
    shown = f"the TLS hello names {sni!r}" if sni else "the TLS hello names no host"
    return Verdict(
        action=Action.BLOCK,
        clauses=verdict.clauses,
        reason=f"a tunnel passes only for its own name; {shown}",
        scope_list=verdict.scope_list,
        host=verdict.host,
    )


def _raw(verdict: Verdict) -> Verdict:
    return Verdict(
        action=Action.BLOCK,
        clauses=verdict.clauses,
        reason="raw bytes pass only where an entry names host and port",
        scope_list=verdict.scope_list,
        host=verdict.host,
    )


def _looks_like_http(data: bytes) -> bool:
    """Whether a first line of HTTP may be arriving: a method, and at its end the version."""
    line, newline, _ = data.partition(b"\n")
    method = line.split(b" ", 1)[0]
    if not method or len(method) > _LONGEST_METHOD or not method.strip().isascii():
        return False
    if not all(each.isalnum() or each in "-_!#$%&'*+.^`|~" for each in method.strip().decode("ascii")):
        return False
    return not newline or b" HTTP/" in line
