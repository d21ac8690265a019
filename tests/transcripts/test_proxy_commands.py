from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fairwitness.evidence import Reader
from fairwitness.evidence.stored import rare_entries
from fairwitness.testing import PATIENCE_S, Origin, curl, policy_text
from fairwitness.testing.site import Answer

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home

MakeOrigin = Callable[..., Origin]


class Running:
    """`fairwitness run` in the background, and the lines it writes."""

    def __init__(self, home: Home, *words: str, stdin: int = subprocess.DEVNULL) -> None:
        self.home = home
        self._process = subprocess.Popen(
            home.command("run", "--listen", "127.0.0.1:0", *words),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=home.folder,
            env=home.environment,
        )
        self.lines: list[str] = []
        self._grew = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._grew:
                self.lines.append(line.decode().rstrip("\n"))
                self._grew.notify_all()

    def wait_for(self, text: str) -> str:
        """The first line that contains *text*."""
        with self._grew:
            found = self._grew.wait_for(
                lambda: [line for line in self.lines if text in line] or self._process.poll() is not None,
                PATIENCE_S,
            )
        assert isinstance(found, list), (text, self.lines, self._process.poll())
        return found[0]

    def wait_for_event(self, **facts: Any) -> dict[str, Any]:
        """The first event with these facts."""

        def matching() -> list[dict[str, Any]]:
            forms = [json.loads(line) for line in self.lines]
            return [form for form in forms if facts.items() <= form.items()]

        with self._grew:
            found = self._grew.wait_for(lambda: matching() or self._process.poll() is not None, PATIENCE_S)
        assert isinstance(found, list), (facts, self.lines, self.stop())
        return found[0]

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """End it; its exit code and what it wrote to stderr."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        assert self._process.stdout
        assert self._process.stderr
        with self._process.stdout, self._process.stderr:
            return code, self._process.stderr.read().decode()


@contextlib.contextmanager
def running(home: Home, *words: str, stdin: int = subprocess.DEVNULL) -> Iterator[Running]:
    """A proxy that ends with the test."""
    proxy = Running(home, *words, stdin=stdin)
    try:
        yield proxy
    finally:
        if proxy._process.poll() is None:
            proxy.stop(signal.SIGKILL)


@pytest.fixture
def origin(make_origin: MakeOrigin) -> Origin:
    """A server in scope."""
    return make_origin("shop.test")


@pytest.fixture
def shop(home: Home, origin: Origin) -> Origin:
    """The server, with a policy for it as ./policy.yaml."""
    home.write("policy.yaml", policy_text(include=[origin.host_port]))
    return origin


def _lab(origin: Origin, authority: Any) -> list[str]:
    return ["--resolve", origin.resolve, "--upstream-ca", str(authority.pem)]


def test_run_says_where_everything_is_and_stops_cleanly(home: Home, policy: Path) -> None:
    """Address, evidence folder, CA, program and how to stop are printed; SIGTERM ends it with 0."""
    with running(home) as proxy:
        text = proxy.wait_for("stop")
        lines = "\n".join(proxy.lines)
        code, said = proxy.stop()

    assert "Ctrl-C" in text
    assert all(
        each in lines for each in ("Lab shop", "http://127.0.0.1:", "evidence", "mitmproxy-ca-cert.pem")
    )
    assert (0, "") == (code, said)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_run_tells_events_as_json_lines(home: Home, policy: Path, number: signal.Signals) -> None:
    """The first line is `ready` with its agreed keys, the last is `stopped` with the signal's name."""
    with running(home, "--json") as proxy:
        ready = json.loads(proxy.wait_for("ready"))
        code, said = proxy.stop(number)
        forms = [json.loads(line) for line in proxy.lines]

    assert {"event", "listen", "evidence", "ca"} == set(ready)
    assert forms[0] == ready
    assert ("stopped", number.name) == (forms[-1]["event"], forms[-1]["reason"])
    assert (0, "") == (code, said)
    assert Path(ready["ca"]).is_file()
    assert Path(ready["evidence"]).is_relative_to(home.folder.parent / ".local")


