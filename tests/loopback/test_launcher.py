"""The gates under a real mitmdump: they hold whatever happens to the script or stands beside it."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

import fairwitness
from fairwitness.evidence import Reader
from fairwitness.model.record import ExchangeRow
from fairwitness.testing import PATIENCE_S, Counts, RawClient, Reply, Town, curl, is_blocked

pytestmark = pytest.mark.gate

UNTOUCHED = Counts(0, 0, 0)
LAUNCHER = Path(fairwitness.__file__).parents[1] / "fairwitness_addon.py"


class Mitmdump:
    """A running ``mitmdump -s`` with the launcher, on a free port.

    Args:
        folder: Holds everything of it.
        town: Its origins are what can be reached.
        launcher: The script, or a copy.
        beside: Text of a second script.
        arguments: Further arguments.
        policy: Text of policy.yaml.
    """

    def __init__(
        self,
        folder: Path,
        town: Town,
        *,
        launcher: Path = LAUNCHER,
        beside: str = "",
        arguments: Sequence[str] = (),
        policy: str | None = None,
    ) -> None:
        self.folder = folder
        (folder / "policy.yaml").write_text(town.policy_text() if policy is None else policy)
        scripts = [str(launcher)]
        if beside:
            (folder / "beside.py").write_text(beside)
            scripts.append(str(folder / "beside.py"))
        settings = {
            "fairwitness_policy": str(folder / "policy.yaml"),
            "fairwitness_evidence": str(folder / "evidence"),
            "confdir": str(folder / "ca"),
            "ssl_verify_upstream_trusted_ca": str(town.authority.pem),
        }
        self._command = [
            str(Path(sys.executable).with_name("mitmdump")),
            *(each for script in scripts for each in ("-s", script)),
            *("--listen-host", "127.0.0.1", "--listen-port", "0"),
            *(each for name, value in settings.items() for each in ("--set", f"{name}={value}")),
            *(each for o in town.origins for each in ("--set", f"fairwitness_resolve={o.resolve}")),
            *arguments,
        ]
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._process: subprocess.Popen[str]

    def __enter__(self) -> Self:
        self.start()
        found = self.wait_for(r"proxy listening at (\S+?)\.?$")
        self.address = found[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self.wait()

    def start(self) -> None:
        """Start it and wait for nothing."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONUNBUFFERED": "1"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self) -> int:
        """Its exit code."""
        try:
            code = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            code = 0  # it did not end by itself
        self._reader.join(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code

    @property
    def output(self) -> str:
        """All it has written."""
        return "\n".join(self._lines)

    @property
    def lines(self) -> int:
        """How many lines it has written so far."""
        return len(self._lines)

    def wait_for(self, pattern: str, *, after: int = 0) -> re.Match[str]:
        """The first line behind the first *after* that has *pattern*."""
        ends = time.monotonic() + PATIENCE_S
        with self._changed:
            while True:
                for line in self._lines[after:]:
                    if found := re.search(pattern, line):
                        return found
                if time.monotonic() > ends or self._process.poll() is not None:
                    raise TimeoutError(f"mitmdump never wrote {pattern!r} but {self.output}")
                self._changed.wait(0.05)

    def curl(self, url: str, *arguments: str) -> Reply:
        """What curl gets through it."""
        ca = str(self.folder / "ca" / "mitmproxy-ca-cert.pem")
        return curl(f"http://{self.address}", url, "--cacert", ca, *arguments)

    def rows(self) -> tuple[ExchangeRow, ...]:
        """The log's exchanges."""
        with Reader.open(self.folder / "evidence") as reader:
            return tuple(reader.exchanges())

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(line.rstrip())
                self._changed.notify_all()


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


def test_the_gates_stand_under_mitmdump(town: Town, mitmdump: Mitmdump) -> None:
    """In scope passes and is on record; out of scope is 403 over http and https, and not dialled."""
    _check_gates_stand(town, mitmdump, "plain")


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


BESIDE = {
    "ignores": """
        def tls_clienthello(data): data.ignore_connection = True
    """,
    "rewrites": """
        def request(flow): flow.request.host = "out.test"; flow.request.port = {port}
    """,
    "rewrites-at-the-head": """
        def requestheaders(flow): flow.request.host = "out.test"; flow.request.port = {port}
    """,
    "streams": """
        def requestheaders(flow): flow.request.stream = True
    """,
    "takes-back-answers": """
        def request(flow): flow.response = None
    """,
    "halts": """
        from mitmproxy.exceptions import AddonHalt
        def http_connect(flow): raise AddonHalt
        def requestheaders(flow): raise AddonHalt
        def request(flow): raise AddonHalt
        def server_connect(data): raise AddonHalt
    """,
    "halts-and-ignores": """
        from mitmproxy.exceptions import AddonHalt
        def tls_clienthello(data):
            data.ignore_connection = True
            raise AddonHalt
    """,
    "halts-and-streams": """
        from mitmproxy.exceptions import AddonHalt
        def requestheaders(flow):
            flow.request.stream = True
            raise AddonHalt
        def request(flow): raise AddonHalt
    """,
    "halts-and-opens": """
        from mitmproxy.exceptions import AddonHalt
        def server_connect(data):
            data.server.error = None
            raise AddonHalt
        def request(flow):
            flow.response = None
            raise AddonHalt
    """,
    "raises": """
        def request(flow): raise RuntimeError
        def server_connect(data): raise RuntimeError
        def requestheaders(flow): raise RuntimeError
    """,
    "holds-and-edits": """
        import asyncio
        def request(flow):
            flow.intercept()
            async def later():
                await asyncio.sleep(0.05)
                flow.request.path = "/edited"
                flow.resume()
            flow.task = asyncio.get_running_loop().create_task(later())
    """,
    "dials-itself": """
        import socket, threading
        def request(flow):
            def dial():
                try: socket.create_connection(("{address}", {port}))
                except OSError as error: print("refused:", error)
            thread = threading.Thread(target=dial); thread.start(); thread.join()
            dial()
    """,
}


@pytest.mark.parametrize("beside", BESIDE.values(), ids=BESIDE.keys())
def test_no_script_beside_it_lets_anything_out_unrecorded(
    town: Town, make: Callable[..., Mitmdump], beside: str
) -> None:
    """Whatever another script does in its hooks: strangers stay untouched, and what goes is on record."""
    text = "\n".join(line[8:] for line in beside.splitlines())
    text = text.replace("{port}", str(town.outside.port)).replace("{address}", town.outside.address)
    mark = secrets.token_hex(8)
    seen_before = town.inside.counts.requests
    login = town.login.counts
    with make(beside=text) as running:
        for scheme in ("http", "https"):
            running.curl(town.inside.url(f"/{mark}-{scheme}", scheme=scheme), "--max-time", "2")
            running.curl(town.outside.url(f"/{mark}-{scheme}", scheme=scheme), "--max-time", "2")
        upload = ("--http1.1", "--max-time", "2", "-H", "Expect:", "--data-binary", "x" * 100_000)
        running.curl(town.inside.url(f"/{mark}-up"), *upload)
        running.curl(town.login.url(f"/{mark}-login"), "--max-time", "2")
        logged = {row.url for row in running.rows() if row.decision != "block"}
    seen = town.inside.requests[seen_before:]

    assert [] == [each.path for each in seen if not any(url.endswith(each.path) for url in logged)]
    assert login.requests == town.login.counts.requests
    assert UNTOUCHED == town.outside.counts


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
]


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


def test_raw_bytes_stay_off_even_where_they_are_asked_for(town: Town, make: Callable[..., Mitmdump]) -> None:
    """rawtcp=true is mitmproxy's default, so it cannot be told from a wish: it is set back."""
    with make(arguments=["--set", "rawtcp=true"]) as running, RawClient(running.address) as client:
        if client.connect(town.inside.host_port).status == 200:
            client.send(b"SSH-2.0-x\r\n")
            client.read_until_end()

    assert () == tuple(each for each in town.inside.messages if each.kind == "tcp")


def _write_newer(path: Path, text: str) -> None:
    before = path.stat().st_mtime
    path.write_text(text)
    os.utime(path, (before + 2, before + 2))
