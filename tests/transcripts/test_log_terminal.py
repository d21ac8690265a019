"""`log` and `show` as a person at a terminal sees them."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.transcripts.test_log_commands import BODY, logged  # noqa: F401 - a fixture

from fairwitness.evidence import Keep
from fairwitness.evidence.testing import (
    ALLOWED,
    NOON_US,
    make_exchange,
    make_flag,
    make_request,
    open_log,
)
from fairwitness.model.flag import Answer, AnswerAs

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home


def _on_terminal(home: Home, *words: str, columns: int = 80, rows: int = 24) -> str:
    """What a command prints on a terminal of this size."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {**home.environment, "TERM": "xterm"}
    said = b""
    try:
        with subprocess.Popen(
            home.command(*words), stdout=theirs, stdin=subprocess.DEVNULL, cwd=home.folder, env=environment
        ):
            os.close(theirs)
            while True:
                try:
                    piece = os.read(ours, 65_536)
                except OSError:  # the other end is closed
                    break
                if not piece:
                    break
                said += piece
    finally:
        os.close(ours)
    return said.decode().replace("\r\n", "\n")


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_log_fits_the_terminal(home: Home, logged: Path, columns: int) -> None:  # noqa: F811
    """A line an exchange, none wider than the terminal, and nothing but colours that it would obey."""
    said = _on_terminal(home, "log", "--evidence", str(logged), columns=columns)
    lines = _plain(said).splitlines()

    assert 5 == len(lines)
    assert [] == [line for line in lines if len(line) > columns or not line.isprintable()]
    assert "\x1b[31mblock\x1b[0m" in said
    assert ["shop.test", "shop.test", "shop.test", "cdn.page.test"] == [
        re.findall(r"[a-z.]*\.test", line)[0] for line in lines[1:]
    ]


def test_last_shows_the_newest(home: Home, logged: Path) -> None:  # noqa: F811
    """In the order of the log, in JSON too."""
    people = home.run("log", "--last", "2", "--evidence", str(logged))
    forms = home.run("log", "--last", "1", "--decision", "allow", "--json", "--evidence", str(logged)).forms()

    assert ["3", "4"] == [line.split()[0] for line in people.out.splitlines()[1:]]
    assert [3] == [form["id"] for form in forms]
    assert 2 == home.run("log", "--last", "0", "--evidence", str(logged)).code


def test_label_has_a_column_where_one_is_known(home: Home, logged: Path) -> None:  # noqa: F811
    """In a pipe the lines are whole."""
    lines = home.run("log", "--evidence", str(logged)).out.splitlines()

    assert ["id", "time", "verdict", "status", "by", "size", "method", "label", "url"] == lines[0].split()
    assert lines[3].endswith("https://shop.test/cart  [f1]")


def test_show_cuts_a_long_body_on_a_terminal_only(home: Home) -> None:
    """By lines and by bytes, and says how to get all of it."""
    folder = home.folder / "evidence"
    log = open_log(folder)
    log.append_session([], time_us=NOON_US)
    for body in (b"line\n" * 500 + b"the end", b"x" * 100_000 + b"the end"):
        request = make_request(body=body)
        log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
        log.append_response(make_exchange(request, body=body), body=None, keep=Keep.WHOLE)
    log.close(time_us=NOON_US)
    for number in ("1", "2"):
        said = _plain(_on_terminal(home, "show", number, "--evidence", str(folder)))

        assert "the end" not in said
        assert f"'fairwitness show {number} --body FILE' saves it" in said
        assert f"'fairwitness show {number} --request-body FILE' saves it" in said
        assert 2 == home.run("show", number, "--evidence", str(folder)).out.count("the end")


def test_show_takes_last(home: Home, logged: Path) -> None:  # noqa: F811
    """The newest, or one before it."""
    last = home.run("show", "last", "--json", "--evidence", str(logged)).form()
    before = home.run("show", "last:2", "--json", "--evidence", str(logged)).form()
    none = home.run("show", "last:99", "--evidence", str(logged))

    assert (4, 3) == (last["id"], before["id"])
    assert 2 == none.code
    assert "there is no exchange" in none.error


def test_show_tells_flags_and_what_was_not_observed(home: Home, logged: Path) -> None:  # noqa: F811
    """A flag with its sentence; of a blocked attempt, that it never left."""
    flagged = home.run("show", "3", "--evidence", str(logged)).out.splitlines()
    blocked = home.run("show", "4", "--evidence", str(logged)).out

    assert ["request-rate: 31 requests in 1 s"] == [
        line.split("  ", 1)[1].strip() for line in flagged if line.startswith("# flag f1")
    ]
    assert "# no response: it was blocked and never sent" in blocked


def test_show_saves_the_requests_body_too(home: Home, logged: Path) -> None:  # noqa: F811
    """Both at once, each into its file."""
    result = home.run(*("show", "1", "--request-body", "sent", "--body", "got", "--evidence", str(logged)))

    assert 0 == result.code
    assert (b"", BODY) == ((home.folder / "sent").read_bytes(), (home.folder / "got").read_bytes())


def test_flags_fit_the_terminal(home: Home, tmp_path: Path) -> None:
    """No line of the table is wider than 80 columns, be a rule's name or the answer long."""
    folder = tmp_path / "flagged"
    log = open_log(folder)
    for number in range(3):
        request = make_request(at_us=NOON_US + number)
        flag = make_flag(f"f{number}", request.exchange, rule="missing-identification")
        log.append_request(
            request,
            verdict=replace(ALLOWED, flags=(flag.flag,)),
            released_us=NOON_US + number,
            keep=Keep.WHOLE,
        )
        log.append_flag(flag)
    log.append_answer(
        Answer(flag="f1", answered_as=AnswerAs.FALSE_ALARM, note="a note " * 30, time_us=NOON_US)
    )
    log.close(time_us=NOON_US)
    table, _, _ = _plain(_on_terminal(home, "flags", "--evidence", str(folder))).partition("\n\n")
    lines = table.splitlines()

    assert ["flag", "rule", "severity", "action", "count", "ids", "answer"] == lines[0].split()
    assert ["f0", "missing-identification", "check", "warn", "1", "1", "open"] == lines[1].split()
    assert "false-alarm" == lines[2].split()[-1]
    assert (4, []) == (len(lines), [line for line in lines if len(line) > 80 or not line.isprintable()])
