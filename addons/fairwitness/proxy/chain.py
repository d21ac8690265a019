"""Where our addons stand in mitmproxy's chain: first and last, whatever else is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mitmproxy import addonmanager, exceptions, flow, hooks

from fairwitness.proxy.dials import Dials
from fairwitness.proxy.exchanges import Exchanges
from fairwitness.proxy.front import Front
from fairwitness.proxy.messages import Messages
from fairwitness.proxy.tunnels import Tunnels
from fairwitness.proxy.wiring import Wiring


def back(wiring: Wiring) -> tuple[Any, ...]:
    """The addons that must be last, in their order: what they decide, nobody changes behind them."""
    return Tunnels(wiring), Exchanges(wiring), Messages(wiring), Dials(wiring)


class Ends:
    """Both ends of a chain that others build, as mitmdump does.

    A class, because others are added later, and the ends must be put back each time.

    Args:
        addons: mitmproxy's addon manager.
        wiring: What our addons share.
        refuses_foreign_users: Whether processes of other users are refused.
    """

    def __init__(
        self, addons: addonmanager.AddonManager, wiring: Wiring, *, refuses_foreign_users: bool
    ) -> None:
        self._addons = addons
        self._wiring = wiring
        self._front = Front(wiring, refuses_foreign_users=refuses_foreign_users)
        self._back = back(wiring)
        for each in (self._front, *self._back):
            addons.register(each)
        addons.trigger_event = self._trigger_event  # type: ignore[method-assign]
        addons.handle_lifecycle = self._handle_lifecycle  # type: ignore[method-assign]

    def put_in_place(self) -> None:
        """Stand first and last.  A new list: a hook that is under way keeps walking the old one."""
        self._addons.chain = [self._front, *self._others(), *self._back]

    def _others(self) -> list[Any]:
        own = {id(each) for each in (self._front, *self._back)}
        return [each for each in self._addons.chain if id(each) not in own]

    async def _trigger_event(self, event: hooks.Hook) -> None:
        """As mitmproxy's, but who halts the chain cannot keep the last ones from deciding."""
        await self._call([self._front, *self._others()], event)
        await self._call(self._back, event)

    async def _handle_lifecycle(self, event: hooks.Hook) -> None:
        """As mitmproxy's, but the last ones come after `update`, where a script can change a flow too."""
        about = event.args()[0]
        is_saved = isinstance(about, flow.Flow) and not about.live and about.id not in self._wiring.exchanges
        if not is_saved:
            await self._call([self._front], event)
        await self._call(self._others(), event)
        if isinstance(about, flow.Flow):
            await self._call(self._others(), hooks.UpdateHook([about]))
        if not is_saved:  # one that somebody has opened from a file is shown, and is no traffic
            await self._call(self._back, event)

    async def _call(self, addons: Iterable[Any], event: hooks.Hook) -> None:
        try:
            for each in addons:
                with addonmanager.safecall():
                    await self._addons.invoke_addon(each, event)
        except exceptions.AddonHalt:
            return
