"""The live terminal in a real pty: what it shows, what its keys do at the origin, and how it leaves."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pyte
import pytest

from fairwitness.evidence import Reader
from fairwitness.evidence.stored import rare_entries
from fairwitness.testing import Authority, Origin
from fairwitness.testing.client import RawClient, Reply, curl
from fairwitness.testing.policy_text import policy_text
from fairwitness.testing.tally import PATIENCE_S

HOLDING = {
    "limits": {
        "testing": {"total": {"rate": "1000/s", "burst": 1000, "requests": "1/day"}},
        "says": "Ask before you go on.",
    },
    "rules": {"budget": {"action": "hold", "says": "Ask before you go on."}},
}
_AGAIN_S = 3.0  # far more than a key takes to be answered
LEFT = "\x1b[?1049l"


class Terminal:
    """A terminal of a given size with ``fairwitness run`` in it, read by an emulator.

    A class, because it owns the pty, the process and the thread that reads.
    """

    def __init__(
        self, folder: Path, origin: Origin, authority: Authority, *, size: tuple[int, int], **policy: object
    ) -> None:
        self.folder = folder
        self.policy_file = folder / "policy.yaml"
        self.policy_file.write_text(policy_text(include=[f"https://{origin.host_port}"], **policy))  # type: ignore[arg-type]
        self._words = [
            *(sys.executable, "-m", "fairwitness", "run", "--policy", str(self.policy_file)),
            *("--evidence", str(folder / "evidence"), "--ca-dir", str(folder / "ca")),
            *("--listen", "127.0.0.1:0", "--upstream-ca", str(authority.pem), "--resolve", origin.resolve),
        ]
        self.environment = {
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
        }
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._changed = threading.Condition()
        self._is_read = threading.Event()
        self._is_read.set()
        self.raw = b""
        """All that was written to it."""
        self._master, self._slave = os.openpty()
        self.modes = termios.tcgetattr(self._slave)
        """As they were before."""
        self._set_size(*size)

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._words, env=self.environment, cwd=self.folder, preexec_fn=lambda: os.login_tty(self._slave)
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_read.set()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            os.close(self._slave)
            self._thread.join(PATIENCE_S)
            os.close(self._master)

    def _read(self) -> None:
        while True:
            self._is_read.wait()
            try:
                ready, _, _ = select.select([self._master], [], [], 0.1)
                if not ready:
                    continue
                data = os.read(self._master, 65536)
            except (OSError, ValueError):
                return  # the last end of the terminal was closed
            with self._changed:
                self.raw += data
                self._stream.feed(data)
                self._changed.notify_all()

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    @property
    def text(self) -> str:
        """What stands on it."""
        with self._changed:
            return "\n".join(self._screen.display)

    def wait_for(self, words: str, *, patience_s: float = PATIENCE_S) -> str:
        """The screen, once these words (an expression) stand on it."""
        ends = time.monotonic() + patience_s
        with self._changed:
            while not re.search(words, "\n".join(self._screen.display)):
                left = ends - time.monotonic()
                if left <= 0:
                    raise TimeoutError(
                        f"{words!r} never stood on the screen:\n" + "\n".join(self._screen.display)
                    )
                self._changed.wait(left)
            return "\n".join(self._screen.display)

    def press(self, keys: bytes) -> None:
        """Send it, all at once."""
        os.write(self._master, keys)

    def press_until(self, key: bytes, words: str) -> str:
        """Press a key, and again where it came too soon after what it answers."""
        for _ in range(int(PATIENCE_S / _AGAIN_S)):
            self.press(key)
            with contextlib.suppress(TimeoutError):
                return self.wait_for(words, patience_s=_AGAIN_S)
        raise TimeoutError(f"{words!r} never stood on the screen:\n{self.text}")

    def resize(self, columns: int, lines: int) -> None:
        """Make it another size, as a window manager does."""
        with self._changed:
            self._set_size(columns, lines)
            self._screen.resize(lines, columns)
        os.kill(self.process.pid, signal.SIGWINCH)

    def browse_with(self, script: str) -> None:
        """Run ``fairwitness browser`` in place of ``run``, with a script for a browser."""
        browser = self.folder / "browser.sh"
        browser.write_text(f"#!/bin/sh\n{script}\n")
        browser.chmod(0o700)
        self.environment["FAIRWITNESS_CHROMIUM"] = str(browser)
        self._words[self._words.index("run")] = "browser"

    def stop_reading(self) -> None:
        """Leave whatever is written in the kernel's buffer, as a terminal that hangs does."""
        self._is_read.clear()

    @property
    def proxy(self) -> str:
        """The proxy's address, as the screen tells it."""
        found = re.search(r"http://127\.0\.0\.1:\d+", self.wait_for(r"http://127\.0\.0\.1:\d+ "))
        assert found
        return found[0]

    def curl(self, url: str) -> Reply:
        """What curl gets through the proxy."""
        return curl(self.proxy, url, "--cacert", str(self.folder / "ca" / "mitmproxy-ca-cert.pem"))

    @contextlib.contextmanager
    def asking(self, url: str) -> Iterator[list[Reply]]:
        """Curl in the background; its reply is there afterwards."""
        replies: list[Reply] = []
        thread = threading.Thread(target=lambda: replies.append(self.curl(url)))
        thread.start()
        yield replies
        thread.join(PATIENCE_S)

    def end(self) -> int:
        """Its exit code, once it has ended by itself."""
        return self.process.wait(PATIENCE_S)


