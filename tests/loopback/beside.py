"""A script beside the launcher in one mitmdump; the file ``act.json`` beside it says what it does now."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mitmproxy import ctx, http
from mitmproxy.exceptions import AddonHalt, OptionsError
from mitmproxy.proxy import server_hooks
from mitmproxy.tls import ClientHelloData

_ACT = Path(__file__).with_name("act.json")
_HOOKS = (
    *("http_connect", "tls_clienthello", "requestheaders", "request", "server_connect", "server_connected"),
    *("websocket_message", "update"),
)


class Act:
    """What a script may do; nothing here."""

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.port = port


class Ignores(Act):
    """Lets TLS pass undecrypted."""

    def tls_clienthello(self, data: ClientHelloData) -> None:
        data.ignore_connection = True


class IgnoresAndHalts(Ignores):
    """The same, and nobody behind it is asked."""

    def tls_clienthello(self, data: ClientHelloData) -> None:
        super().tls_clienthello(data)
        raise AddonHalt


class Rewrites(Act):
    """Sends requests to the stranger."""

    def request(self, flow: http.HTTPFlow) -> None:
        flow.request.host, flow.request.port = "out.test", self.port


class RewritesHeads(Act):
    """The same, before the body has come."""

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        flow.request.host, flow.request.port = "out.test", self.port


class Streams(Act):
    """Lets bodies go before anybody has seen them."""

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        flow.request.stream = True


class StreamsAndHalts(Streams):
    """The same, and nobody behind it is asked."""

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        super().requestheaders(flow)
        raise AddonHalt

    def request(self, flow: http.HTTPFlow) -> None:
        raise AddonHalt


class TakesBackAnswers(Act):
    """Takes block answers away."""

    def request(self, flow: http.HTTPFlow) -> None:
        flow.response = None


class TakesBackAnswersLate(Act):
    """The same, in the hook that is called when all others were."""

    def update(self, flows: list[http.HTTPFlow]) -> None:
        if flows[0].response and flows[0].response.status_code in (403, 503):
            flows[0].response = None


class Halts(Act):
    """Nobody behind it is asked for anything."""

    def http_connect(self, flow: http.HTTPFlow) -> None:
        raise AddonHalt

    requestheaders = request = server_connect = http_connect


class HaltsAndOpens(Act):
    """The same, and what the gates have closed is opened."""

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        data.server.error = None
        raise AddonHalt

    def request(self, flow: http.HTTPFlow) -> None:
        flow.response = None
        raise AddonHalt


class Raises(Act):
    """Is broken."""

    def request(self, flow: http.HTTPFlow) -> None:
        raise RuntimeError

    requestheaders = server_connect = request


class HoldsAndEdits(Act):
    """Edits a request that it has held, as a person does in mitmproxy's window."""

    def request(self, flow: http.HTTPFlow) -> None:
        flow.intercept()
        later(lambda: self.edit(flow))

    def edit(self, flow: http.HTTPFlow) -> None:
        flow.request.path = "/edited"
        flow.resume()


class HoldsAndRewrites(HoldsAndEdits):
    """The same, with the stranger's name."""

    def edit(self, flow: http.HTTPFlow) -> None:
        flow.request.host, flow.request.port = "out.test", self.port
        flow.resume()


class EditsLate(Act):
    """Edits what was decided: in `update`, and when the server is being connected to."""

    def __init__(self, address: str, port: int) -> None:
        super().__init__(address, port)
        self.held: list[http.HTTPFlow] = []

    def request(self, flow: http.HTTPFlow) -> None:
        self.held.append(flow)

    def update(self, flows: list[http.HTTPFlow]) -> None:
        if isinstance(flows[0], http.HTTPFlow) and flows[0].websocket is None:
            flows[0].request.path = "/edited-late"

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        for flow in self.held:
            flow.request.path, flow.request.headers["Host"] = "/edited-late", "out.test"
            flow.request.content = b"edited late"

    server_connected = server_connect


class EditsWhileAsked(Act):
    """Edits a request again and again, also while it is written down."""

    def request(self, flow: http.HTTPFlow) -> None:
        self.editing = asyncio.get_running_loop().create_task(self.edit(flow))

    async def edit(self, flow: http.HTTPFlow) -> None:
        for number in range(2000):
            flow.request.path = f"/edited-{number}"
            await asyncio.sleep(0)


class EditsMessages(Act):
    """Holds messages and edits them."""

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        flow.intercept()
        later(lambda: self.edit(flow))

    def edit(self, flow: http.HTTPFlow) -> None:
        assert flow.websocket is not None
        if flow.websocket.messages[-1].from_client:
            flow.websocket.messages[-1].content = b"edited while held"
        flow.resume()

    def update(self, flows: list[http.HTTPFlow]) -> None:
        if flows[0].websocket and flows[0].websocket.messages[-1].from_client:
            flows[0].websocket.messages[-1].content = b"edited in update"


