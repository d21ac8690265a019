"""The gates under a real mitmdump: they hold whatever happens to the script or stands beside it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mitmproxy import io
from mitmproxy.test import tflow
from wsproto.events import TextMessage

from fairwitness.testing import Counts, Disconnected, RawClient, Town, WebSocketClient, curl, is_blocked
from fairwitness.testing.mitmdump import LAUNCHER, Mitmdump
from fairwitness.testing.tally import sent_in

pytestmark = pytest.mark.gate

UNTOUCHED = Counts(0, 0, 0)


@pytest.fixture(scope="module")
def mitmdump(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mitmdump]:
    """One that is left as it is."""
    with Mitmdump(tmp_path_factory.mktemp("mitmdump"), town) as running:
        yield running


@pytest.fixture
def make(town: Town, tmp_path: Path) -> Callable[..., Mitmdump]:
    """Makes one of the test's own."""

    def make(**options: object) -> Mitmdump:
        return Mitmdump(tmp_path, town, **options)  # type: ignore[arg-type]

    return make


def _check_gates_stand(town: Town, running: Mitmdump, mark: str) -> None:
    """In scope passes and is on record when the origin has it; a stranger is refused."""
    inside = [running.curl(town.inside.url(f"/{mark}-{s}", scheme=s)) for s in ("http", "https")]
    logged = {row.url for row in running.rows() if row.decision != "block"}
    strangers = [running.curl(town.outside.url(f"/{mark}", scheme=s)) for s in ("http", "https")]
    seen = [each.path for each in town.inside.requests_below(f"/{mark}-")]

    assert [200, 200] == [reply.status for reply in inside]
    assert [f"/{mark}-http", f"/{mark}-https"] == sorted(seen)
    assert {town.inside.url(f"/{mark}-{s}", scheme=s) for s in ("http", "https")} <= logged
    assert [True, True] == [is_blocked(reply) for reply in strangers]
    assert UNTOUCHED == town.outside.counts
    assert running.looked_up <= {origin.address for origin in town.listed}


@pytest.mark.bypass(2)
def test_the_gates_stand_under_mitmdump(town: Town, mitmdump: Mitmdump) -> None:
    """In scope passes and is on record; out of scope is 403 over http and https, and not dialled."""
    _check_gates_stand(town, mitmdump, "plain")


@pytest.mark.bypass(45)
def test_a_tunnel_passes_undecrypted_under_mitmdump(town: Town, mitmdump: Mitmdump) -> None:
    """The tunnel class works, and another name in it is decrypted and refused."""
    with RawClient(mitmdump.address) as client:
        client.connect(town.login.host_port)
        client.start_tls("login.test", ca=town.authority.pem, expects="login.test")
        reply = client.request("/guest-tunnel", host=town.login.host_port)
    with RawClient(mitmdump.address) as client:
        client.connect(town.login.host_port)
        client.start_tls("out.test", ca=mitmdump.folder / "ca" / "mitmproxy-ca-cert.pem")
        refused = client.request("/guest-refused", host=town.login.host_port)

    assert 200 == reply.status
    assert is_blocked(refused)
    assert () == town.login.requests_for("/guest-refused")


@pytest.mark.bypass(36)
def test_a_reloaded_script_leaves_the_gates(
    town: Town, make: Callable[..., Mitmdump], tmp_path: Path
) -> None:
    """Touched, broken, mended and deleted: the gates stand, once, all the time."""
    copy = tmp_path / "launcher.py"
    shutil.copy(LAUNCHER, copy)
    good = copy.read_text()
    with make(launcher=copy) as running:
        _check_gates_stand(town, running, "fresh")
        for name, text in (("touched", good + "\n"), ("broken", "def ("), ("mended", good)):
            lines = running.lines
            _write_newer(copy, text)
            running.wait_for("Loading script", after=lines)
            if name == "broken":
                running.wait_for("SyntaxError|invalid syntax", after=lines)
            _check_gates_stand(town, running, name)
        lines = running.lines
        copy.unlink()
        running.wait_for("Removing script", after=lines)
        _check_gates_stand(town, running, "deleted")


BESIDE = [
    *("Ignores", "IgnoresAndHalts", "Rewrites", "RewritesHeads", "Streams", "StreamsAndHalts"),
    *("TakesBackAnswers", "TakesBackAnswersLate", "Halts", "HaltsAndOpens", "Raises", "HoldsAndEdits"),
    *(
        "HoldsAndRewrites",
        "EditsLate",
        "EditsWhileAsked",
        "EditsMessages",
        "DialsItself",
        "LooksUp",
        "Replays",
        "Injects",
    ),
    *("SetsOptions", "RemovesGates"),
]
"""Classes of beside.py.  They take turns in one process; the last one spoils it for those behind it."""
HARMLESS = {
    **dict.fromkeys(("Ignores", "Halts", "SetsOptions", "RemovesGates")),
    "HoldsAndEdits": "/edited",
}
"""Acts after which what is in scope passes all the same, and the path that it has then if it is another."""