MakeTerminal = Callable[..., Terminal]


@pytest.fixture
def origin(make_origin: Callable[..., Origin]) -> Origin:
    """What is in scope."""
    return make_origin("in.test")


@pytest.fixture
def terminal(authority: Authority, origin: Origin, tmp_path: Path) -> MakeTerminal:
    """Makes terminals, to be entered."""

    def make(*, size: tuple[int, int] = (80, 24), **policy: object) -> Terminal:
        return Terminal(tmp_path, origin, authority, size=size, **policy)

    return make


@pytest.mark.parametrize(("key", "status", "arrived"), [(b"y", 200, 1), (b"n", 403, 0)])
def test_a_key_answers_a_hold(
    terminal: MakeTerminal, origin: Origin, key: bytes, status: int, arrived: int
) -> None:
    """The request reaches the origin after y and never after n; the seconds left are counted down."""
    with terminal(**HOLDING) as shown:
        shown.curl(origin.url("/free"))
        with shown.asking(origin.url("/held")) as replies:
            shown.wait_for(r"> h1 GET https://in\.test.*\b[1-5]\d s")
            before = len(origin.requests_for("/held"))
            shown.press_until(key, "h1 (released|denied)")

    assert [status] == [reply.status for reply in replies]
    assert (0, arrived) == (before, len(origin.requests_for("/held")))


def test_pasted_text_releases_nothing(terminal: MakeTerminal, origin: Origin) -> None:
    """Neither in brackets nor without them, nor as the letters of an escape sequence."""
    with terminal(**HOLDING) as shown:
        shown.curl(origin.url("/free"))
        with shown.asking(origin.url("/held")):
            shown.wait_for("> h1 GET")
            shown.press(b"\x1b[200~y\x1b[201~")
            shown.wait_for("pasted text is not taken as keys")
            shown.press(b"\x1b")
            shown.wait_for("\nf flags")
            shown.press(b"yyyy")
            shown.wait_for("pasted text is not taken as keys")
            arrived = len(origin.requests_for("/held"))
            shown.press_until(b"n", "h1 denied")

    assert 0 == arrived == len(origin.requests_for("/held"))


