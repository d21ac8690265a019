from __future__ import annotations

import base64
import http.cookiejar
import json
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fairwitness.evidence import Keep, Log
from fairwitness.evidence.testing import ALLOWED, NOON_US, make_exchange, make_flag, make_request
from fairwitness.model.finding import Change, FindingChange, Marked
from fairwitness.policy import load_policy
from fairwitness.testing import PATIENCE_S

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home

SECRET = "q7Zt0Xw9LkP3vB8nM2rY"
MESSAGE = b'{"password": "%s", "plain": "teapot"}' % SECRET.encode()
COPIES = ".local/share/fairwitness/explore"


@pytest.fixture
def logged(home: Home, policy: Path) -> Path:
    """Evidence with a secret in a header, a URL, bodies, a finding's note and a flag."""
    loaded = load_policy(policy)
    folder = home.folder / "evidence"
    log = Log.open(folder, program=loaded.program, now_us=NOON_US)
    log.append_session([], time_us=NOON_US)
    log.append_policy(loaded, time_us=NOON_US, why="start")
    request = make_request(
        host="shop.test",
        method="POST",
        target=f"/login?access_token={SECRET}".encode(),
        headers=((b"Host", b"shop.test"), (b"Authorization", f"Bearer {SECRET}".encode())),
        body=MESSAGE,
    )
    number = log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    answer = make_exchange(request, body=base64.b64encode(SECRET.encode()) + b" <script>alert(1)</script>")
    log.append_response(answer, body=None, keep=Keep.WHOLE)
    other = make_request(host="shop.test", target=b"/picture", headers=((b"Host", b"shop.test"),))
    log.append_request(other, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.append_response(make_exchange(other, body=b"\x89PNG\0\xff"), body=None, keep=Keep.WHOLE)
    log.append_flag(make_flag("f1", request.exchange))
    change = FindingChange(
        finding="IDOR",
        change=Change.MARKED,
        exchanges=(Marked(number, request.exchange),),
        text=f"log in with {SECRET}",
    )
    log.append_remark(change, time_us=NOON_US)
    log.close(time_us=NOON_US)
    return folder


@contextmanager
def _explored(home: Home, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    with subprocess.Popen(
        home.command("explore", "--evidence", "evidence", "--json", *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=home.folder,
        env=home.environment,
    ) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert line, process.stderr and process.stderr.read()
            yield process, json.loads(line)["url"]
        finally:
            if process.poll() is None:
                process.kill()


def _get(opener: urllib.request.OpenerDirector, url: str) -> tuple[int, str]:
    try:
        with opener.open(url, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def _opener() -> urllib.request.OpenerDirector:
    jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)


def _copies(home: Home) -> list[Path]:
    return sorted((Path(home.environment["HOME"]) / COPIES).glob("*"))


def test_explore_shows_a_copy_without_secrets_to_its_owner(home: Home, logged: Path) -> None:
    """Without the address every page is 403, with it the copy and nothing else; it holds no secret."""
    stranger, owner = _opener(), _opener()
    with _explored(home) as (process, url):
        base = url.partition("/-/")[0]
        pages = (
            "/",
            "/evidence",
            "/evidence/exchange",
            "/evidence.db",
            "/evidence.json?sql=select+1",
            "/-/databases",
        )
        refused = [_get(stranger, base + page)[0] for page in pages]
        wrong = _get(stranger, f"{base}/-/auth-token?token=00")[0]
        entered = _get(owner, url)
        again = _get(stranger, url)[0]
        internal = _get(owner, f"{base}/_internal")[0]
        table = _get(owner, f"{base}/evidence/exchange.json?_shape=array")
        found = _get(owner, f"{base}/evidence/body.json?_shape=array&_search=teapot")
        (copy,) = _copies(home)
        raw = (copy / "evidence.db").read_bytes()
        modes = [oct(each.stat().st_mode & 0o777) for each in (copy, copy / "evidence.db")]
        process.send_signal(signal.SIGTERM)
        process.wait(60)

    assert ([403] * len(pages), 403) == (refused, wrong)
    assert (200, 403, 403) == (entered[0], again, internal)
    assert ["https://shop.test/picture"] == [
        row["url"] for row in json.loads(table[1]) if "picture" in row["url"]
    ]
    assert 1 == len(json.loads(found[1]))
    assert ["0o700", "0o600"] == modes
    for spelling in (SECRET.encode(), base64.b64encode(SECRET.encode()), SECRET.lower().encode()):
        assert spelling not in raw
    assert [] == _copies(home)


def test_the_copy_holds_what_was_recorded(home: Home, logged: Path, tmp_path: Path) -> None:
    """Exchanges, headers, text bodies, flags, findings and sessions are tables that join."""
    with _explored(home) as (_, _url):
        (copy,) = _copies(home)
        kept = tmp_path / "kept.db"
        kept.write_bytes((copy / "evidence.db").read_bytes())

    def asked(sql: str) -> list[Any]:
        with closing(sqlite3.connect(kept)) as connection:
            return connection.execute(sql).fetchall()

    assert [(1, "POST", 200), (2, "GET", 200)] == asked("SELECT id, method, status FROM exchange")
    assert [(None,)] == asked("SELECT text FROM body WHERE exchange = 2 AND side = 'response'")
    assert [("f1", "request-rate")] == asked("SELECT flag, rule FROM flag")
    assert [("IDOR", 1, "POST")] == asked(
        "SELECT finding, exchange, method FROM finding_exchange JOIN exchange ON exchange.id = exchange"
    )
    assert [("note",)] == asked("SELECT what FROM finding_text")
    assert [(1,)] == asked("SELECT session FROM session")


def test_a_copy_that_was_left_goes_at_the_next_start(home: Home, logged: Path) -> None:
    """After a power cut a copy stays; the next command removes it, and not that of one that runs."""
    old = Path(home.environment["HOME"]) / COPIES / "old"
    old.mkdir(parents=True, mode=0o700)
    for name in ("lock", "evidence.db"):
        (old / name).touch()
    with _explored(home) as (first, _), _explored(home) as (second, _):
        running = _copies(home)
        for each in (first, second):
            each.send_signal(signal.SIGINT)
            each.wait(60)

    assert (2, False) == (len(running), old.exists())
    assert [] == _copies(home)


def test_explore_needs_its_extra(home: Home, logged: Path) -> None:
    """Where Datasette is not installed the error says how to get it."""
    hidden = home.folder / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u\nold = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'datasette' else old(name, *more)\n"
    )

    result = home.run("explore", "--evidence", "evidence", PYTHONPATH=str(hidden))

    assert 2 == result.code
    assert "pip install 'fairwitness[explore]'" in result.error


def test_datasette_and_the_copy_go_with_a_killed_command(home: Home, logged: Path) -> None:
    """SIGKILL leaves no process that serves, and nothing on the disk."""
    with _explored(home) as (process, url):
        (copy,) = _copies(home)
        base = url.partition("/-/")[0]
        served = _get(_opener(), base + "/")[0]
        process.kill()
        process.wait(60)
        port = int(base.rpartition(":")[2])
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends and (_answers(port) or copy.exists()):
            time.sleep(0.05)

    assert 403 == served
    assert not _answers(port)
    assert [] == _copies(home)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_a_page_under_another_name_reads_nothing(home: Home, logged: Path) -> None:
    """A name of somebody else that leads to loopback brings no cookie."""
    owner = _opener()
    with _explored(home) as (_, url):
        base = url.partition("/-/")[0]
        port = base.rpartition(":")[2]
        entered = _get(owner, url)[0]
        stranger = urllib.request.Request(base + "/evidence/body.json", headers={"Host": f"evil.test:{port}"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(stranger, timeout=60)
        refused.value.close()

    assert (200, 403) == (entered, refused.value.code)