@pytest.fixture(scope="module")
def meddled(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mitmdump]:
    """A mitmdump with a second script, which does what ``_let`` says."""
    folder = tmp_path_factory.mktemp("meddled")
    _let("Act", folder, town)
    with Mitmdump(folder, town, beside=Path(__file__).with_name("beside.py")) as running:
        yield running


def _let(act: str, folder: Path, town: Town) -> None:
    facts = {"act": act, "address": town.outside.address, "port": town.outside.port}
    (folder / "act.json").write_text(json.dumps(facts))


@pytest.mark.bypass(4, 15, 16, 17, 18, 23, 37, 48, 49, 50, 51)
def test_no_script_beside_it_lets_anything_out_unrecorded(town: Town, meddled: Mitmdump) -> None:
    """Whatever another script does in its hooks: strangers stay untouched, and what goes is on record."""
    wrong = {}
    for act in BESIDE:
        _let(act, meddled.folder, town)
        seen = len(town.inside.requests)
        if found := _let_out(town, meddled, act.lower()):
            wrong[act] = found
        if act in HARMLESS:
            asked = [HARMLESS[act] or f"/{act.lower()}-{scheme}" for scheme in ("http", "https")]
            assert asked == [each.path for each in town.inside.requests[seen:]], act

    assert {} == wrong
    assert UNTOUCHED == town.outside.counts
    # to give an address where a name may stand asks nobody
    assert meddled.looked_up <= {origin.address for origin in town.listed} | {town.outside.address}
    assert [] == json.loads((meddled.folder / "told.json").read_text())


def _let_out(town: Town, running: Mitmdump, mark: str) -> list[str]:
    """What the origins got of a few errands and the log does not have."""
    seen, messages, login = len(town.inside.requests), len(town.inside.messages), town.login.counts.requests
    patient = ("--max-time", "3")
    for scheme in ("http", "https"):
        running.curl(town.inside.url(f"/{mark}-{scheme}", scheme=scheme), *patient)
        running.curl(town.outside.url(f"/{mark}-{scheme}", scheme=scheme), *patient)
    if "stream" in mark:
        upload = ("--http1.1", "-H", "Expect:", "--data-binary", "x" * 100_000)
        running.curl(town.inside.url(f"/{mark}-up"), *upload, *patient)
    if "ignores" in mark:
        running.curl(town.login.url(f"/{mark}-login"), *patient)
    if mark in ("editsmessages", "injects", "editslate"):
        _talk(town, running, mark)
    # what came to the origin first: what comes between the two readings is in the log before it is there
    came, said_there = town.inside.requests[seen:], town.inside.messages[messages:]
    released = [row for row in running.rows() if row.decision != "block"]
    paths = {row.url.removeprefix(town.inside.url("", scheme=row.url.split(":")[0])) for row in released}
    said = {content for row in released[-3:] for content in sent_in(running.record(row))}
    requests = [
        f"{each.path} for {each.header(':authority') or each.header('host')}"
        for each in came
        if each.path not in paths
        or (each.header(":authority") or each.header("host")) != town.inside.host_port
    ]
    frames = [each for each in said_there if each.kind != "close"]
    sent = [repr(each.content) for each in frames if each.content not in said]
    through = ["a request through a tunnel"] if town.login.counts.requests != login else []
    strange = ["a packet to the stranger"] if town.outside.counts != UNTOUCHED else []
    return requests + sent + through + strange


def _talk(town: Town, running: Mitmdump, mark: str) -> None:
    """One message over a WebSocket; whatever comes back is read."""
    with contextlib.suppress(Disconnected, OSError), RawClient(running.address) as client:
        client.connect(town.inside.host_port)
        client.start_tls("in.test", ca=running.folder / "ca" / "mitmproxy-ca-cert.pem")
        talk = WebSocketClient(client)
        if talk.handshake(f"/{mark}-ws", host=town.inside.host_port).status == 101:
            talk.send(TextMessage(data=f"{mark}-said"))
            talk.receive()