def test_a_flag_is_answered_on_the_screen(terminal: MakeTerminal, origin: Origin, tmp_path: Path) -> None:
    """f, the answer's letter, a note and Enter; it is then answered in the log."""
    with terminal(**HOLDING) as shown:
        shown.curl(origin.url("/free"))
        with shown.asking(origin.url("/held")):
            shown.wait_for("> h1 GET")
            shown.press(b"f")
            shown.wait_for(r"flags: 1 open \(a accident")
            shown.press(b"u")
            shown.wait_for("f1 as authorised, note: _")
            shown.press(b"they said so")
            shown.wait_for("note: they said so_")
            shown.press(b"\r")
            shown.wait_for("f1 answered: authorised")
            shown.press_until(b"n", "h1 denied")
        shown.wait_for("OPEN")
    with Reader.open(tmp_path / "evidence") as reader:
        (row,) = reader.flags()

    assert row.answer is not None
    assert ("authorised", "they said so") == (row.answer.answered_as.value, row.answer.note)


def test_halt_resume_and_a_note(terminal: MakeTerminal, origin: Origin, tmp_path: Path) -> None:
    """One key halts; resuming asks for a reason, which is in the log."""
    with terminal(size=(120, 40)) as shown:
        first = shown.curl(origin.url("/one"))
        shown.press(b"h")
        shown.wait_for("HALTED")
        second = shown.curl(origin.url("/two"))
        shown.press(b"r")
        shown.wait_for("Why may traffic go on")
        shown.press(b"my own script")
        shown.wait_for("my own script_")
        shown.press(b"\r")
        shown.wait_for("OPEN")
        third = shown.curl(origin.url("/three"))
        shown.wait_for("halt .*: everything is halted")
    notes = _notes(tmp_path / "evidence")

    assert [200, 200] == [first.status, third.status]
    assert 403 <= second.status <= 503
    assert () == origin.requests_for("/two")
    assert "resumed: my own script" in notes


def test_a_page_gets_no_host_past_a_glance(terminal: MakeTerminal, origin: Origin) -> None:
    """Of a hundred hosts that a page asks for, the first key adds none, the second those that are shown."""
    wanted = [f"https://a{number:03}.cdn.test/" for number in range(100)]
    images = "".join(f"<img src={url}>" for url in wanted)
    origin.put("/page", f"<html>{images}</html>", kind="text/html")
    with terminal(size=(100, 30)) as shown:
        opened = _fetch("none", "navigate", "document", accept="text/html")
        curl(shown.proxy, origin.url("/page"), *opened, "-H", "Sec-Fetch-User: ?1")
        page = [*_fetch("cross-site", "no-cors", "image", accept="image/avif"), "-e", origin.url("/page")]
        curl(shown.proxy, wanted[0], *page)
        shown.wait_for(r"suggestions: 1 host \(a adds all(.|\n)* a000\.cdn\.test")
        for url in wanted[1:]:
            curl(shown.proxy, url, *page)
        shown.wait_for(r"suggestions: 100 hosts, \d+ not named here \(a shows them")
        shown.press_until(b"a", "100 suggested")
        between = shown.policy_file.read_text()
        listed = shown.wait_for("9 a008.cdn.test")
        shown.press_until(b"a", "added [0-9]+: load a000.cdn.test")
        added = re.findall(r"a\d{3}\.cdn\.test", shown.policy_file.read_text())

    assert "cdn.test" not in between
    assert 9 < len(added) < 30
    assert set(added) <= set(re.findall(r"a\d{3}\.cdn\.test", listed))


def test_a_policy_that_waits_is_confirmed(
    terminal: MakeTerminal, origin: Origin, make_origin: Callable[..., Origin]
) -> None:
    """What widens is shown, and in force after c and y."""
    with terminal() as shown:
        shown.wait_for("OPEN")
        text = policy_text(include=[f"https://{origin.host_port}", "other.test"])
        shown.policy_file.write_text(text)
        shown.wait_for("a changed policy waits")
        shown.press(b"c")
        shown.wait_for("other.test(.|\n)*Put this policy in force")
        shown.press(b"y")
        shown.wait_for("is in force")


