"""One of each kind of traffic, and the question whether all of it is on record."""

from __future__ import annotations

import contextlib
import itertools
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

from wsproto.events import CloseConnection, Ping, TextMessage

from fairwitness.testing.client import Disconnected, RawClient
from fairwitness.testing.client_websocket import WebSocketClient
from fairwitness.testing.hang_up import HangUp, When
from fairwitness.testing.proxy import Proxy
from fairwitness.testing.socks import SUCCEEDED, socks_connect
from fairwitness.testing.tally import sent_in
from fairwitness.testing.town import Town

LEFT = (Disconnected, OSError, ssl.SSLError, ValueError)
"""How an errand through a broken proxy may end."""
DEAD = "dead.test:9"
"""A host in scope where nobody listens."""
_WORDS = (
    "oak",
    "elm",
    "ash",
    "fir",
    "yew",
    "box",
    "bay",
    "fig",
    "pear",
    "plum",
    "lime",
    "palm",
    "pine",
    "rose",
    "fern",
    "moss",
)
_LOOKED_S = 3.0  # the policy file is looked at twice a second

Errand = Callable[[Town, Proxy, str], None]
"""Sends traffic that carries a mark."""


def another_proxy(town: Town, folder: Path, program: list[str]) -> Proxy:
    """A proxy on the town's origins and the dead host; not started yet."""
    return Proxy(
        folder,
        policy=town.policy_text(more_include=[f"http://{DEAD}"]),
        upstream_ca=town.authority.pem,
        resolve=[*(origin.resolve for origin in town.origins), f"{DEAD}:127.0.0.2"],
        arguments=["--mode", "socks5"],
        program=program,
    )


def attempt(errand: Errand, town: Town, proxy: Proxy, mark: str) -> str:
    """Run it; it may fail in any way, which is what the counters are for.  Says in which."""
    try:
        errand(town, proxy, mark)
    except LEFT as error:
        return repr(error)
    return "it was answered"


def errands_for(hook: str) -> tuple[Errand, ...]:
    """Those that make a hook be called, the likeliest first."""
    special: dict[str, tuple[Errand, ...]] = {
        "append_flag": (flagged,),
        "append_note": (noted,),
        "append_message": (socket,),
        "tcp": (raw,),
        "websocket": (socket,),
        "control": (socket,),
        "upload": (upload,),
        "upload_cut": (left,),
        "socks": (socks,),
        "error": (broken,),
        "tls": (https, hung_up),
        "server": (https, dead),
    }
    return special.get(hook) or special.get(hook.partition("_")[0], EVERYTHING)


def unlogged(town: Town, proxy: Proxy, mark: str) -> list[str]:
    """What reached an origin and is not on record, and whatever reached one that is out of scope."""
    rows = [row for row in proxy.rows() if row.decision != "block"]
    logged = {row.url.split("/", 3)[-1] for row in rows}
    messages = {
        content
        for row in rows
        if row.method == "TCP" or mark in row.url
        for content in sent_in(proxy.record(row))
    }
    seen = [each.target.decode()[1:] for each in town.inside.requests if mark in each.target.decode()]
    said = [
        each.content
        for each in itertools.chain(town.inside.messages, town.tcp.messages)
        if mark.encode() in each.content
    ]
    tunnels = sum(row.scope_list == "tunnel" for row in rows)
    in_tunnels = sum(mark in each.path for each in town.login.requests)
    found = [f"the origin saw {target}" for target in seen if target not in logged]
    found += [f"the origin was told {content!r}" for content in said if content not in messages]
    if in_tunnels > tunnels:
        found.append(f"{in_tunnels} requests in {tunnels} tunnels")
    if town.outside.counts != (0, 0, 0):
        found.append(f"the outside was touched: {town.outside.counts}")
    return found


@contextlib.contextmanager
def inside(town: Town, proxy: Proxy) -> Iterator[RawClient]:
    """A TLS connection to the origin in scope."""
    with RawClient(proxy.address) as client:
        client.connect(town.inside.host_port)
        client.start_tls("in.test", ca=proxy.ca)
        yield client


def https(town: Town, proxy: Proxy, mark: str) -> None:
    """A request inside TLS."""
    with inside(town, proxy) as client:
        client.request(f"/{mark}/https", host=town.inside.host_port)


def http(town: Town, proxy: Proxy, mark: str) -> None:
    """A plain request."""
    with RawClient(proxy.address) as client:
        client.request(town.inside.url(f"/{mark}/http", scheme="http"), host=town.inside.host_port)


def upload(town: Town, proxy: Proxy, mark: str) -> None:
    """A body that is longer than what is decided whole."""
    with inside(town, proxy) as client:
        send_upload(client, town, mark, 1_500_000)
        client.reply(method="POST")


