"""A bug in a hook blocks its traffic.

mitmproxy logs what a hook raises and forwards the request.  Here every hook is wrapped: what it raises
blocks the exchange and closes its connection.  The wrapper is ``async``: a plain one around an ``async``
hook would never run it, and block nothing.  A task that is cancelled freezes its flow, and SystemExit ends
the process: nothing leaves then either.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import traceback
from collections.abc import Awaitable, Callable
from pathlib import PurePath
from typing import Any, TypeVar

from mitmproxy import connection, flow, http, tcp, tls
from mitmproxy.proxy import layer, server_hooks

from fairwitness.errors import EvidenceError
from fairwitness.proxy.layers import Upload
from fairwitness.proxy.socks import Handshake
from fairwitness.proxy.websockets import ControlFrame
from fairwitness.proxy.wiring import Wiring

LIFECYCLE = frozenset({"load", "configure", "running", "done", "add_log"})

_Addon = TypeVar("_Addon")


def fails_closed(hooks: frozenset[str]) -> Callable[[type[_Addon]], type[_Addon]]:
    """Wrap every hook of an addon class.  The class must have a ``_wiring``.

    Args:
        hooks: Names of all hooks that there are.
    """

    def wrap_class(addon: type[_Addon]) -> type[_Addon]:
        for name, function in list(vars(addon).items()):
            if name in hooks and name not in LIFECYCLE:
                setattr(addon, name, _guarded(name, function))
        return addon

    return wrap_class


def _guarded(name: str, hook: Callable[..., Any]) -> Callable[..., Awaitable[None]]:
    is_async = inspect.iscoroutinefunction(hook)

    @functools.wraps(hook)
    async def guarded(self: Any, event: Any) -> None:
        try:
            if is_async:
                await hook(self, event)
            else:
                hook(self, event)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if is_async and (task is None or task.cancelling()):
                raise
            neutralise(event, self._wiring)  # nobody cancelled this: it came out of something called
            self._wiring.witness.fault(name, place_of(error))
        except Exception as error:  # noqa: BLE001 - mitmproxy would log this and forward the request
            neutralise(event, self._wiring)
            tell_of(error, name, self._wiring)

    guarded.fails_closed = True  # type: ignore[attr-defined]
    return guarded


def tell_of(error: Exception, where: str, wiring: Wiring) -> None:
    """A store that fails is no bug of *where*, and is told in its own words; all else is."""
    if isinstance(error, EvidenceError):
        wiring.witness.store_failed(error)
    else:
        wiring.witness.fault(where, place_of(error))


def guarded_tee(
    tee: Callable[[bytes], bytes], *, fail: Callable[[Exception], None]
) -> Callable[[bytes], bytes]:
    """A tee that never raises: mitmproxy would drop that chunk alone and forward the later ones.

    Args:
        tee: Keeps a chunk and returns what may pass.
        fail: Called once, with the error, when the tee has failed; must cut the connection.
    """
    has_failed = False

    def guarded(chunk: bytes) -> bytes:
        nonlocal has_failed
        if has_failed:
            return b""
        try:
            return tee(chunk)
        except Exception as error:  # noqa: BLE001 - what cannot be kept must not pass
            has_failed = True
            fail(error)
            return b""

    guarded.fails_closed = True  # type: ignore[attr-defined]
    return guarded


def place_of(error: BaseException) -> str:
    """Kind and place of an error, never its message: that may quote the traffic."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    return f"{type(error).__name__} in {PurePath(frames[-1].filename).name}:{frames[-1].lineno}"


def neutralise(event: object, wiring: Wiring) -> None:
    """Let nothing of this event go on, and close the connections that it came over."""
    client = _stop(event)
    if client is not None:
        wiring.cut(client.id)


def _stop(event: object) -> connection.Client | None:
    """Mark the event itself as refused.  The client's connection, which is to be cut."""
    match event:
        case Upload(flow=exchange) | ControlFrame(flow=exchange):
            _stop_flow(exchange)
            return exchange.client_conn
        case flow.Flow():
            _stop_flow(event)
            return event.client_conn
        case server_hooks.ServerConnectionHookData():
            event.server.error = "fairwitness: a bug in a hook; nothing was sent"
            return event.client
        case tls.ClientHelloData():
            event.ignore_connection = False
            event.establish_server_tls_first = False
            return event.context.client
        case tls.TlsData() | layer.NextLayer():
            return event.context.client
        case Handshake():
            event.refuse()
            return event.client
        case connection.Client():
            event.error = "fairwitness: a bug in a hook"
            return event
    return None


def _stop_flow(stopped: flow.Flow) -> None:
    if isinstance(stopped, http.HTTPFlow):
        stopped.request.stream = False
        if stopped.websocket and stopped.websocket.messages:
            stopped.websocket.messages[-1].drop()
        elif stopped.response is None:
            stopped.response = http.Response.make(503, b"", {"Connection": "close"})
    elif isinstance(stopped, tcp.TCPFlow) and stopped.messages:
        stopped.messages[-1].content = b""
    if stopped.killable:
        stopped.kill()