def test_everything_that_is_made_is_private(home: Home, policy: Path) -> None:
    """Every file in the data folder is 0600 and every folder 0700."""
    with running(home, "--json") as proxy:
        proxy.wait_for("ready")
        data = home.folder.parent / ".local" / "share" / "fairwitness"
        modes = {each: each.stat().st_mode & 0o077 for each in [data, *data.rglob("*")]}
        proxy.stop()

    assert {} == {str(each): mode for each, mode in modes.items() if mode}


def test_a_reader_that_reads_nothing_never_stops_the_proxy(home: Home, policy: Path) -> None:
    """When nobody reads the events and the pipe is full, requests are still answered."""
    with subprocess.Popen(
        home.command("run", "--json", "--listen", "127.0.0.1:0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=home.folder,
        env=home.environment,
    ) as process:
        assert process.stdout
        host, _, port = json.loads(process.stdout.readline())["listen"].rpartition(":")
        answers = set()
        for number in range(300):  # each event is longer than 400 bytes: more than a pipe holds
            with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as client:
                client.sendall(b"GET http://evil.test/%d HTTP/1.1\r\nHost: evil.test\r\n\r\n" % number)
                answers.add(client.recv(65536).split(b"\r\n")[0])
        process.terminate()
        process.stdout.close()

    assert {b"HTTP/1.1 403 Forbidden"} == answers
    assert 0 == process.returncode


def test_a_second_proxy_on_one_folder_names_the_first(home: Home, policy: Path) -> None:
    """The evidence folder has one writer; the error names its process."""
    with running(home, "--json") as proxy:
        proxy.wait_for("ready")
        second = home.run("run", "--listen", "127.0.0.1:0")

        assert 3 == second.code
        assert str(proxy.pid) in second.error


def test_a_taken_port_is_one_error(home: Home, policy: Path) -> None:
    """A port that another program has is exit 4."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = home.run("run", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")

    assert 4 == result.code
    assert "cannot listen" in result.error


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--mode", "transparent"), 4),
        (("--set", "ssl_insecure=true"), 4),
        (("--set", "key_size=many"), 4),
        (("--resolve", "nonsense"), 2),
        (("--upstream-ca", "policy.yaml"), 4),
        (("--upstream-ca", "/no/such/file"), 2),
        (("--ca-dir", "policy.yaml"), 2),
        (("--ca-dir", "policy.yaml/below"), 4),
        (("--evidence", "policy.yaml"), 3),
        (("--evidence", "policy.yaml/below"), 3),
    ],
)
def test_what_cannot_start_is_one_error(home: Home, policy: Path, words: tuple[str, ...], code: int) -> None:
    """Each impossible option has one error and its exit code; nothing else is said."""
    result = home.run("run", "--listen", "127.0.0.1:0", *words)

    assert code == result.code, result
    assert result.error
    assert "" == result.out


def test_too_few_open_files_at_start_is_one_error(home: Home, policy: Path) -> None:
    """The log cannot be opened: exit 3."""
    few = ["sh", "-c", 'ulimit -n 10; exec "$@"', "sh", *home.command("run", "--listen", "127.0.0.1:0")]
    done = subprocess.run(few, cwd=home.folder, env=home.environment, capture_output=True, timeout=PATIENCE_S)

    assert 3 == done.returncode, done.stderr
    assert b"Too many open files" in done.stderr
    assert 1 == len(done.stderr.splitlines())


def test_exec_runs_curl_without_trusting_anything(home: Home, shop: Origin, authority: Any) -> None:
    """An in-scope page over HTTPS arrives; the log has it with the command's name as label."""
    shop.put("/hello", "hello")

    result = home.run("exec", *_lab(shop, authority), "--", "curl", "-sS", shop.url("/hello"))
    rows = home.run("log", "--json").forms()

    assert (0, "hello") == (result.code, result.out), result.err
    assert [("curl", "allow", 200, shop.url("/hello"))] == [
        (row["label"], row["decision"], row["status"], row["url"]) for row in rows
    ]
    assert "fairwitness: curl: 1 exchange, 1 allow" in result.err
    assert [("X-Bug-Bounty", "tester")] == [
        (name.title(), value)
        for name, value in ((n.decode(), v.decode()) for n, v in shop.requests[0].headers)
        if name.lower() == "x-bug-bounty"
    ]


def test_exec_out_of_scope_reaches_nobody(
    home: Home, shop: Origin, authority: Any, make_origin: MakeOrigin
) -> None:
    """A host that is not listed is answered 403 with the header, and its server sees no connection."""
    evil = make_origin("evil.test")

    words = [*_lab(shop, authority), "--resolve", evil.resolve]
    result = home.run("exec", *words, "--", "curl", "-sSi", evil.url("/"))

    assert 0 == result.code
    assert "x-fairwitness: blocked" in result.out.lower()
    assert (0, 0, 0) == (evil.counts.accepts, evil.counts.hellos, evil.counts.requests)
    assert "blocked evil.test x1" in result.err


@pytest.mark.parametrize(("words", "code"), [(("sh", "-c", "exit 7"), 7), (("sh", "-c", "kill -9 $$"), 137)])
def test_exec_exits_with_the_commands_code(
    home: Home, policy: Path, words: tuple[str, ...], code: int
) -> None:
    """The command's own exit code is passed on."""
    assert code == home.run("exec", "--", *words).code


@pytest.mark.parametrize("name", ["no-such-command", "/", "./policy.yaml", ""])
def test_exec_of_no_command_is_125(home: Home, policy: Path, name: str) -> None:
    """What cannot be started is 125, said at once and without starting a proxy."""
    result = home.run("exec", "--", name)

    assert 125 == result.code
    assert result.error
    assert {"work", "r"} == {each.name for each in home.folder.parent.iterdir()}


def test_exec_passes_stdin_and_stdout_through(home: Home, policy: Path) -> None:
    """The command has our streams, and nothing of ours is on its stdout, with --json too."""
    plain = home.run("exec", "--", "cat", given="through")
    with_events = home.run("exec", "--json", "--", "cat", given="through")

    assert ("through", "through") == (plain.out, with_events.out)
    events = [json.loads(line)["event"] for line in with_events.err.splitlines()]
    assert ("ready", "summary") == (events[0], events[-1])


def test_exec_options_of_the_command_are_its_own(home: Home, policy: Path) -> None:
    """What stands behind the command's name is not ours, with and without --."""
    result = home.run("exec", "echo", "--json", "--policy", "x")

    assert "--json --policy x\n" == result.out


def test_exec_joins_the_running_proxy(home: Home, shop: Origin, authority: Any) -> None:
    """With a proxy running, the command's requests are in its session, and the summary counts them."""
    with running(home, "--json", *_lab(shop, authority)) as proxy:
        proxy.wait_for("ready")
        joined = home.run("exec", "--", "curl", "-sS", "-o", "/dev/null", shop.url("/"), "https://evil.test/")
        sessions = {row["session"] for row in home.run("log", "--json").forms()}
        proxy.stop()

    assert 0 == joined.code
    assert "fairwitness: curl: 2 exchanges, 1 allow, 1 block, blocked evil.test x1" in joined.err
    assert {1} == sessions


def test_exec_says_why_requests_failed(home: Home, make_origin: MakeOrigin) -> None:
    """A refused address and an untrusted certificate are named, each with what lets it through in a lab."""
    local = make_origin("localhost", address="127.0.0.1")
    home.write("policy.yaml", policy_text(include=["localhost:*"]))
    guarded = home.run("exec", "--", "curl", "-s", local.url("/", scheme="http"))
    lifted = f"localhost:{local.port}:127.0.0.1"
    untrusted = home.run("exec", "--resolve", lifted, "--", "curl", "-s", local.url("/"), local.url("/"))

    refused = "not sent: localhost resolves to 127.0.0.1, which is loopback; in a lab of your own, list"
    assert "curl: 1 exchange, 1 allow, 1 failed\n" in guarded.err
    assert f"  failed: {refused} 127.0.0.1 under scope.include too, or start with --resolve {lifted}\n" in (
        guarded.err
    )
    assert "--upstream-ca FILE" in untrusted.err


NO_HOST = r"""
import base64, os, socket, ssl, urllib.parse
proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
label = base64.b64encode(f"{proxy.username}:".encode()).decode()
plain = socket.create_connection((proxy.hostname, proxy.port))
head = f"CONNECT /x HTTP/1.1\r\nHost: shop.test\r\nProxy-Authorization: Basic {label}\r\n\r\n"
plain.sendall(head.encode())
plain.recv(1000)
secure = ssl._create_unverified_context().wrap_socket(plain, server_hostname="shop.test")
secure.sendall(b"GET /x HTTP/1.1\r\nHost: shop.test\r\n\r\n")
assert secure.recv(1000).startswith(b"HTTP/1.1 403")
"""


def test_exec_tells_of_requests_that_name_no_host(home: Home, policy: Path) -> None:
    """dirsearch asks a proxy for a tunnel to a path: blocked, and the summary says what is missing."""
    done = home.run("exec", "--listen", "127.0.0.1:0", "--", sys.executable, "-c", NO_HOST)

    assert (0, True) == (done.code, "1 block, blocked (no host) x1" in done.err)


def test_exec_refuses_another_policy(home: Home, policy: Path) -> None:
    """The running proxy follows one policy; a command with another one is 125."""
    other = home.write("other.yaml", policy.read_text() + "# changed\n")
    with running(home, "--json") as proxy:
        proxy.wait_for("ready")
        refused = home.run("exec", "--policy", str(other), "--", "true")
        own = home.run("exec", "--listen", "127.0.0.1:0", "--", "true")
        proxy.stop()

    assert (125, 125) == (refused.code, own.code)
    assert "another policy" in refused.error
    assert "--listen" in own.error


def test_exec_in_parallel_shares_one_proxy(home: Home, policy: Path) -> None:
    """Of several started at once one starts the proxy, the others join, and it waits for them."""
    script = "sleep 0.2; curl -s -o /dev/null -w '%{http_code}' http://evil.test/"
    processes = [
        subprocess.Popen(
            home.command("exec", "--", "sh", "-c", f"sleep 0.{number}; {script}"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=home.folder,
            env=home.environment,
        )
        for number in range(3)
    ]
    results = [(process.communicate(timeout=60), process.returncode) for process in processes]

    assert [(b"403", 0)] * 3 == [(out, code) for (out, _), code in results], results


FAKE_CHROMIUM = """\
#!/bin/sh
printf '%s\\n' "$@" >arguments
for argument in "$@"; do
    case $argument in
        --proxy-server=*) exec curl -s -o /dev/null -x "${argument#*=}" http://evil.test/ ;;
    esac
done
"""


@pytest.mark.bypass(39)
def test_browser_starts_a_chromium_of_its_own(home: Home, policy: Path) -> None:
    """The browser gets proxy and a private profile, kept for each account; its traffic is on record."""
    program = home.write("chromium", FAKE_CHROMIUM)
    program.chmod(0o755)
    variables = {
        "FAIRWITNESS_CHROMIUM": str(program),
        "FAIRWITNESS_BROWSER_ARGS": "--headless=new --no-sandbox",
    }

    result = home.run("browser", "--account", "victim", "https://shop.test/", **variables)

    arguments = (home.folder / "arguments").read_text().splitlines()
    (profile,) = (home.folder.parent / ".local/share/fairwitness/programs").glob("lab-shop-*/browser/victim")
    assert 0 == result.code, result.err
    assert f"--user-data-dir={profile}" == arguments[0]
    assert ["--headless=new", "--no-sandbox", "https://shop.test/"] == arguments[-3:]
    assert 0o700 == profile.stat().st_mode & 0o777
    assert ["http://evil.test/"] == [row["url"] for row in home.run("log", "--json").forms()]


def test_what_the_browser_says_does_not_fill_the_terminal(home: Home, policy: Path) -> None:
    """It lies in the profile; where the browser fails, the error names that file."""
    program = home.write("chromium", "#!/bin/sh\necho chatter\nexit 7\n")
    program.chmod(0o755)
    terminal, side = pty.openpty()
    with running(home, "--json") as proxy:
        proxy.wait_for("ready")
        environment = home.environment | {"FAIRWITNESS_CHROMIUM": str(program)}
        streams = {"stdin": side, "stdout": side, "stderr": side}
        code = subprocess.call(home.command("browser"), cwd=home.folder, env=environment, **streams)
        proxy.stop()
    os.close(side)
    seen = _read_until(terminal, b"browser.log")
    os.close(terminal)
    (said,) = home.folder.parent.rglob("browser.log")

    assert 125 == code
    assert b"chatter" not in seen
    assert "chatter\n" == said.read_text()


def test_no_browser_is_said_before_a_proxy_starts(home: Home, policy: Path) -> None:
    """A browser that is not there is exit 2, and nothing is made."""
    result = home.run("browser", FAIRWITNESS_CHROMIUM="/no/such/chromium")

    assert 2 == result.code
    assert "/no/such/chromium" in result.error
    assert not (home.folder.parent / ".local").exists()


def test_status_for_people_has_whole_paths_and_a_table_of_meters(
    home: Home, shop: Origin, authority: Any
) -> None:
    """On a narrow terminal too: a path that is folded cannot be copied."""
    with running(home, "--json", *_lab(shop, authority)) as proxy:
        evidence = proxy.wait_for_event(event="ready")["evidence"]
        home.run("exec", "--", "curl", "-s", "-o", "/dev/null", shop.url("/"))
        terminal, side = pty.openpty()
        code = subprocess.call(home.command("status"), cwd=home.folder, env=home.environment, stdout=side)
        os.close(side)
        lines = _read_until(terminal, b"budget").decode().splitlines()
        os.close(terminal)
        proxy.stop()

    assert 0 == code
    assert [evidence] == [line.split()[1] for line in lines if line.startswith("evidence ")]
    assert any(line.split()[:3] == ["request-rate", "shop.test", "testing"] for line in lines)


def test_steering_from_another_terminal(home: Home, shop: Origin, authority: Any) -> None:
    """status tells how it is; halt blocks what was allowed, resume lets it through again."""
    curl = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", shop.url("/"))
    with running(home, "--json", *_lab(shop, authority)) as proxy:
        ready = json.loads(proxy.wait_for("ready"))
        status = home.run("status", "--json").form()
        halted = home.run("halt", "--reason", "slow", "--json")
        blocked = home.run("exec", "--", *curl)
        resumed = home.run("resume", "--reason", "ok")
        allowed = home.run("exec", "--", *curl)
        people = home.run("status")
        twice = home.run("resume", "--reason", "again")
        events = [json.loads(line) for line in proxy.lines]
        proxy.stop()

    assert (True, ready["listen"], "open") == (status["running"], status["listen"], status["gate"])
    assert {"state": "halted"} == halted.form()
    assert ("403", 0, "200") == (blocked.out, resumed.code, allowed.out)
    assert "1" == next(line.split()[-1] for line in people.out.splitlines() if line.startswith("released"))
    assert 2 == twice.code
    assert "nothing is halted" in twice.error
    assert ["halted", "resumed"] == [
        event["state"] for event in events if event["event"] == "store" and event["state"] != "gate-open"
    ]


def test_what_does_not_wait_is_one_error(home: Home, policy: Path) -> None:
    """Answering what nobody asked is an error of the running proxy, passed on."""
    with running(home, "--json") as proxy:
        proxy.wait_for("ready")
        asked = (("release", "h1"), ("deny", "h9"), ("release", "\x1b[2J"), ("confirm", "00"))
        results = [home.run(*words) for words in asked]
        pending = home.run("pending", "--json")
        proxy.stop()

    assert {2} == {result.code for result in results}
    assert all(result.error.isprintable() for result in results)
    assert (0, "") == (pending.code, pending.out)


def test_a_saved_policy_waits_until_it_is_confirmed(home: Home, policy: Path) -> None:
    """A widening change is told with its hash, changes nothing, and is in force when confirmed."""
    with running(home, "--json") as proxy:
        proxy.wait_for("ready")
        policy.write_text(policy.read_text().replace("load: [cdn.test]", "load: [cdn.test, new.test]"))
        waits = proxy.wait_for_event(event="policy", state="waits-for-confirmation")
        refused = home.run("exec", "--", "true")
        confirmed = home.run("confirm", waits["sha256"][:12], "--json")
        proxy.wait_for_event(event="policy", state="in-force")
        joined = home.run("exec", "--", "true")
        proxy.stop()

    assert 125 == refused.code
    assert {"state": "in-force"} == confirmed.form()
    assert 0 == joined.code, joined


def test_a_broken_policy_is_told_and_changes_nothing(home: Home, policy: Path) -> None:
    """While the file is broken the policy in force stays, and it is said once."""
    with running(home, "--json") as proxy:
        proxy.wait_for("ready")
        before = home.run("status", "--json").form()["policy_sha256"]
        evidence = home.run("status", "--json").form()["evidence"]
        policy.write_text("]][[")
        broken = proxy.wait_for_event(event="policy", state="broken")
        after = home.run("status", "--json", "--evidence", evidence).form()["policy_sha256"]
        proxy.stop()

    assert before == after
    assert "policy.yaml" in broken["summary"]


def test_allow_is_in_force_at_once(home: Home, shop: Origin, authority: Any, make_origin: MakeOrigin) -> None:
    """A host allowed on the command line is reached right away, without a confirmation."""
    cdn = make_origin("cdn.test")
    curl = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", cdn.url("/"))
    with running(home, "--json", *_lab(shop, authority), "--resolve", cdn.resolve) as proxy:
        proxy.wait_for("ready")
        before = home.run("exec", "--", *curl)
        allowed = home.run("allow", cdn.host_port, "--json")
        after = home.run("exec", "--", *curl)
        proxy.stop()

    assert ("403", "200") == (before.out, after.out)
    assert [f"load {cdn.host_port}"] == allowed.form()["added"]
    assert "in-force" == allowed.form()["state"]


def test_declared_rules_are_asked_on_a_terminal(home: Home, policy: Path) -> None:
    """On a terminal each rule is asked once; the answer is a note in the log."""
    policy.write_text(policy.read_text() + "declare: [no-social-engineering, no-dos-by-mail]\n")
    terminal, side = pty.openpty()
    script = (
        "import os, sys; os.login_tty(0);"
        "os.execv(sys.executable, [sys.executable, '-m', 'fairwitness', 'run', '--listen', '127.0.0.1:0'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=side, cwd=home.folder, env=home.environment
    )
    os.close(side)
    _read_until(terminal, b"no-social-engineering? [y/n]")
    os.write(terminal, b"y\n")
    _read_until(terminal, b"no-dos-by-mail? [y/n]")
    process.terminate()
    code = process.wait(PATIENCE_S)
    os.close(terminal)

    assert 0 == code
    assert ["no-dos-by-mail: not asked", "no-social-engineering: yes, as stated by the researcher"] == _notes(
        home
    )


def test_a_sign_in_is_asked_about_on_a_terminal(home: Home, make_origin: MakeOrigin) -> None:
    """One question a name; the answer is in accounts.yaml at once, Enter is no; nothing drives the screen."""
    origin = make_origin("in.test")
    cookie = ((b"Location", b"/home"), (b"Set-Cookie", b"sid=0123456789abcdef0123"))
    origin.put("/login", "", answer=Answer(status=303, headers=cookie))
    home.write("policy.yaml", policy_text(include=[f"http://{origin.host_port}"]))
    terminal, side = pty.openpty()
    script = (
        "import os, sys; os.login_tty(0);"
        "os.execv(sys.executable, [sys.executable, '-m', 'fairwitness', 'run', '--listen', '127.0.0.1:0',"
        f" '--resolve', '{origin.resolve}'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=side, cwd=home.folder, env=home.environment
    )
    os.close(side)
    started = _read_until(terminal, b"stop  ").decode()
    proxy = started.split("http://")[1].split()[0]

    def sign_in(name: str) -> None:
        form = ["--data-urlencode", f"username={name}", "--data", "password=hunter2secret"]
        assert 303 == curl(f"http://{proxy}", origin.url("/login", scheme="http"), *form).status

    sign_in("stranger\x1b[2J")
    seen = _read_until(terminal, b"[Enter = no]")
    os.write(terminal, b"\n")
    sign_in("newcomer")
    seen += _read_until(
        terminal, b"newcomer signed in at in.test: is it your own account? Name it [Enter = no]"
    )
    os.write(terminal, b"mine\n")
    accounts = home.folder.parent / ".local" / "share" / "fairwitness" / "programs"
    ends = time.monotonic() + PATIENCE_S
    while not list(accounts.glob("*/accounts.yaml")) and time.monotonic() < ends:
        time.sleep(0.02)
    process.terminate()
    code = process.wait(PATIENCE_S)
    os.close(terminal)

    assert 0 == code
    assert b"stranger\\x1b[2J signed in" in seen
    assert b"hunter2" not in seen
    listed = home.run("accounts", "list", "--json").forms()
    assert [{"name": "mine", "identities": ["newcomer"]}] == listed


def test_declared_rules_are_recorded_as_not_asked(home: Home, policy: Path) -> None:
    """Without a terminal nothing is asked, and the log says so."""
    policy.write_text(policy.read_text() + "declare: [no-social-engineering]\n")
    with running(home) as proxy:
        proxy.wait_for("stop")
        proxy.stop()

    assert ["no-social-engineering: not asked"] == _notes(home)


def _read_until(terminal: int, text: bytes) -> bytes:
    seen = b""
    ends = time.monotonic() + PATIENCE_S
    while text not in seen:
        assert time.monotonic() < ends, seen
        seen += os.read(terminal, 4096)
    return seen


def _notes(home: Home) -> list[str]:
    (folder,) = (home.folder.parent / ".local" / "share" / "fairwitness" / "programs").glob("*/evidence")
    with Reader.open(folder) as reader:
        pairs = [pair for entry in rare_entries(reader._connection, "note") for pair in entry.pairs()]
    return sorted(text.removeprefix("declare ") for _, text in pairs if text.startswith("declare "))


def test_findings_are_written_through_the_running_proxy(home: Home, shop: Origin, authority: Any) -> None:
    """While the proxy logs traffic, marks of several commands go through it, and none is lost."""
    with running(home, "--json", *_lab(shop, authority)) as proxy:
        proxy.wait_for("ready")
        for _ in range(3):
            home.run("exec", "--", "curl", "-sS", "-o", "/dev/null", shop.url("/"))
        busy = subprocess.Popen(
            home.command("exec", "--", "sh", "-c", f"for i in 1 2 3 4; do curl -s {shop.url('/')}; done"),
            cwd=home.folder,
            env=home.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        marking = [
            subprocess.Popen(
                home.command("mark", str(number), "--finding", "IDOR"),
                cwd=home.folder,
                env=home.environment,
                stdout=subprocess.DEVNULL,
            )
            for number in (1, 2, 3)
        ]
        codes = [each.wait() for each in (*marking, busy)]
        home.write("shot.png", "pixels")
        attached = home.run("finding", "attach", "IDOR", "shot.png")
        (finding,) = home.run("finding", "list", "--json").forms()
        sessions = {row["session"] for row in home.run("log", "--json").forms()}
        proxy.stop()

    assert ([0, 0, 0, 0], 0) == (codes, attached.code)
    assert ([1, 2, 3], 1) == (finding["exchanges"], finding["attachments"])
    assert {1} == sessions