def test_declared_rules_are_asked_on_the_screen(terminal: MakeTerminal, tmp_path: Path) -> None:
    """What is answered is noted as stated, what is not as not asked."""
    with terminal(declare=["no-dos", "no-spam"]) as shown:
        shown.wait_for("> Do you keep to this rule.*no-dos")
        shown.press_until(b"y", "> Do you keep to this rule.*no-spam")
        shown.press(b"q")
        code = shown.end()
    notes = _notes(tmp_path / "evidence")

    assert 0 == code
    assert {"declare no-dos: yes, as stated by the researcher", "declare no-spam: not asked"} <= notes


def test_it_survives_every_size(terminal: MakeTerminal, origin: Origin) -> None:
    """Smaller and larger while it runs, always with the state above and the keys below."""
    with terminal() as shown:
        shown.curl(origin.url("/first"))
        for columns, lines in ((60, 15), (200, 50), (80, 24), (61, 16)):
            shown.resize(columns, lines)
            shown.press(b"?")
            shown.wait_for(r"keys \(Esc: back\)")
            shown.press(b"\x1b")
            rows = shown.wait_for(r"(?s)OPEN.*/first.*q quit").splitlines()
            assert lines == len(rows)
            assert "q quit" in rows[-1]


def test_a_hostile_url_cannot_drive_the_terminal(terminal: MakeTerminal, origin: Origin) -> None:
    """Escapes of a URL arrive as text: no title, no cleared screen, no colour of its own."""
    with terminal(size=(120, 24)) as shown:
        with RawClient(shown.proxy.removeprefix("http://")) as client:
            client.connect(origin.host_port)
            client.start_tls(
                origin.name, ca=shown.folder / "ca" / "mitmproxy-ca-cert.pem", alpn=("http/1.1",)
            )
            target = b"/\x1b]0;pwned\x07\x1b[2J\x9b31m\xe2\x80\xae[red]"
            client.send(b"GET " + target + b" HTTP/1.1\r\nHost: " + origin.host_port.encode() + b"\r\n\r\n")
            shown.wait_for(r"/\\x1b\]0;pwned\\x07\\x1b\[2J")
        raw = shown.raw

    assert b"\x1b]" not in raw
    assert b"\x07" not in raw
    assert b"\x9b31m" not in raw


def test_a_terminal_that_nobody_reads_stops_no_traffic(terminal: MakeTerminal, origin: Origin) -> None:
    """Hundreds of requests pass while the kernel's buffer is full; read again, it shows the newest."""
    with terminal(size=(200, 50)) as shown:
        shown.curl(origin.url("/first"))
        proxy = shown.proxy
        shown.stop_reading()
        ca = str(shown.folder / "ca" / "mitmproxy-ca-cert.pem")
        urls = [origin.url(f"/unread-{number}") for number in range(200)]
        outputs = [part for url in urls for part in ("-o", "/dev/null", url)]
        done = subprocess.run(
            ["curl", "-s", "-x", proxy, "--cacert", ca, "-w", "%{http_code}\n", *outputs],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S * 3,
            check=False,
        )
        arrived = len(origin.requests_below("/unread-"))
        shown._is_read.set()
        shown.wait_for("/unread-199")

    assert 200 == arrived == done.stdout.count("200")


@pytest.mark.parametrize("how", ["q", "SIGTERM", "SIGINT", "SIGHUP", "unread"])
def test_the_terminal_is_given_back(terminal: MakeTerminal, origin: Origin, how: str) -> None:
    """Its modes as before, the alternate screen left, a last line about the session."""
    with terminal() as shown:
        shown.curl(origin.url("/one"))
        shown.wait_for("1 released")
        during = termios.tcgetattr(shown._slave)
        if how == "unread":
            termios.tcflow(shown._slave, termios.TCOOFF)  # as Ctrl-S does
            shown.curl(origin.url("/two"))
            shown.process.terminate()
        elif how == "q":
            shown.press(b"q")
        else:
            os.kill(shown.process.pid, signal.Signals[how])
        code = shown.end()
        after = termios.tcgetattr(shown._slave)
        shown.wait_for(r"session 1: [12] exchanges?, 0 blocked")

    assert 0 == code
    assert not during[3] & termios.ICANON
    assert shown.modes == after
    assert LEFT.encode() in shown.raw


