"""Every part of the proxy broken in turn: nothing reaches an origin that is not on record."""

from __future__ import annotations

import contextlib
import itertools
import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from wsproto.events import CloseConnection, Ping, TextMessage

from fairwitness.proxy.dials import Dials
from fairwitness.proxy.exchanges import Exchanges
from fairwitness.proxy.fail_closed import LIFECYCLE
from fairwitness.proxy.front import Front
from fairwitness.proxy.hooks import ALL_HOOKS
from fairwitness.proxy.messages import Messages
from fairwitness.proxy.tunnels import Tunnels
from fairwitness.testing import PATIENCE_S, Disconnected, Proxy, RawClient, Told, Town, WebSocketClient
from fairwitness.testing.socks import SUCCEEDED, socks_connect

pytestmark = pytest.mark.gate

LEFT = (Disconnected, OSError, ssl.SSLError, ValueError)
FAULTS = [["RuntimeError", "before"], ["OSError", "after"], ["MemoryError", "before"]]
OPPOSITE = [["RuntimeError", "after"], ["OSError", "before"], ["MemoryError", "after"]]
NEVER_CALLED = {
    (Front, "dns_request"),  # only in modes that are refused at start
    (Messages, "tcp_error"),  # only where the dial fails after the stream began; here it is made before
}
HOOKS = [
    (addon, name)
    for addon in (Front, Tunnels, Exchanges, Messages, Dials)
    for name in vars(addon)
    if name in ALL_HOOKS - LIFECYCLE and (addon, name) not in NEVER_CALLED
]
DECIDING = [
    (Tunnels, "http_connect"),
    (Exchanges, "requestheaders"),
    (Exchanges, "upload_started"),
    (Exchanges, "request"),
    (Messages, "websocket_message"),
    (Dials, "server_connect"),
]
BreakProxy = Callable[..., contextlib.AbstractContextManager[Proxy]]


@pytest.fixture
def broken_proxy(town: Town, tmp_path: Path) -> BreakProxy:
    """Starts a proxy on the town's origins in which a part is broken."""

    @contextlib.contextmanager
    def start(
        target: str, faults: Sequence[Sequence[str]] = FAULTS, *, calls: Sequence[int] = ()
    ) -> Iterator[Proxy]:
        plan = json.dumps({"target": target, "faults": faults, "calls": calls})
        program = [str(Path(__file__).with_name("faulty_run.py")), plan]
        with Proxy(
            tmp_path,
            policy=town.policy_text(more_include=["http://dead.test:9"]),
            upstream_ca=town.authority.pem,
            resolve=[*(origin.resolve for origin in town.origins), "dead.test:9:127.0.0.2"],
            arguments=["--mode", "socks5"],
            program=program,
        ) as proxy:
            yield proxy

    return start


@pytest.mark.parametrize(("addon", "hook"), HOOKS, ids=lambda each: getattr(each, "__name__", each))
def test_a_hook_that_fails_lets_nothing_out_unrecorded(
    town: Town, broken_proxy: BreakProxy, addon: type, hook: str
) -> None:
    """Each kind of error, before and after the hook's work: told, on record; the third closes the gate."""
    with broken_proxy(f"{addon.__module__}:{addon.__name__}.{hook}") as proxy:
        _check_faults(town, proxy, hook)


@pytest.mark.parametrize(("addon", "hook"), DECIDING, ids=lambda each: getattr(each, "__name__", each))
def test_a_hook_that_fails_after_its_work_lets_nothing_out_unrecorded(
    town: Town, broken_proxy: BreakProxy, addon: type, hook: str
) -> None:
    """The same the other way round, for the hooks that decide: what they allowed is taken back."""
    with broken_proxy(f"{addon.__module__}:{addon.__name__}.{hook}", OPPOSITE) as proxy:
        _check_faults(town, proxy, hook)