UNSAFE = [
    ["--ignore-hosts", ".*"],
    ["--allow-hosts", "in.test"],
    ["--tcp-hosts", ".*"],
    ["--set", "udp_hosts=.*"],
    ["--mode", "upstream:http://127.0.0.1:1"],
    ["--mode", "socks5"],
    ["--mode", "reverse:http://in.test"],
    ["--set", "ssl_insecure=true"],
    ["--set", "connection_strategy=lazy"],
    ["--set", "validate_inbound_headers=false"],
    ["--set", "stream_large_bodies=1"],
    ["--set", "map_remote=/a/b/"],
    ["--set", "modify_headers=/~q/Host/x"],
    ["--mode", "regular@0.0.0.0:0"],
]


@pytest.mark.bypass(3, 5, 33, 51)
@pytest.mark.parametrize("arguments", UNSAFE, ids=" ".join)
def test_an_unsafe_option_is_refused_at_start(make: Callable[..., Mitmdump], arguments: list[str]) -> None:
    """An option that would open a way round the gates ends the process with an error."""
    running = make(arguments=arguments)
    running.start()

    assert 0 != running.wait()
    assert "fairwitness" in running.output


@pytest.mark.parametrize("policy", ["", "scope: [", "version: 1\n"], ids=["empty", "broken", "incomplete"])
def test_a_broken_policy_is_refused_at_start(make: Callable[..., Mitmdump], policy: str) -> None:
    """Without a policy there is no proxy: one clear error and an exit code."""
    running = make(policy=policy)
    running.start()

    assert 0 != running.wait()
    assert "fairwitness: error:" in running.output
    assert "policy.yaml" in running.output


@pytest.mark.bypass(7)
def test_raw_bytes_stay_off_even_where_they_are_asked_for(town: Town, make: Callable[..., Mitmdump]) -> None:
    """rawtcp=true is mitmproxy's default, so it cannot be told from a wish: it is set back."""
    with make(arguments=["--set", "rawtcp=true"]) as running, RawClient(running.address) as client:
        if client.connect(town.inside.host_port).status == 200:
            client.send(b"SSH-2.0-x\r\n")
            client.read_until_end()

    assert () == tuple(each for each in town.inside.messages if each.kind == "tcp")


@pytest.mark.bypass(52)
def test_a_settings_file_of_mitmproxys_opens_nothing(make: Callable[..., Mitmdump], tmp_path: Path) -> None:
    """mitmdump reads config.yaml of its folder: what is unsafe there is refused like an argument."""
    (tmp_path / "ca").mkdir()
    (tmp_path / "ca" / "config.yaml").write_text("ignore_hosts: ['.*']\n")
    running = make()
    running.start()

    assert 0 != running.wait()
    assert "ignore_hosts" in running.output


@pytest.mark.bypass(38)
def test_the_dashboard_of_mitmweb_is_not_reached_through_the_proxy(
    town: Town, make: Callable[..., Mitmdump]
) -> None:
    """Even where the policy lists this machine, mitmweb's own port is not dialled."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    arguments = ["--set", f"web_port={port}", "--set", "web_open_browser=false"]
    policy = town.policy_text(more_include=["127.0.0.1:*"])
    with make(program="mitmweb", arguments=arguments, policy=policy) as running:
        # mitmweb listens for its dashboard some time after the proxy does
        patient = ("--retry", "30", "--retry-connrefused", "--retry-delay", "1")
        direct = curl(None, f"http://127.0.0.1:{port}/", *patient)
        reply = running.curl(f"http://127.0.0.1:{port}/flows")

    assert 0 != direct.status
    assert reply.status in (403, 502)
    assert b"is this proxy itself" in reply.body


@pytest.mark.bypass(71)
def test_saved_flows_that_are_opened_are_no_traffic(
    town: Town, make: Callable[..., Mitmdump], tmp_path: Path
) -> None:
    """What a file says was sent and answered is not on record, and its raw streams do not close the gate."""
    asked, answered = tflow.tflow(), tflow.tflow(resp=True)
    for flow in (asked, answered):
        flow.id = asked.id
        flow.request.scheme, flow.request.path = "http", "/never-sent"
        flow.request.host, flow.request.port = "in.test", town.inside.port
        flow.request.headers["Host"] = town.inside.host_port
    saved = tmp_path / "saved.flows"
    with saved.open("wb") as file:
        for each in (asked, answered, *(tflow.ttcpflow() for _ in range(3))):
            io.FlowWriter(file).add(each)
    with make(arguments=["--rfile", str(saved), "--set", "keepserving=true"]) as running:
        running.wait_for(r"never-sent")
        reply = running.curl(town.inside.url("/opened"))
        rows = running.rows()

    assert 200 == reply.status
    assert [town.inside.url("/opened")] == [row.url for row in rows]


def _write_newer(path: Path, text: str) -> None:
    before = path.stat().st_mtime
    path.write_text(text)
    os.utime(path, (before + 2, before + 2))
