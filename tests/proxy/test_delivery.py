"""An event whose task is cancelled while it waits is told all the same."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

import pytest
from mitmproxy import connection, options
from mitmproxy.proxy import commands, context, events, layer, server, server_hooks

from fairwitness.proxy.delivery import mend_delivery


class _Listener(layer.Layer):
    """Remembers what it is told."""

    def __init__(self, whole: context.Context) -> None:
        super().__init__(whole)
        self.told: list[str] = []

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        self.told.append(type(event).__name__)
        yield from ()


class _Handler(server.ConnectionHandler):
    """mitmproxy's own, without hooks."""

    async def handle_hook(self, hook: commands.StartHook) -> None:
        """None is run."""


async def _told_while_cancelled(data: bytes) -> list[str]:
    opts = options.Options()
    opts.add_option("tcp_timeout", int, 600, "")
    client = connection.Client(
        peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), state=connection.ConnectionState.OPEN
    )
    whole = context.Context(client, opts)
    handler = _Handler(whole)
    handler.layer = listener = _Listener(whole)
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    handler.transports[client] = server.ConnectionIO(reader=reader, writer=writer)
    async with handler._server_event_lock:
        task = asyncio.create_task(handler.handle_connection(client))
        theirs.send(data)
        theirs.shutdown(socket.SHUT_WR)
        while not handler._server_event_lock._waiters and not task.done():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0)
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    theirs.close()
    assert not handler.transports
    return listener.told


@pytest.mark.parametrize(("data", "told"), [(b"last words", ["DataReceived"]), (b"", [])])
def test_a_connection_that_is_cancelled_while_it_tells_has_told_its_end(data: bytes, told: list[str]) -> None:
    """What it waited to tell is told, then that it ended; nothing of it is kept."""
    mend_delivery()

    assert [*told, "ConnectionClosed"] == asyncio.run(_told_while_cancelled(data))


async def _told_of_a_server_that_goes_at_once() -> list[str]:
    opts = options.Options()
    opts.add_option("tcp_timeout", int, 600, "")
    client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2))
    whole = context.Context(client, opts)
    handler = _Handler(whole)
    handler.layer = listener = _Listener(whole)
    loop = asyncio.get_running_loop()
    connect = loop.sock_connect
    with socket.create_server(("127.0.0.1", 0)) as server_socket:

        async def connect_and_lose(sock: socket.socket, address: tuple[str, int]) -> None:
            await connect(sock, address)
            accepted, _ = server_socket.accept()
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            accepted.close()

        loop.sock_connect = connect_and_lose  # type: ignore[method-assign]
        dialled = connection.Server(address=server_socket.getsockname())
        await handler.open_connection(commands.OpenConnection(dialled))
    assert not handler.transports
    assert dialled.state is connection.ConnectionState.CLOSED
    return listener.told


def test_a_server_that_is_gone_before_its_address_is_asked_for_is_told_of() -> None:
    """Who waits for the connection hears that there is none."""
    mend_delivery()

    assert ["OpenConnectionCompleted"] == asyncio.run(_told_of_a_server_that_goes_at_once())


async def _told_of_a_dial_whose_client_leaves() -> list[str]:
    opts = options.Options()
    client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2))
    whole = context.Context(client, opts)
    handler = _Handler(whole)
    handler.layer = listener = _Listener(whole)
    is_asked = asyncio.Event()

    async def decide(hook: commands.StartHook) -> None:
        if isinstance(hook, server_hooks.ServerConnectHook):
            is_asked.set()
            await asyncio.Event().wait()

    handler.handle_hook = decide  # type: ignore[method-assign, assignment]
    dialled = connection.Server(address=("127.0.0.1", 9))
    task = asyncio.create_task(handler.open_connection(commands.OpenConnection(dialled)))
    await is_asked.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return listener.told


def test_a_dial_whose_client_leaves_while_it_is_decided_is_told_of() -> None:
    """Who waits for the connection hears that there is none, so that the record has an end."""
    mend_delivery()

    assert ["OpenConnectionCompleted"] == asyncio.run(_told_of_a_dial_whose_client_leaves())