def _check_faults(town: Town, proxy: Proxy, hook: str) -> None:
    mark = secrets.token_hex(8)
    _errands(town, proxy, mark)
    for number in range(2):
        if not any(_is_closed(told) for told in proxy.told):
            _errands(town, proxy, f"{mark}-{number}", hook=hook)
    proxy.wait_for(_is_closed, "that the gate closed")
    told = [each.text("reason") for each in proxy.told if each.kind == "store"]
    _check_all_is_on_record(town, proxy, mark)
    before = [(origin.counts, len(origin.messages)) for origin in town.origins]
    _errands(town, proxy, f"{mark}-later")
    after = [(origin.counts, len(origin.messages)) for origin in town.origins]

    assert before == after
    assert 3 <= sum(f"bug in {hook}" in each for each in told)
    assert not any("a secret of the traffic" in each for each in told)
    assert "" == proxy.stderr


@pytest.mark.parametrize("hook", ["Exchanges.requestheaders", "Exchanges.request", "Front.request"])
def test_one_fault_blocks_one_exchange(town: Town, broken_proxy: BreakProxy, hook: str) -> None:
    """Only the exchange that met the bug is lost; the next ones pass and are on record."""
    room, mark = hook.split(".")[0].lower(), secrets.token_hex(8)
    with broken_proxy(f"fairwitness.proxy.{room}:{hook}", calls=[1]) as proxy:
        _try(_https, town, proxy, f"{mark}-lost")
        _https(town, proxy, f"{mark}-next")
        _check_all_is_on_record(town, proxy, mark)
        is_closed = any(_is_closed(told) for told in proxy.told)

    assert () == town.inside.requests_for(f"/{mark}-lost/https")
    assert 1 == len(town.inside.requests_for(f"/{mark}-next/https"))
    assert not is_closed


@pytest.mark.parametrize(
    "hook",
    [
        "front:Front.request",
        "exchanges:Exchanges.requestheaders",
        "exchanges:Exchanges.request",
        "exchanges:Exchanges.upload_started",
        "tunnels:Tunnels.http_connect",
        "tunnels:Tunnels.tls_clienthello",
        "dials:Dials.server_connect",
        "messages:Messages.websocket_message",
        "messages:Messages.tcp_message",
    ],
)
def test_a_cancelled_hook_lets_nothing_out(town: Town, broken_proxy: BreakProxy, hook: str) -> None:
    """CancelledError passes every ``except Exception``: its exchange hangs, and nothing of it leaves."""
    name = hook.rpartition(".")[2]
    mark = secrets.token_hex(8)
    errand = {"upload_started": _upload, "websocket_message": _socket, "tcp_message": _raw}.get(name, _https)
    before = len(town.inside.messages), len(town.tcp.messages)
    with broken_proxy(f"fairwitness.proxy.{hook}", [["CancelledError", "before"]], calls=[1]) as proxy:
        lost = threading.Thread(target=_try, args=(errand, town, proxy, mark))
        lost.start()
        _wait_until(lambda: "CancelledError" in proxy.stderr)
        _try(_https, town, proxy, f"{mark}-next")
        after = len(town.inside.messages), len(town.tcp.messages)
        seen = [each.path for each in town.inside.requests_below(f"/{mark}/")]
        _check_all_is_on_record(town, proxy, mark)
    lost.join()

    assert [] == [path for path in seen if not path.endswith("/ws")]
    assert before == after
    assert 1 == len(town.inside.requests_for(f"/{mark}-next/https"))


