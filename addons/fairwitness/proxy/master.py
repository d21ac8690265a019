"""mitmproxy's master with only the addons that are needed, and a short way to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from mitmproxy import addonmanager, exceptions, hooks, master, options
from mitmproxy.addons import core, disable_h2c, errorcheck, next_layer, proxyserver, tlsconfig

from fairwitness.proxy.chain import back
from fairwitness.proxy.front import Front
from fairwitness.proxy.wiring import Wiring


class LeanAddons(addonmanager.AddonManager):
    """Calls only those who listen; mitmproxy walks all addons twice for every hook.

    A class, because it remembers who listens as long as the chain is the same.
    """

    def __init__(self, of: master.Master) -> None:
        super().__init__(of)  # type: ignore[no-untyped-call]
        self._listeners: dict[str, list[Callable[..., Any]]] = {}
        self._of_chain: list[Any] = []

    def _who_listens(self, event: hooks.Hook) -> list[Callable[..., Any]]:
        if self._of_chain != self.chain:
            self._of_chain, self._listeners = list(self.chain), {}
        found = self._listeners.get(event.name)
        if found is None:
            found = [func for addon in self.chain for _, func in self._iter_hooks(addon, event)]
            self._listeners[event.name] = found
        return found

    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        """As mitmproxy's, without the `update` hook that none of our addons has."""
        await self.trigger_event(event)

    async def trigger_event(self, event: hooks.Hook) -> None:
        """Call who listens, in the chain's order."""
        for listener in self._who_listens(event):
            if hasattr(listener, "fails_closed"):
                await listener(*event.args())
                continue
            try:
                with addonmanager.safecall():
                    result = listener(*event.args())
                    if result is not None and hasattr(result, "__await__"):
                        await result
            except exceptions.AddonHalt:
                return


class LeanMaster(master.Master):
    """Runs the proxy with our addons first and last."""

    def __init__(self, opts: options.Options, wiring: Wiring, *, refuses_foreign_users: bool) -> None:
        super().__init__(opts, event_loop=asyncio.get_running_loop())
        self.addons = LeanAddons(self)
        self.proxyserver = proxyserver.Proxyserver()
        self.is_running = asyncio.Event()
        self.addons.add(  # type: ignore[no-untyped-call]
            Front(wiring, refuses_foreign_users=refuses_foreign_users),
            core.Core(),
            disable_h2c.DisableH2C(),
            self.proxyserver,
            next_layer.NextLayer(),
            tlsconfig.TlsConfig(),
            errorcheck.ErrorCheck(),
            *back(wiring),
        )

    async def running(self) -> None:
        """All addons have started."""
        await super().running()
        self.is_running.set()