def send_upload(
    client: RawClient, town: Town, mark: str, size: int, *, filler: Callable[[int], bytes] = b"u".__mul__
) -> None:
    """The request of an upload, without waiting for its answer."""
    _begin_upload(client, town, f"/{mark}/upload", size)
    for at in range(0, size, 1 << 16):
        client.send(filler(min(1 << 16, size - at)))


def left(town: Town, proxy: Proxy, mark: str) -> None:
    """An upload that is answered at once, and whose client leaves in its middle."""
    with inside(town, proxy) as client:
        _begin_upload(client, town, f"/early/{mark}", 3_000_000)
        client.send(b"u" * 1_500_000)
        client.reply(method="POST")


def _begin_upload(client: RawClient, town: Town, path: str, size: int) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: {town.inside.host_port}\r\nContent-Length: {size}\r\n\r\n"
    client.send(head.encode())


def socket(town: Town, proxy: Proxy, mark: str) -> None:
    """A WebSocket with a text, a ping and a close."""
    with inside(town, proxy) as client:
        talk = WebSocketClient(client)
        if talk.handshake(f"/{mark}/ws", host=town.inside.host_port).status == 101:
            talk.send(TextMessage(data=f"{mark}-text"))
            talk.receive()
            talk.send(Ping(payload=mark.encode()[-100:]))
            talk.receive()
            talk.send(CloseConnection(code=1000))
            client.read_until_end()


def raw(town: Town, proxy: Proxy, mark: str) -> None:
    """Raw bytes where the policy names host and port."""
    with RawClient(proxy.address) as client:
        client.connect(town.tcp.host_port)
        client.send(b"SSH-2.0-" + mark.encode() + b"\r\n")
        client.read()
        client.half_close()
        client.read_until_end()


def tunnel(town: Town, proxy: Proxy, mark: str) -> None:
    """What passes undecrypted."""
    with RawClient(proxy.address) as client:
        client.connect(town.login.host_port)
        client.start_tls("login.test", ca=town.authority.pem)
        client.request(f"/{mark}/tunnel", host=town.login.host_port)


def socks(town: Town, proxy: Proxy, mark: str) -> None:
    """SOCKS5 to a host in scope, and to one outside."""
    for host, origin in (("in.test", town.inside), ("out.test", town.outside)):
        with RawClient(proxy.address) as client, contextlib.suppress(*LEFT):
            if socks_connect(client, host, origin.port, login=("me", "any")) == SUCCEEDED:
                client.request(f"/{mark}/socks", host=origin.host_port)


def strangers(town: Town, proxy: Proxy, mark: str) -> None:
    """What is out of scope, plain and inside TLS."""
    with RawClient(proxy.address) as client, contextlib.suppress(*LEFT):
        client.request(town.outside.url(f"/{mark}", scheme="http"), host=town.outside.host_port)
    with RawClient(proxy.address) as client:
        client.connect(town.outside.host_port)
        client.start_tls("out.test", ca=proxy.ca)
        client.request(f"/{mark}", host=town.outside.host_port)


def dead(_: Town, proxy: Proxy, mark: str) -> None:
    """A host where nobody listens."""
    with RawClient(proxy.address) as client:
        client.request(f"http://{DEAD}/{mark}", host=DEAD)


def broken(town: Town, proxy: Proxy, mark: str) -> None:
    """An answer that breaks off."""
    with RawClient(proxy.address) as client:
        client.request(town.inside.url(f"/broken/100?{mark}", scheme="http"), host=town.inside.host_port)


def hung_up(town: Town, proxy: Proxy, mark: str) -> None:
    """A server that goes in the middle of TLS."""
    town.inside.hangs_up = HangUp(When.IN_ITS_HELLO, is_reset=False)
    try:
        https(town, proxy, mark)
    finally:
        town.inside.hangs_up = None


def flagged(town: Town, proxy: Proxy, mark: str) -> None:
    """A request that a rule flags, anew each time: of paths alike it would make one flag."""
    words = "/".join(_WORDS[int(digit, 16)] for digit in mark[:4])
    with inside(town, proxy) as client:
        client.request(f"/{words}/1?{mark}", host=town.inside.host_port, method="DELETE")


def noted(_: Town, proxy: Proxy, mark: str) -> None:
    """A policy file that is broken on save, which the log takes a note of, and is mended again."""
    before, whole = len(proxy.told), proxy.policy_file.read_text()
    proxy.policy_file.write_text(f"scope: [{mark}")
    try:
        proxy.wait_for(
            lambda told: told.text("state") in {"broken", "failed", "gate-closed"},
            "that it is broken",
            after=before,
            timeout=_LOOKED_S,
        )
    finally:
        proxy.policy_file.write_text(whole)


EVERYTHING: tuple[Errand, ...] = (https, http, upload, socket, raw, tunnel, socks, strangers, dead, broken)
