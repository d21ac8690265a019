from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import sqlite3
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fairwitness.evidence import Keep
from fairwitness.evidence.schema import connect_readonly
from fairwitness.evidence.stored import rare_entries
from fairwitness.evidence.testing import ALLOWED, BLOCKED, NOON_US, make_exchange, make_request, open_log

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home, Result

FORMATS = ("har", "jsonl", "csv", "markdown", "html", "curl", "http", "mitm")


@pytest.fixture
def logged(home: Home) -> Path:
    """An evidence folder with two exchanges and a blocked attempt."""
    folder = home.folder / "evidence"
    log = open_log(folder)
    log.append_session([("listen", "127.0.0.1:8080")], time_us=NOON_US)
    for turn in range(2):
        request = make_request(at_us=NOON_US + turn, headers=((b"Host", b"app.example.test"),))
        log.append_request(request, verdict=ALLOWED, released_us=NOON_US + turn + 5, keep=Keep.WHOLE)
        log.append_response(make_exchange(request, body=b"hello", headers=()), body=None, keep=Keep.WHOLE)
    log.append_blocked(make_request(host="cdn.other.test"), verdict=BLOCKED, time_us=NOON_US + 10)
    log.commit_now()
    log.close(time_us=NOON_US + 20)
    return folder


def _export(home: Home, folder: Path, *words: str | bytes) -> Result:
    return home.run("export", "--evidence", str(folder), *words)


def _names(home: Home) -> list[str]:
    """All files but those that SQLite makes while it reads."""
    return sorted(each.name for each in home.folder.rglob("*") if not each.name.endswith(("-wal", "-shm")))


def _entries(folder: Path) -> int:
    connection = sqlite3.connect(folder / "log.sqlite3")
    try:
        (count,) = connection.execute("SELECT count(*) FROM entry WHERE kind = 'export'").fetchone()
    finally:
        connection.close()
    return int(count)


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_written_and_told(home: Home, logged: Path, name: str) -> None:
    """The file is there with mode 0600, what is said of it is so, and it is an entry of the log."""
    done = _export(home, logged, "--format", name, "-o", "out.file", "--unredacted", "--json")
    path = home.folder / "out.file"
    form = done.form()

    assert 0 == done.code, done.err
    keys = {"file", "format", "exchanges", "left_out", "bytes", "sha256", "redacted", "hidden"}
    assert keys | {"warnings", "missing"} == set(form)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == form["sha256"]
    assert (0o600, path.stat().st_size) == (path.stat().st_mode & 0o777, form["bytes"])
    assert 3 == form["exchanges"] + form["left_out"]
    assert (1 if name in ("har", "curl", "http", "mitm") else 0) == form["left_out"]
    assert 1 == _entries(logged)
    assert ["evidence", "out.file"] == sorted(each.name for each in home.folder.iterdir())


def test_people_are_told_what_is_in_it(home: Home, logged: Path) -> None:
    """Name, count, hash, what was left out, and that nothing is hidden."""
    done = _export(home, logged, "--format", "har", "-o", "a.har", "--unredacted")

    assert done.out.startswith("a.har: 2 exchanges, ")
    assert "1 left out: blocked or tunnels; --decision block exports what was blocked" in done.out
    assert "Nothing is hidden in it" in done.out


@pytest.mark.parametrize("name", FORMATS)
def test_secrets_are_hidden_unless_asked_for(home: Home, logged: Path, name: str) -> None:
    """The cookie and the token of a request are in no format, in no spelling; --unredacted shows them."""
    log = open_log(logged, now_us=NOON_US + 30)
    cookie, token = b"f3Kd9a0Lx8Qm2Zp7", b"Zx81kd02Lq9fWm3T"
    headers = (
        (b"Host", b"app.example.test"),
        (b"Cookie", b"sid=" + cookie),
        (b"Authorization", b"Bearer " + token),
    )
    target = b"/a?r=" + base64.b64encode(b"x" + cookie)
    request = make_request(at_us=NOON_US + 31, headers=headers, target=target)
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US + 31, keep=Keep.WHOLE)
    body = b"you are " + cookie.hex().encode() + b" " + token
    log.append_response(make_exchange(request, body=body), body=None, keep=Keep.WHOLE)
    log.close(time_us=NOON_US + 40)
    hidden = _export(home, logged, "--format", name, "-o", "hidden", "--json")
    bare = _export(home, logged, "--format", name, "-o", "bare", "--unredacted")
    content, shown = ((home.folder / each).read_bytes() for each in ("hidden", "bare"))

    assert (0, 0) == (hidden.code, bare.code), (hidden.err, bare.err)
    assert hidden.form()["redacted"]
    assert 0 < hidden.form()["hidden"]
    for secret in (cookie, token):
        spellings = {secret, secret.hex().encode()}
        spellings |= {base64.b64encode(b"x" * at + secret)[4:16] for at in range(3)}
        assert not any(each in content for each in spellings)
    assert name == "csv" or b"COOKIE_A" in content
    assert name == "csv" or token in shown


def test_blocked_attempts_are_exported_when_asked_for(home: Home, logged: Path) -> None:
    """--decision block."""
    done = _export(home, logged, "--format", "har", "-o", "-", "--unredacted", "--decision", "block")
    (entry,) = json.loads(done.out)["log"]["entries"]

    assert (0, "block") == (entry["response"]["status"], entry["_fairwitness"]["decision"])


