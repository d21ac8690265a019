"""An export that hides: the program as a black box."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fairwitness.evidence import Keep
from fairwitness.evidence.testing import ALLOWED, NOON_US, make_exchange, make_request, open_log

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home

SESSION = b"f3Kd9a0Lx8Qm2Zp7"
PASSWORD = b"c0rrect-h0rse"


@pytest.fixture
def logged(home: Home) -> Path:
    """An evidence folder with a sign-in and a page that echoes the session."""
    folder = home.folder / "evidence"
    log = open_log(folder)
    log.append_session([("listen", "127.0.0.1:8080")], time_us=NOON_US)
    basic = b"Basic " + base64.b64encode(b"alice:" + PASSWORD)
    for turn, header in enumerate(((b"Authorization", basic), (b"Cookie", b"sid=" + SESSION))):
        request = make_request(at_us=NOON_US + turn, headers=((b"Host", b"app.example.test"), header))
        log.append_request(request, verdict=ALLOWED, released_us=NOON_US + turn + 5, keep=Keep.WHOLE)
        body = b"hello " + PASSWORD + b" " + base64.b64encode(b"x" + SESSION)
        exchange = make_exchange(request, body=body, headers=())
        log.append_response(exchange, body=None, keep=Keep.WHOLE)
    log.commit_now()
    log.close(time_us=NOON_US + 20)
    return folder


@pytest.mark.parametrize("name", ["har", "jsonl", "csv", "markdown", "html", "curl", "http", "mitm"])
def test_no_secret_is_in_any_format(home: Home, logged: Path, name: str) -> None:
    """Neither the password nor the session, plain or encoded; the file says that it is redacted."""
    done = home.run("export", "--evidence", str(logged), "--format", name, "-o", "out.file", "--json")
    content = (home.folder / "out.file").read_bytes()

    assert 0 == done.code, done.err
    assert done.form()["redacted"]
    for secret in (SESSION, PASSWORD):
        for skip in range(3):
            encoded = base64.b64encode(b"x" * skip + secret)[4:16]
            assert encoded not in content
        assert secret not in content
        assert secret.hex().encode() not in content
    if name != "csv":
        assert b"COOKIE_A" in content
        assert b"CREDENTIALS_A" in content