def test_a_fault_gives_the_terminal_back(terminal: MakeTerminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in the drawing ends the run with an error, on a terminal as it was before."""
    with terminal() as shown:
        pass
    broken = (
        "import fairwitness.cli.live.view as view, fairwitness.cli.live.screen as screen\n"
        "def draw(*given): raise RuntimeError('a bug')\n"
        "screen.draw = draw\n"
        "from fairwitness.cli.main import main\n"
        "main()\n"
    )
    words = shown._words
    again = Terminal.__new__(Terminal)
    again.__dict__.update(shown.__dict__)
    again._master, again._slave = os.openpty()
    again._set_size(80, 24)
    again._words = [words[0], "-c", broken, *words[3:]]
    again.raw = b""
    with again:
        code = again.end()
        after = termios.tcgetattr(again._slave)
        again.wait_for("a bug of fairwitness, RuntimeError in")
        again.wait_for("it may show traffic")
    named = re.search(rb"Reportitwith(/[^,]+),", re.sub(rb"\s", b"", again.raw))

    assert named is not None
    Path(named[1].decode()).unlink()
    assert 4 == code
    assert shown.modes[3] == after[3]
    assert LEFT.encode() in again.raw


def test_a_browser_of_its_own_proxy_has_the_screen_beside_it(
    terminal: MakeTerminal, origin: Origin, tmp_path: Path
) -> None:
    """What the browser says does not reach the terminal; q ends the browser, and the exit code is its own."""
    shown = terminal()
    shown.browse_with("trap 'echo ended; exit 0' TERM; echo $$ noise >&2; while :; do sleep 0.1; done")
    with shown:
        shown.curl(origin.url("/one"))
        shown.wait_for("1 released")
        shown.press(b"q")
        code = shown.end()
        shown.wait_for("session 1: 1 exchange, 0 blocked")
    (said,) = tmp_path.rglob("browser.log")
    pid, *words = said.read_text().split()

    assert (0, ["noise", "ended"]) == (code, words)
    assert b"noise" not in shown.raw
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def test_the_screen_ends_with_the_browser(terminal: MakeTerminal, tmp_path: Path) -> None:
    """One that fails is an error that names the file with its words."""
    shown = terminal(size=(200, 24))
    shown.browse_with("read line <&0; until [ -e go ]; do sleep 0.1; done; echo no display; exit 3")
    with shown:
        shown.wait_for("OPEN")
        (tmp_path / "go").touch()
        code = shown.end()
        shown.wait_for("the browser ended with code 3. Read ")
        after = termios.tcgetattr(shown._slave)

    assert 125 == code
    assert shown.modes == after


def test_it_can_be_suspended_and_goes_on(terminal: MakeTerminal, origin: Origin) -> None:
    """Ctrl-Z gives the terminal back; when it goes on, the screen is there again."""
    with terminal() as shown:
        shown.curl(origin.url("/one"))
        shown.wait_for("1 released")
        shown.press(b"\x1a")
        _, status = os.waitpid(shown.process.pid, os.WUNTRACED)
        suspended = termios.tcgetattr(shown._slave)
        os.kill(shown.process.pid, signal.SIGCONT)
        again = shown.curl(origin.url("/two"))
        shown.wait_for("2 released")

    assert os.WIFSTOPPED(status)
    assert shown.modes == suspended
    assert 200 == again.status


def _fetch(site: str, mode: str, dest: str, *, accept: str) -> list[str]:
    """What curl must be told to look like a Chromium."""
    headers = {
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0",
        "Accept": accept,
        "Accept-Language": "en",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Sec-Fetch-Site": site,
        "Sec-Fetch-Mode": mode,
        "Sec-Fetch-Dest": dest,
    }
    return ["-k", *(part for name, value in headers.items() for part in ("-H", f"{name}: {value}"))]


def _notes(folder: Path) -> set[str]:
    with Reader.open(folder) as reader:
        return {text for entry in rare_entries(reader._connection, "note") for _, text in entry.pairs()}
