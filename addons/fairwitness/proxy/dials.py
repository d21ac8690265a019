"""Connections to servers: on record before a name is looked up, followed until they close."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import ssl
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mitmproxy import connection, tls
from mitmproxy.proxy import server_hooks

from fairwitness.model.connection import Connection
from fairwitness.model.exchange import Destination
from fairwitness.model.verdict import Action, ScopeList, Verdict
from fairwitness.proxy.answers import OUR_REFUSAL, UNREACHABLE
from fairwitness.proxy.fail_closed import fails_closed
from fairwitness.proxy.front import UNDECIDED
from fairwitness.proxy.hooks import ALL_HOOKS
from fairwitness.proxy.tickets import Dial, begin
from fairwitness.proxy.wiring import Caller, LiveDial, Wiring

_NOT_TRUSTED = "Certificate"  # mitmproxy's own words: who has shown a wrong one is not asked again


@fails_closed(ALL_HOOKS)
class Dials:
    """Last in the chain: takes back the first addon's "not decided" for what may be dialled."""

    name = "fairwitness-dials"

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._witness = wiring.witness

    async def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Decide on a dial, write it down, and issue its tickets."""
        server = data.server
        if server.error != UNDECIDED:
            return
        if server.address is None or server.transport_protocol != "tcp" or server.via is not None:
            server.error = f"{OUR_REFUSAL}only direct TCP connections are made"
            return
        caller = self._wiring.caller(data.client)
        host, port = server.address[:2]
        refusal = self._refused_kind(caller)
        if refusal is not None:
            server.error = f"{OUR_REFUSAL}{refusal}"
            return
        asked = Connection(
            connection=secrets.token_hex(16),
            client=caller.client,
            dialled_us=self._witness.now_us(),
            host=host,
            port=port,
            purpose=_purpose(caller),
            scope_list="",
            sni=data.client.sni,
            resolved_by="override" if self._witness.dialling.override(host, port) else "dns",
        )
        destinations = self._destinations(server, caller)
        verdict = await self._witness.dialling.ask(asked, destinations)
        if not verdict.is_released:
            caller.refused = verdict if caller.connect else None
            server.error = f"{OUR_REFUSAL}{verdict.reason}"
            return
        if server.error != UNDECIDED:
            return
        asked = replace(asked, scope_list=verdict.scope_list.value if verdict.scope_list else "")
        dial = Dial(
            host,
            port,
            self._refuser(host, port, verdict.scope_list),
            self._witness.dialling.override(host, port),
        )
        refusal = dial.admit_literal()
        if refusal is not None:
            self._witness.dialling.ended(
                replace(asked, closed_us=self._witness.now_us(), failure=refusal, resolved_by="literal")
            )
            self._tell_inside(caller, verdict, f"{OUR_REFUSAL}{refusal}")
            server.error = f"{OUR_REFUSAL}{refusal}"
            return
        self._wiring.dials[server.id] = LiveDial(asked, dial, verdict, destinations)
        begin(dial)
        server.error = None

    def _refused_kind(self, caller: Caller) -> str | None:
        """What the client's own connection forbids, whatever the policy says of the host."""
        if caller.refused is not None:
            return caller.refused.reason
        if caller.is_tunnel and caller.asked is None:
            return "a tunnel is dialled only after its TLS hello was read"
        return None

    def _destinations(self, server: connection.Server, caller: Caller) -> tuple[Destination, ...]:
        assert server.address is not None
        host, port = server.address[:2]
        if caller.asked is not None:
            return caller.asked.request.destinations
        scheme = "https" if server.tls or caller.connect is not None else "http"
        found = [Destination("dial", scheme, host, port)]
        if caller.connect is not None:
            found.append(Destination("connect", scheme, *caller.connect))
        return tuple(found)

    def _refuser(self, host: str, port: int, scope_list: ScopeList | None) -> Callable[[Any], str | None]:
        def refuse(addresses: Any) -> str | None:
            for own_host, own_port, *_ in self._wiring.listens():
                if port == own_port and any(_is_here(each, own_host) for each in addresses):
                    return f"{host}:{port} is this proxy itself"
            return self._witness.dialling.refuse_addresses(host, port, scope_list, addresses)

        return refuse

    def server_connected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """It stands: count what a tunnel carries, since nobody else sees it."""
        live = self._wiring.dials.get(data.server.id)
        if live is None:
            self._wiring.cut(data.client.id)
            return
        peer = data.server.peername
        live.connection = replace(
            live.connection,
            connected_us=self._witness.now_us(),
            addresses=live.dial.addresses,
            resolved_by=live.dial.resolved_by,
            peer=f"{peer[0]}:{peer[1]}" if peer else None,
        )
        if live.connection.purpose == "tunnel":
            self._count(data, live)

    def _count(self, data: server_hooks.ServerConnectionHookData, live: LiveDial) -> None:
        transport = self._wiring.handlers()[data.client.id].transports[data.server]
        writer, reader = transport.writer, transport.reader
        assert writer is not None
        assert reader is not None
        write, read = writer.write, reader.read
        caller = self._wiring.caller(data.client)

        def may_go_on() -> bool:
            return caller.asked is not None and self._wiring.may_go_on(caller.asked)

        def counted_write(chunk: bytes) -> None:
            if not may_go_on():
                writer.close()
                return
            live.sent += len(chunk)
            write(chunk)

        async def counted_read(n: int = -1) -> bytes:
            chunk: bytes = await read(n)
            if not may_go_on():
                writer.close()
                return b""
            live.received += len(chunk)
            return chunk

        writer.write = counted_write  # type: ignore[method-assign, assignment]
        reader.read = counted_read  # type: ignore[method-assign]

    def tls_established_server(self, data: tls.TlsData) -> None:
        """Note what was agreed on, and who the server said it was."""
        live = self._wiring.dials.get(data.conn.id)
        if live is None:
            return
        chain = data.conn.certificate_list
        live.connection = replace(
            live.connection,
            sni=data.conn.sni,
            tls_version=data.conn.tls_version,
            alpn=data.conn.alpn.decode("latin-1") if data.conn.alpn else None,
            certificate_sha256=hashlib.sha256(
                b"".join(ssl.PEM_cert_to_DER_cert(each.to_pem().decode()) for each in chain)
            ).hexdigest()
            if chain
            else None,
        )

    def tls_failed_server(self, data: tls.TlsData) -> None:
        """Note why; mitmproxy would not dial for this client again, and a server may come back."""
        live = self._wiring.dials.get(data.conn.id)
        failure = data.conn.error or ""
        if live is not None and not failure.startswith(_NOT_TRUSTED):
            live.connection = replace(live.connection, failure=failure)
            data.conn.error = None

    def server_connect_error(self, data: server_hooks.ServerConnectionHookData) -> None:
        """It could not be made, or was refused after its name was looked up."""
        live = self._wiring.dials.pop(data.server.id, None)
        if live is None:
            return
        failure = data.server.error or "not connected"
        caller = self._wiring.callers.get(data.client.id)
        if OUR_REFUSAL not in failure and caller is not None and caller.has_spoken:
            data.server.error = None  # mitmproxy would not dial for this client again; a server may come back
        elif caller is not None and caller.asked is None:
            self._tell_inside(caller, live.verdict, failure)
        self._end(data, live, failure=failure)

    def server_disconnected(self, data: server_hooks.ServerConnectionHookData) -> None:
        """It is over."""
        live = self._wiring.dials.pop(data.server.id, None)
        if live is not None:
            self._end(data, live, failure=data.server.error)

    def _tell_inside(self, caller: Caller, verdict: Verdict, failure: str) -> None:
        """A CONNECT that failed is answered inside, where a person can read why."""
        if caller.connect is not None:
            is_ours = OUR_REFUSAL in failure
            caller.refused = replace(
                verdict,
                action=Action.BLOCK,
                clauses=verdict.clauses if is_ours else (UNREACHABLE,),
                reason=failure.removeprefix(OUR_REFUSAL),
            )

    def _end(
        self, data: server_hooks.ServerConnectionHookData, live: LiveDial, *, failure: str | None
    ) -> None:
        is_tunnel = live.connection.purpose == "tunnel"
        self._witness.dialling.ended(
            replace(
                live.connection,
                closed_us=self._witness.now_us(),
                addresses=live.dial.addresses,
                resolved_by=live.dial.resolved_by,
                bytes_sent=live.sent if is_tunnel else None,
                bytes_received=live.received if is_tunnel else None,
                failure=failure or live.connection.failure,
            )
        )
        caller = self._wiring.callers.get(data.client.id)
        if is_tunnel and caller is not None and caller.asked is not None:
            asked, caller.asked, caller.has_spoken = caller.asked, None, True
            self._witness.failed(asked, None, failure)


def _is_here(address: str, own_host: str) -> bool:
    """Whether a listener on *own_host* is reached by an address, in whichever notation."""
    reached = ipaddress.ip_address(address)
    plain = getattr(reached, "ipv4_mapped", None) or reached
    if own_host in ("", "0.0.0.0", "::"):  # noqa: S104 - asked for, not listened on
        return plain.is_loopback or plain.is_unspecified
    return plain.is_unspecified or str(plain) in (own_host, "127.0.0.1", "::1")


def _purpose(caller: Caller) -> str:
    if caller.asked is None:
        return "http"
    return "tunnel" if caller.is_tunnel else "tcp"
