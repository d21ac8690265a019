"""What a part of a log gives away of the rest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fairwitness.evidence import Keep
from fairwitness.evidence.testing import ALLOWED, NOON_US, Tamper, make_exchange, make_request, open_log

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home

TOKEN = b"f3Kd9a0Lx8Qm2Zp7"
FORMATS = ("har", "jsonl", "csv", "markdown", "html", "curl", "http", "mitm")
HOST = (b"Host", b"app.example.test")


@pytest.fixture
def logged(home: Home) -> Path:
    """1: a sign-in issues a token; 2: it stands where nothing names it; 3: it is a cookie."""
    folder = home.folder / "evidence"
    log = open_log(folder)
    log.append_session([("listen", "127.0.0.1:8080")], time_us=NOON_US)
    parts = (
        (b"/login", (HOST,), b'{"access_token": "%s"}' % TOKEN),
        (b"/list?ref=" + TOKEN, (HOST,), b"<p>of %s" % TOKEN),
        (b"/list", (HOST, (b"Cookie", b"sid=Qm2Zp7f3Kd9a0Lx8")), b"ok"),
    )
    for turn, (target, headers, body) in enumerate(parts):
        request = make_request(at_us=NOON_US + turn, headers=headers, target=target)
        log.append_request(request, verdict=ALLOWED, released_us=NOON_US + turn + 5, keep=Keep.WHOLE)
        log.append_response(make_exchange(request, body=body, headers=()), body=None, keep=Keep.WHOLE)
    log.commit_now()
    log.close(time_us=NOON_US + 20)
    return folder


@pytest.mark.parametrize("name", FORMATS)
def test_a_token_is_hidden_where_only_a_later_exchange_is_exported(
    home: Home, logged: Path, name: str
) -> None:
    """The sign-in that issued it is not in the file."""
    done = home.run("export", "--evidence", str(logged), "--id", "2", "--format", name, "-o", "out")

    assert (0, "") == (done.code, done.err)
    assert TOKEN not in (home.folder / "out").read_bytes()
    assert name == "csv" or b"TOKEN_A" in (home.folder / "out").read_bytes()
    assert "1 value hidden" in done.out
    assert "were not searched" not in done.out


def test_a_damaged_exchange_beside_it_does_not_stop_an_export(home: Home, logged: Path) -> None:
    """What cannot be read is no reason to give nothing out."""
    where = "(SELECT idx FROM entry WHERE kind = 'request' AND number = 1)"
    Tamper(logged).run(f"UPDATE opening SET data = x'00' WHERE idx = {where}")

    done = home.run("export", "--evidence", str(logged), "--id", "3", "--format", "http", "-o", "out")

    assert (0, "") == (done.code, done.err)
    assert "Cookie: sid={{COOKIE_A}}" in (home.folder / "out").read_text()
    alone = home.run("export", "--evidence", str(logged), "--id", "1", "--format", "http", "-o", "one")
    assert 3 == alone.code
