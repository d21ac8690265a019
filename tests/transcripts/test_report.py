"""The conduct report as a person sees it: Markdown, HTML, JSON, and the errors."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fairwitness.evidence import Keep, Log
from fairwitness.model.clock import parse_iso_us
from fairwitness.model.exchange import Client, Destination, Exchange, Request, Response
from fairwitness.model.flag import Answer, AnswerAs, Flag, Pointer, Severity
from fairwitness.model.verdict import Action, Clause, ScopeList, Verdict
from fairwitness.policy import load_policy

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home

START_US = parse_iso_us("2026-11-23T12:00:00Z")
CLIENT = Client(connection="cd" * 16, address="127.0.0.1", port=40000, label="curl")
LIMITS = Clause(id="limits", says="No more than 5 a second.", where="policy.yaml:20")


def _request(number: int, host: str) -> Request:
    return Request(
        exchange=f"{number:032x}",
        received_us=START_US + number * 1_000_000,
        client=CLIENT,
        method="GET",
        scheme="https",
        host=host,
        port=443,
        target=b"/cart?token=s3cr3t",
        http_version="HTTP/1.1",
        headers=((b"Host", host.encode()), (b"User-Agent", b"curl/8"), (b"X-Bug-Bounty", b"ada")),
        identification_added=("X-Bug-Bounty",),
        destinations=(Destination("url", "https", host, 443, "/cart"),),
    )


def _append(log: Log, number: int, host: str, scope_list: ScopeList | None) -> None:
    request = _request(number, host)
    action = Action.BLOCK if scope_list is None else Action.ALLOW
    verdict = Verdict(
        action=action, clauses=(LIMITS,), reason="for a test", scope_list=scope_list, host=host, flags=()
    )
    if scope_list is None:
        log.append_blocked(request, verdict=verdict, time_us=request.received_us)
        return
    log.append_request(request, verdict=verdict, released_us=request.received_us, keep=Keep.WHOLE)
    response = Response(
        http_version="HTTP/1.1",
        status=200,
        reason="OK",
        headers=(),
        started_us=request.received_us + 1000,
        ended_us=request.received_us + 2000,
        body=b"ok",
        body_bytes=2,
    )
    exchange = Exchange(request=request, response=response, ended_us=request.received_us + 2000)
    log.append_response(exchange, body=None, keep=Keep.WHOLE)


@pytest.fixture
def logged(home: Home, policy: Path) -> Path:
    """An evidence folder as one session leaves it: in scope, load, blocked, a flag with its answer."""
    folder = home.folder / "evidence"
    loaded = load_policy(policy)
    log = Log.open(folder, program=loaded.program, now_us=START_US)
    facts = [("fairwitness", "0.1.0"), ("resolve", "shop.test:443:127.0.0.2"), ("note", "first look")]
    log.append_session(facts, time_us=START_US)
    log.append_policy(loaded, time_us=START_US, why="start")
    log.append_note("declare no-dos: yes, as stated by the researcher", time_us=START_US)
    _append(log, 1, "shop.test", ScopeList.INCLUDE)
    _append(log, 2, "shop.test", ScopeList.INCLUDE)
    _append(log, 3, "cdn.test", ScopeList.LOAD)
    _append(log, 4, "pay.shop.test", None)
    flag = Flag(
        flag="f1",
        rule="request-rate",
        severity=Severity.STOP,
        action=Action.THROTTLE,
        clause=LIMITS,
        initiator=_request(2, "shop.test").initiator,
        exchange=f"{2:032x}",
        time_us=START_US + 2_000_000,
        says="31 requests in 1 s; the limit is 5/s",
        advice="Slow down",
        shown_by=(Pointer(f"{2:032x}", "head"),),
        reach="label curl",
    )
    log.append_flag(flag)
    log.append_answer(
        Answer(flag="f1", answered_as=AnswerAs.ACCIDENT, note="one thread too many", time_us=START_US)
    )
    log.close(time_us=START_US + 3_600_000_000)
    return folder


def test_markdown_on_stdout(home: Home, logged: Path) -> None:
    """The first line is the period; the summary has every number; nothing secret is in it."""
    done = home.run("report", "--evidence", str(logged))

    lines = [line for line in done.out.splitlines() if line.startswith("- ")]
    assert (0, "") == (done.code, done.err)
    assert [
        "- 2026-11-23 12:00:00 to 2026-11-23 13:00:00 UTC: 1 session, 1.0 h on record.",
        "- Requests that left for hosts not in scope: 0.",
        "- Requests that left for hosts in scope: 2 (bodies: 0 B sent, 4 B received).",
    ] == lines[:3]
    assert "- Was blocked before it left: 1 (by page 0, person 0, tool 1)." in lines
    assert "- Open flags: 0; answered: 1." in lines
    assert "accident: one thread too many" in done.out
    assert "--resolve was in use" in done.out
    assert "X-Bug-Bounty: ada" in done.out
    assert "s3cr3t" not in done.out
    assert "/cart" not in done.out


@pytest.mark.parametrize("name", ["conduct.md", "conduct.html"])
def test_a_file_is_written_for_its_owner_alone(home: Home, logged: Path, name: str) -> None:
    """By its ending, mode 0600, whole or not at all; one that is there is replaced only with --force."""
    words = ("report", "--evidence", str(logged), "-o", name)
    home.write(name, "not ours").chmod(0o644)
    refused = home.run(*words)
    assert (2, "not ours") == (refused.code, (home.folder / name).read_text())
    assert "the file exists already. Use --force" in refused.error
    for _ in range(2):
        done = home.run(*words, "--force")
        assert (0, f"Written: {name}. Read it before you send it.\n") == (done.code, done.out)

    path = home.folder / name
    text = path.read_text()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert "Lab shop" in text
    assert ("<svg" in text) == name.endswith("html")
    assert [] == [each for each in home.folder.iterdir() if each.name.endswith(".part")]


def test_json_has_the_same_facts(home: Home, logged: Path) -> None:
    """One object with the keys of docs/cli.md; moments as ISO times."""
    done = home.run("report", "--evidence", str(logged), "--session", "1", "--json")

    form = done.form()
    page = Path(__file__).parents[2] / "docs" / "cli.md"
    described = re.search(r"### report\n(.*?)(?:\n### |\Z)", page.read_text(), re.DOTALL)
    assert described
    assert [] == [key for key in form if f'"{key}"' not in described[1]]
    assert ("Lab shop", 0, 1) == (form["program"], form["stray_count"], form["blocked"]["tool"])
    assert "2026-11-23T12:00:01.000000Z" == form["host_days"][0]["first"]
    assert ["User-Agent: curl/8", "X-Bug-Bounty: ada"] == form["host_days"][0]["marks"]
    assert "s3cr3t" not in json.dumps(form)


def test_what_cannot_be_reported_is_an_error(home: Home, logged: Path) -> None:
    """A session that is not there, an ending that is unknown, no log, no right to write."""
    for words, code, expected in (
        (("--session", "7"), 3, "there is no session 7"),
        (("-o", "conduct.pdf"), 2, "ends neither in .md nor in .html"),
        (("--since", "soon"), 2, "is no time such as"),
        (("-o", str(logged / "conduct.md")), 3, "it lies in the evidence folder"),
        (("-o", "missing/conduct.md"), 3, "the export cannot be written"),
    ):
        done = home.run("report", "--evidence", str(logged), *words)
        assert code == done.code, done
        assert expected in done.error
    done = home.run("report", "--evidence", "nowhere")
    assert 3 == done.code
    assert "there is no evidence log here" in done.error