class DialsItself(Act):
    """Connects by itself, by address, from the hook and from a thread."""

    def request(self, flow: http.HTTPFlow) -> None:
        thread = threading.Thread(target=self.dial)
        thread.start()
        thread.join()
        self.dial()

    def dial(self) -> None:
        with contextlib.suppress(OSError):
            socket.create_connection((self.address, self.port), timeout=2).close()


class LooksUp(Act):
    """Looks the stranger up, and connects by name within a dial that was allowed."""

    def request(self, flow: http.HTTPFlow) -> None:
        forward = (socket.gethostbyname, lambda name: socket.getaddrinfo(name, self.port))
        for ask in (*forward, socket.gethostbyaddr, socket.getfqdn):
            thread = threading.Thread(target=self.ask, args=(ask,))
            thread.start()
            thread.join()

    def ask(self, ask: Callable[[str], object]) -> None:
        with contextlib.suppress(OSError):
            ask("out.test")

    async def server_connected(self, data: server_hooks.ServerConnectionHookData) -> None:
        with contextlib.suppress(OSError):
            socket.gethostbyaddr(self.address)
        with contextlib.suppress(OSError):
            await asyncio.open_connection("out.test", self.port)


class Replays(Act):
    """Sends a request of its own making."""

    def request(self, flow: http.HTTPFlow) -> None:
        if flow.is_replay:
            return
        copy = flow.copy()
        copy.request.host, copy.request.port, copy.request.path = "out.test", self.port, "/replayed"
        ctx.master.commands.call("replay.client", [copy])


class Injects(Act):
    """Sends a message of its own making."""

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        assert flow.websocket is not None
        if len(flow.websocket.messages) == 1 and not flow.websocket.messages[-1].injected:
            ctx.master.commands.call("inject.websocket", flow, False, b"injected")


OPENINGS: tuple[tuple[str, object], ...] = (
    ("allow_hosts", ["in.test"]),
    ("anticache", True),
    ("anticomp", True),
    ("block_list", ["|~all|404"]),
    ("body_size_limit", "1m"),
    ("client_certs", __file__),
    ("client_replay", ["/dev/null"]),
    ("connection_strategy", "lazy"),
    ("http_connect_send_host_header", False),
    ("ignore_hosts", [".*"]),
    ("intercept", "~all"),
    ("keep_host_header", True),
    ("listen_host", "0.0.0.0"),
    ("listen_host", ""),
    ("map_local", [f"|in.test|{__file__}"]),
    ("map_remote", ["|in.test|out.test"]),
    ("mode", ["upstream:http://127.0.0.1:1"]),
    ("mode", ["regular@0.0.0.0:0"]),
    ("mode", ["regular", "dns"]),
    ("modify_body", ["|~q|a|b"]),
    ("modify_headers", ["|~q|Host|out.test"]),
    ("onboarding", True),
    ("proxy_debug", True),
    ("proxyauth", "any"),
    ("rawtcp", True),
    ("server_replay", ["/dev/null"]),
    ("show_ignored_hosts", True),
    ("ssl_insecure", True),
    ("stickyauth", ".*"),
    ("stickycookie", ".*"),
    ("store_streamed_bodies", True),
    ("stream_large_bodies", "1"),
    ("tcp_hosts", [".*"]),
    ("udp_hosts", [".*"]),
    ("upstream_auth", "a:b"),
    ("validate_inbound_headers", False),
    ("websocket", False),
)


class SetsOptions(Act):
    """Sets what would open a way round, and tells what fairwitness let be set."""

    def request(self, flow: http.HTTPFlow) -> None:
        _ACT.with_name("told.json").write_text(json.dumps([each for each in OPENINGS if self.may(*each)]))

    def may(self, name: str, value: object) -> bool:
        if name not in ctx.options:  # mitmproxy 11 has fewer
            return False
        try:
            ctx.options.update(**{name: value})
        except OptionsError as error:
            return "fairwitness" not in str(error)
        return True


class RemovesGates(Act):
    """Throws all addons out of the chain."""

    def request(self, flow: http.HTTPFlow) -> None:
        ctx.master.addons.chain[:] = [each for each in ctx.master.addons.chain if "fairw" not in str(each)]
        for each in list(ctx.master.addons.chain):
            if "airwitness" in type(each).__module__:
                ctx.master.addons.remove(each)


ACTS = {each.__name__: each for each in list(globals().values()) if isinstance(each, type)}
_current: list[Any] = ["", None]


def later(do: Callable[[], None]) -> None:
    """Do it when this hook and those behind it have been called."""
    asyncio.get_running_loop().call_later(0.05, do)


def _act() -> Any:
    text = _ACT.read_text()
    if text != _current[0]:
        wanted = json.loads(text)
        _current[:] = text, ACTS[wanted["act"]](wanted["address"], wanted["port"])
    return _current[1]


def _hook(name: str) -> Callable[[Any], Any]:
    def called(event: Any) -> Any:
        does = getattr(_act(), name, None)
        return does(event) if does else None

    return called


globals().update({name: _hook(name) for name in _HOOKS})