@pytest.mark.parametrize("part", ["Log.append_request", "Log.commit", "Log.append_connection"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_store_that_fails_blocks(town: Town, broken_proxy: BreakProxy, part: str, when: str) -> None:
    """An entry that cannot be appended or committed: the request stays here, and so do all later ones."""
    mark = f"store-{part}-{when}"
    before = [(origin.counts.requests, len(origin.messages)) for origin in town.origins]
    with broken_proxy(f"fairwitness.evidence:{part}", [["EvidenceError", when]]) as proxy:
        _errands(town, proxy, mark)
        proxy.wait_for(lambda told: told.kind == "store" and told.text("state") == "failed", "the failure")
    after = [(origin.counts.requests, len(origin.messages)) for origin in town.origins]

    assert before == after


@pytest.mark.parametrize("part", ["request_rate:RequestRate", "missing_identification:MissingIdentification"])
def test_a_rule_that_fails_stops_no_traffic_and_is_told(
    town: Town, broken_proxy: BreakProxy, part: str
) -> None:
    """A bug in a rule becomes a warning; what it looked at passes and is on record."""
    mark = f"rule-{part.partition(':')[2]}"
    with broken_proxy(f"fairwitness.rules.{part}.on_request") as proxy:
        _https(town, proxy, mark)
        _http(town, proxy, mark)
        told = proxy.wait_for(
            lambda told: told.text("state") == "warning" and "rule " in told.text("reason"), "the bug"
        )
        _check_all_is_on_record(town, proxy, mark)

    assert 2 == len(town.inside.requests_below(f"/{mark}/"))
    assert "failed" in told.text("reason")
    assert "a secret of the traffic" not in told.text("reason")


@pytest.mark.bypass(19)
@pytest.mark.parametrize("error", ["RuntimeError", "EvidenceError", "MemoryError"])
def test_an_upload_whose_tee_fails_in_its_middle_is_cut(
    town: Town, broken_proxy: BreakProxy, error: str
) -> None:
    """No chunk behind the failed one goes on: the origin never gets a whole body, and it is told."""
    mark = f"tee-{error}"
    with broken_proxy("fairwitness.proxy.tee:Tee.__call__", [[error, "before"]], calls=[3]) as proxy:
        with contextlib.suppress(*LEFT), _inside(town, proxy) as client:
            _send_upload(client, town, mark, 8 << 20)
            assert client.reply(method="POST").status >= 400
        proxy.wait_for(lambda told: "tee" in told.text("reason"), "the fault")
        row = proxy.wait_for_row(lambda row: row.url.endswith(f"/{mark}/upload") and row.outcome != "open")
        stored = proxy.record(row).request_body_bytes or 0
        seen = town.inside.requests_for(f"/{mark}/upload")

    assert row.outcome.startswith("failed")
    assert [None] == [each.body_sha256 for each in seen]
    assert stored < 8 << 20


@pytest.mark.bypass(19)
def test_a_download_whose_tee_fails_in_its_middle_is_cut(town: Town, broken_proxy: BreakProxy) -> None:
    """The client gets no byte that is not on record, and sees that the body is not whole."""
    with broken_proxy("fairwitness.proxy.tee:Tee.__call__", calls=[5]) as proxy:
        got: list[bytes] = []
        with contextlib.suppress(*LEFT), _inside(town, proxy) as client:
            client.send(f"GET /bytes/8000000 HTTP/1.1\r\nHost: {town.inside.host_port}\r\n\r\n".encode())
            client.reply(sink=got.append)
        row = proxy.wait_for_row(lambda row: row.url.endswith("/bytes/8000000") and row.outcome != "open")
        stored = proxy.record(row).response_body_bytes or 0

    assert row.outcome.startswith("failed")
    assert sum(map(len, got)) <= stored < 8_000_000


# Errands: every kind of traffic; each may fail in any way, which is what the counters are for


def _errands(town: Town, proxy: Proxy, mark: str, *, hook: str = "") -> None:
    """Run all of them, or those that make *hook* be called where it is a special one."""
    special = {
        "tcp": (_raw,),
        "websocket": (_socket,),
        "control": (_socket,),
        "upload": (_upload,),
        "socks": (_socks,),
    }
    everything = (_https, _http, _upload, _socket, _raw, _tunnel, _socks, _strangers, _dead, _broken)
    for errand in special.get(hook.partition("_")[0], everything):
        _try(errand, town, proxy, mark)


def _try(errand: Callable[[Town, Proxy, str], None], town: Town, proxy: Proxy, mark: str) -> None:
    with contextlib.suppress(*LEFT):
        errand(town, proxy, mark)


def _wait_until(is_so: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < ends
        threading.Event().wait(0.01)


def _is_closed(told: Told) -> bool:
    return told.kind == "store" and told.text("state") == "gate-closed"


def _check_all_is_on_record(town: Town, proxy: Proxy, mark: str) -> None:
    rows = [row for row in proxy.rows() if row.decision != "block"]
    logged = {row.url.split("/", 3)[-1] for row in rows}
    messages = {message.content for row in rows for message in proxy.record(row).messages}
    seen = [each.target.decode()[1:] for each in town.inside.requests if mark in each.target.decode()]
    tunnels = sum(row.scope_list == "tunnel" for row in rows)
    in_tunnels = sum(mark in each.path for each in town.login.requests)
    said = [
        each.content
        for each in itertools.chain(town.inside.messages, town.tcp.messages)
        if mark.encode() in each.content
    ]
    assert [] == [target for target in seen if target not in logged]
    assert [] == [content for content in said if content not in messages]
    assert in_tunnels <= tunnels
    assert (0, 0, 0) == town.outside.counts


@contextlib.contextmanager
def _inside(town: Town, proxy: Proxy) -> Iterator[RawClient]:
    with RawClient(proxy.address) as client:
        client.connect(town.inside.host_port)
        client.start_tls("in.test", ca=proxy.ca)
        yield client


def _https(town: Town, proxy: Proxy, mark: str) -> None:
    with _inside(town, proxy) as client:
        client.request(f"/{mark}/https", host=town.inside.host_port)


def _http(town: Town, proxy: Proxy, mark: str) -> None:
    with RawClient(proxy.address) as client:
        client.request(town.inside.url(f"/{mark}/http", scheme="http"), host=town.inside.host_port)


def _upload(town: Town, proxy: Proxy, mark: str) -> None:
    with _inside(town, proxy) as client:
        _send_upload(client, town, mark, 1_500_000)
        client.reply(method="POST")


def _send_upload(client: RawClient, town: Town, mark: str, size: int) -> None:
    head = f"POST /{mark}/upload HTTP/1.1\r\nHost: {town.inside.host_port}\r\nContent-Length: {size}\r\n\r\n"
    client.send(head.encode())
    for at in range(0, size, 1 << 16):
        client.send(b"u" * min(1 << 16, size - at))


def _socket(town: Town, proxy: Proxy, mark: str) -> None:
    with _inside(town, proxy) as client:
        socket = WebSocketClient(client)
        if socket.handshake(f"/{mark}/ws", host=town.inside.host_port).status == 101:
            socket.send(TextMessage(data=f"{mark}-text"))
            socket.receive()
            socket.send(Ping(payload=mark.encode()[-100:]))
            socket.receive()
            socket.send(CloseConnection(code=1000))
            client.read_until_end()


def _raw(town: Town, proxy: Proxy, mark: str) -> None:
    with RawClient(proxy.address) as client:
        client.connect(town.tcp.host_port)
        client.send(b"SSH-2.0-" + mark.encode() + b"\r\n")
        client.read()
        client.half_close()
        client.read_until_end()


def _socks(town: Town, proxy: Proxy, mark: str) -> None:
    for host, origin in (("in.test", town.inside), ("out.test", town.outside)):
        with RawClient(proxy.address) as client, contextlib.suppress(*LEFT):
            if socks_connect(client, host, origin.port, login=("me", "any")) == SUCCEEDED:
                client.request(f"/{mark}/socks", host=origin.host_port)


def _tunnel(town: Town, proxy: Proxy, mark: str) -> None:
    with RawClient(proxy.address) as client:
        client.connect(town.login.host_port)
        client.start_tls("login.test", ca=town.authority.pem)
        client.request(f"/{mark}/tunnel", host=town.login.host_port)


def _strangers(town: Town, proxy: Proxy, mark: str) -> None:
    with RawClient(proxy.address) as client, contextlib.suppress(*LEFT):
        client.request(town.outside.url(f"/{mark}", scheme="http"), host=town.outside.host_port)
    with RawClient(proxy.address) as client:
        client.connect(town.outside.host_port)
        client.start_tls("out.test", ca=proxy.ca)
        client.request(f"/{mark}", host=town.outside.host_port)


def _dead(town: Town, proxy: Proxy, mark: str) -> None:
    with RawClient(proxy.address) as client:
        client.request(f"http://dead.test:9/{mark}", host="dead.test:9")


def _broken(town: Town, proxy: Proxy, mark: str) -> None:
    with RawClient(proxy.address) as client:
        client.request(town.inside.url(f"/broken/100?{mark}", scheme="http"), host=town.inside.host_port)
