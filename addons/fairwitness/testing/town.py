"""A small internet on loopback with a proxy in front: one origin for each list of the scope."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from fairwitness.testing.authority import Authority
from fairwitness.testing.client import RawClient, Reply, curl
from fairwitness.testing.client_websocket import WebSocketClient
from fairwitness.testing.origin import Origin
from fairwitness.testing.policy_text import Written, policy_text
from fairwitness.testing.proxy import Proxy

BLOCKED = 403
GREETING = b"SSH-2.0-lab\r\n"


class Town:
    """Origins and a proxy that reaches all of them by name, those out of scope too: a leak would arrive.

    ============  =============================  =========================================
    origin        name, address                  list
    ============  =============================  =========================================
    ``inside``    in.test, 127.0.0.2             include (``http://`` and ``https://`` entries)
    ``outside``   out.test, 127.0.0.3            none; its certificate is good for in.test too
    ``cdn``       cdn.test, 127.0.0.4            load
    ``login``     login.test, 127.0.0.5          tunnel
    ``chatter``   telemetry.test, 127.0.0.6      noise
    ``mine``      callback.test, 127.0.0.7       mine
    ``tcp``       tcp.test, 127.0.0.8            include, by name and port; raw, greets like SSH
    ``side``      in.test, 127.0.0.9             none: another port of an included name
    ============  =============================  =========================================

    Args:
        authority: Signs the origins.
        folder: Where the proxy's files lie.
        include: Entries for the include list beside those above, given the town.
        arguments: Further arguments of ``run``.
        program: What Python is to run in place of fairwitness itself.
        policy: Further keys of policy.yaml.
    """

    def __init__(
        self,
        authority: Authority,
        folder: Path,
        *,
        include: Callable[[Town], Sequence[str]] | None = None,
        arguments: Sequence[str] = (),
        program: Sequence[str] = ("-m", "fairwitness"),
        **policy: Written,
    ) -> None:
        self._stack = contextlib.ExitStack()
        self._include = include
        self._policy = policy
        self._arguments = arguments
        self._program = program
        self._folder = folder
        self.authority = authority
        """What the origins are signed by."""
        self.inside = Origin(authority, ["in.test", "127.0.0.2"], address="127.0.0.2")
        self.outside = Origin(authority, ["out.test", "in.test", "127.0.0.3"], address="127.0.0.3")
        self.cdn = Origin(authority, ["cdn.test"], address="127.0.0.4")
        self.login = Origin(authority, ["login.test"], address="127.0.0.5")
        self.chatter = Origin(authority, ["telemetry.test"], address="127.0.0.6")
        self.mine = Origin(authority, ["callback.test"], address="127.0.0.7")
        self.tcp = Origin(authority, ["tcp.test"], address="127.0.0.8", raw=True, greeting=GREETING)
        self.side = Origin(authority, ["in.test"], address="127.0.0.9")

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for origin in self.origins:
                stack.enter_context(origin)
            self.proxy = stack.enter_context(self.another_proxy())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def origins(self) -> tuple[Origin, ...]:
        """All of them."""
        return (
            self.inside,
            self.outside,
            self.cdn,
            self.login,
            self.chatter,
            self.mine,
            self.tcp,
            self.side,
        )

    @property
    def listed(self) -> tuple[Origin, ...]:
        """Those that the policy lets through."""
        return self.inside, self.cdn, self.login, self.mine, self.tcp

    @property
    def strangers_asked_for(self) -> frozenset[str]:
        """Names that the proxy looked up and that are no listed origin's."""
        return self.proxy.looked_up - {origin.address for origin in self.listed}

    def policy_text(self, *, more_include: Sequence[str] = (), **policy: Written) -> str:
        """This town's policy.yaml, with more entries or other keys where wished."""
        inside = self.inside.host_port
        return policy_text(
            include=[
                f"http://{inside}",
                f"https://{inside}",
                self.tcp.host_port,
                *(self._include(self) if self._include else ()),
                *more_include,
            ],
            load=[self.cdn.host_port],
            tunnel=[self.login.host_port],
            noise=[self.chatter.host_port],
            mine=[self.mine.host_port],
            **{**self._policy, **policy},  # type: ignore[arg-type]  # keys of the file, checked by its reader
        )

    def another_proxy(self) -> Proxy:
        """A proxy like the town's on the same folder, for when the first has ended; not started yet."""
        return Proxy(
            self._folder,
            policy=self.policy_text(),
            upstream_ca=self.authority.pem,
            resolve=[origin.resolve for origin in self.origins],
            arguments=self._arguments,
            program=self._program,
        )

    def curl(self, url: str, *arguments: str, label: str | None = None) -> Reply:
        """What curl gets through the proxy, trusting the proxy's CA only."""
        proxy = self.proxy.url if label is None else f"http://{label}@{self.proxy.address}"
        return curl(proxy, url, "--cacert", str(self.proxy.ca), *arguments)

    def client(self) -> RawClient:
        """A connection to the proxy on which nothing was sent yet."""
        return RawClient(self.proxy.address)

    @contextlib.contextmanager
    def tunnel(
        self,
        origin: Origin,
        *,
        sni: str | None = "",
        alpn: Sequence[str] = ("http/1.1",),
        connect: str | None = None,
    ) -> Iterator[RawClient]:
        """A connection inside CONNECT and TLS, as far as the proxy lets it come; trusts the proxy's CA only.

        Args:
            origin: Where CONNECT goes.
            sni: Server name; empty: the origin's own; None: none.
            alpn: Protocols to offer.
            connect: Another authority for CONNECT.
        """
        with self.client() as client:
            client.connect(connect or origin.host_port)
            client.start_tls(origin.name if sni == "" else sni, ca=self.proxy.ca, alpn=alpn)
            yield client

    @contextlib.contextmanager
    def websocket(self, origin: Origin, *, secure: bool) -> Iterator[tuple[WebSocketClient, Reply]]:
        """A WebSocket whose handshake was answered, with that answer."""
        if secure:
            with self.tunnel(origin) as client:
                socket = WebSocketClient(client)
                yield socket, socket.handshake("/ws", host=origin.host_port)
        else:
            with self.client() as client:
                socket = WebSocketClient(client)
                yield socket, socket.handshake(origin.url("/ws", scheme="http"), host=origin.host_port)


def is_blocked(reply: Reply) -> bool:
    """Whether this is the proxy's own block answer, as a tool gets it."""
    told = reply.header("x-fairwitness") or ""
    return reply.status == BLOCKED and told.startswith("blocked; id=")
