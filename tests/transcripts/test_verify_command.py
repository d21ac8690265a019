from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fairwitness.evidence import Keep, Log
from fairwitness.evidence.testing import ALLOWED, NOON_US, Tamper, make_exchange, make_request, open_log
from fairwitness.evidence.viewfile import drop_view

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home

LOOKED_AT = ["structure", "entries", "bodies", "attachments", "inclusion", "view"]


@pytest.fixture
def logged(home: Home) -> Path:
    """A log of one exchange."""
    folder = home.folder / "evidence"
    log: Log = open_log(folder)
    log.append_session([("version", "1")], time_us=NOON_US)
    request = make_request(method="POST", body=b"sent")
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.append_response(make_exchange(request, body=b"answer" * 1000), body=None, keep=Keep.WHOLE)
    log.close(time_us=NOON_US)
    return folder


def test_what_was_not_touched_is_whole(home: Home, logged: Path) -> None:
    """Every claim that can be looked at holds, and what cannot is said."""
    people = home.run("verify", "evidence")
    form = home.run("verify", "evidence", "--json").form()

    assert (0, "") == (people.code, people.err)
    assert [*(f"OK    {each}" for each in LOOKED_AT), "SKIP  manifest", "SKIP  signature"] == [
        " ".join(line.split()[:1]).ljust(6) + line.split()[1] for line in people.out.splitlines()
    ]
    assert form["ok"] is True
    assert {"OK": "", "SKIP": "only a bundle has one"} == {
        each["result"]: each["reason"] for each in form["claims"] if each["claim"] in ("bodies", "manifest")
    }


def test_what_was_changed_is_named(home: Home, logged: Path) -> None:
    """The claim that it breaks, where, and code 1; the others hold."""
    drop_view(logged)  # it is made again by the next that needs it
    assert 1 == Tamper(logged).run("UPDATE entry SET time_us = time_us + 1 WHERE idx = 2")

    people = home.run("verify", "evidence")
    form = home.run("verify", "evidence", "--json").form()

    assert 1 == people.code
    assert "FAIL  entries" in people.out
    assert "      entry 2: its bytes do not give its leaf\n" in people.out
    assert form["ok"] is False
    assert ["entries"] == [each["claim"] for each in form["claims"] if each["result"] == "FAIL"]
    assert [{"where": "entry 2", "what": "its bytes do not give its leaf"}] == form["claims"][1]["problems"]


def test_where_there_is_no_log_nothing_is_verified(home: Home) -> None:
    """A folder without one, no folder, and a file."""
    (home.folder / "empty").mkdir()
    home.write("bundle.zip", "PK")

    assert (3, True) == ((found := home.run("verify", "empty")).code, "no evidence log here" in found.error)
    assert 2 == home.run("verify", "nowhere").code
    assert (2, True) == ((found := home.run("verify", "bundle.zip")).code, "is a file" in found.error)