def test_stdout_gets_the_file_alone(home: Home, logged: Path) -> None:
    """What is said goes to stderr."""
    done = _export(home, logged, "--format", "csv", "-o", "-", "--unredacted", "--id", "1")
    rows = list(csv.DictReader(io.StringIO(done.out, newline="")))

    assert ["1"] == [row["id"] for row in rows]
    assert "-: 1 exchange" in done.err


def test_a_reader_that_goes_away_ends_it_quietly(home: Home, logged: Path) -> None:
    """As `yes | head` ends: 141, and no word of it."""
    log = open_log(logged, now_us=NOON_US + 30)
    request = make_request(method="PUT", body=os.urandom(300_000))
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US + 30, keep=Keep.WHOLE)
    log.close(time_us=NOON_US + 40)
    command = home.command(
        "export", "--evidence", str(logged), "--format", "jsonl", "-o", "-", "--unredacted"
    )
    process = subprocess.Popen(
        command,
        cwd=home.folder,
        env=home.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.read(10)
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate(timeout=60)

    assert (141, b"") == (process.returncode, said)


def test_an_existing_file_is_replaced(home: Home, logged: Path) -> None:
    """In one step, with mode 0600."""
    path = home.write("a.har", "old")
    path.chmod(0o644)
    done = _export(home, logged, "--format", "har", "-o", "a.har", "--unredacted")

    assert 0 == done.code
    assert 0o600 == path.stat().st_mode & 0o777
    assert "log" in json.loads(path.read_text())


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("folder", "it is a folder"),
        ("link", "it is a symbolic link"),
        ("pipe", "it is no regular file"),
        ("missing/a.har", "No such file or directory"),
        ("evidence/log.sqlite3", "it lies in the evidence folder"),
        ("evidence/new.har", "it lies in the evidence folder"),
        ("x" * 300, "File name too long"),
    ],
)
def test_places_that_must_not_be_written_are_refused(home: Home, logged: Path, out: str, says: str) -> None:
    """Exit 3, nothing is changed, and nothing is in the log."""
    (home.folder / "folder").mkdir()
    (home.folder / "link").symlink_to(home.write("aim", "kept"))
    os.mkfifo(home.folder / "pipe")
    before = _names(home)
    done = _export(home, logged, "--format", "har", "-o", out, "--unredacted")

    assert 3 == done.code
    assert says in done.error
    assert before == _names(home)
    assert "kept" == (home.folder / "aim").read_text()
    assert 0 == _entries(logged)


def test_what_is_asked_wrongly_is_exit_two(home: Home, logged: Path) -> None:
    """No format, an unknown one, no OUT."""
    for words in (("-o", "a"), ("--format", "pdf", "-o", "a"), ("--format", "har")):
        assert 2 == _export(home, logged, *words).code


def test_no_evidence_is_exit_three(home: Home, tmp_path: Path) -> None:
    """A folder without a log."""
    done = _export(home, tmp_path, "--format", "har", "-o", "a.har")

    assert 3 == done.code
    assert not (home.folder / "a.har").exists()


def test_a_full_disk_leaves_nothing(home: Home, logged: Path) -> None:
    """A file that cannot grow: exit 3, no file, no rest of one."""
    log = open_log(logged, now_us=NOON_US + 30)
    log.append_request(
        make_request(method="PUT", body=os.urandom(900_000)),
        verdict=ALLOWED,
        released_us=NOON_US + 30,
        keep=Keep.WHOLE,
    )
    log.close(time_us=NOON_US + 40)
    command = home.command(
        "export", "--evidence", str(logged), "--format", "jsonl", "-o", "a", "--unredacted"
    )
    limited = ["bash", "-c", 'ulimit -f 1000; exec "$@"', "bash", *command]  # 1 MiB
    done = subprocess.run(limited, cwd=home.folder, env=home.environment, capture_output=True, timeout=60)

    assert 3 == done.returncode, done.stderr
    assert b"nothing is left of it" in done.stderr
    assert ["evidence"] == sorted(each.name for each in home.folder.iterdir())


def test_two_exports_at_once_both_finish(home: Home, logged: Path) -> None:
    """Into one file: it is one of the two, whole, and both are in the log."""
    running = [
        subprocess.Popen(
            home.command(
                *("export", "--evidence", str(logged), "--format", "har", "-o", "a.har", "--unredacted")
            ),
            cwd=home.folder,
            env=home.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    errors = [each.communicate(timeout=60)[1] for each in running]

    assert [0, 0] == [each.returncode for each in running], errors
    assert 2 == len(json.loads((home.folder / "a.har").read_text())["log"]["entries"])
    assert 2 == _entries(logged)
    assert ["a.har", "evidence"] == sorted(each.name for each in home.folder.iterdir())


def test_the_entry_says_what_was_exported(home: Home, logged: Path) -> None:
    """Format, file's name, count, hash, and the filters."""
    (home.folder / "deep").mkdir()
    done = _export(
        home, logged, "--format", "jsonl", "-o", "deep/a.jsonl", "--unredacted", "--id", "1-2", "--json"
    )
    (pairs,) = _exported(logged)

    assert [
        ("format", "jsonl"),
        ("file", "a.jsonl"),
        ("sha256", done.form()["sha256"]),
        ("bytes", str(done.form()["bytes"])),
        ("exchanges", "2"),
        ("redacted", "no"),
        ("filter", "first_id 1"),
        ("filter", "last_id 2"),
        ("hidden", "0"),
    ] == pairs


def _exported(folder: Path) -> list[list[tuple[str, str]]]:
    """The exports that the log remembers, as the pairs of their entries."""
    connection = connect_readonly(folder / "log.sqlite3")
    try:
        return [entry.pairs() for entry in rare_entries(connection, "export")]
    finally:
        connection.close()
