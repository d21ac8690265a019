"""First in the chain: nothing is decided yet, so nothing goes."""

from __future__ import annotations

import os

from mitmproxy import connection, ctx, dns, http
from mitmproxy.proxy import server_hooks

from fairwitness.proxy.fail_closed import fails_closed
from fairwitness.proxy.hooks import ALL_HOOKS
from fairwitness.proxy.peer import owner_of
from fairwitness.proxy.settings import refuse_remote, refuse_unsafe
from fairwitness.proxy.wiring import Wiring

UNDECIDED = "fairwitness: not decided"
UNDECIDED_ANSWER = http.Response.make(503, b"", {"Cache-Control": "no-store"})
"""Stands for every request that is not decided yet, and is what it gets if nobody ever decides."""


@fails_closed(ALL_HOOKS)
class Front:
    """Turns mitmproxy's "no objection means go" into "no decision means stop"."""

    name = "fairwitness-front"

    def __init__(self, wiring: Wiring, *, refuses_foreign_users: bool) -> None:
        self._wiring = wiring
        self._refuses_foreign_users = refuses_foreign_users

    def configure(self, updated: set[str]) -> None:
        """Veto options that open a way round the gates."""
        refuse_unsafe(ctx.options, updated, mode=self._wiring.mode)
        if self._refuses_foreign_users and updated & {"listen_host", "mode"}:
            refuse_remote(ctx.options)

    def client_connected(self, client: connection.Client) -> None:
        """Refuse clients while the gate cannot open, and other users' processes."""
        witness = self._wiring.witness
        if witness.is_closed:
            client.error = f"fairwitness: {witness.gate_reason}"
        elif self._refuses_foreign_users:
            self._refuse_foreign_user(client)
        if client.error is None:
            self._wiring.caller(client).opened_us = witness.now_us()

    def _refuse_foreign_user(self, client: connection.Client) -> None:
        # Of a peer that has reset the connection the system knows no address any more.
        owner = owner_of(client.peername[:2], client.sockname[:2]) if client.peername else None
        if owner is None:
            client.error = "fairwitness: gone before it could be asked whose process it is"
        elif owner != os.getuid():
            client.error = "fairwitness: a process of another user"
            self._wiring.witness.incident("a client of another user id was refused")

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Not decided yet: the last addon takes this back once the dial is on record."""
        data.server.error = UNDECIDED

    def request(self, flow: http.HTTPFlow) -> None:
        """Not decided yet: the last addon takes this back once the request is on record."""
        if flow.response is None and flow.id not in self._wiring.exchanges:
            flow.response = UNDECIDED_ANSWER

    def dns_request(self, flow: dns.DNSFlow) -> None:
        """Names are never resolved for clients."""
        flow.kill()
