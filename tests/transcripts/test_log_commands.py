from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fairwitness.cli.main import program
from fairwitness.evidence import Keep, Log, Reader
from fairwitness.model.clock import parse_iso_us
from fairwitness.model.exchange import Client, Destination, Exchange, Initiator, Request, Response
from fairwitness.model.flag import Flag, Pointer, Severity
from fairwitness.model.verdict import Action, Clause, ScopeList, Verdict
from fairwitness.policy import load_policy

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home

START_US = parse_iso_us("2026-11-23T12:00:00Z")
HOSTILE = b"/x\x1b[2J\x9b31m?q=\x7f"
CLIENT = Client(connection="cd" * 16, address="127.0.0.1", port=40000, label="curl")
CLAUSE = Clause(id="scope.include[0]", says=None, where="policy.yaml:10")
ALLOWED = Verdict(
    action=Action.ALLOW,
    clauses=(CLAUSE,),
    reason="shop.test is in scope",
    scope_list=ScopeList.INCLUDE,
    host="shop.test",
)
BODY = b'{"name": "\x1b]0;owned\x07", "ok": true}\r\nsecond line'
LIMITS = Clause(id="limits", says="No more than 5 a second.", where="policy.yaml:20")


def _request(number: int, *, host: str = "shop.test", target: bytes = b"/cart", **more: object) -> Request:
    return Request(  # type: ignore[arg-type]
        **{
            "exchange": f"{number:032x}",
            "received_us": START_US + number * 1_000_000,
            "client": CLIENT,
            "method": "GET",
            "scheme": "https",
            "host": host,
            "port": 443,
            "target": target,
            "http_version": "HTTP/1.1",
            "headers": ((b"Host", host.encode()), (b"X-Odd", b"\x1b[31m\xff")),
            "destinations": (Destination("url", "https", host, 443, target.decode("latin-1")),),
            **more,
        }
    )


def _released(log: Log, request: Request, *, flags: tuple[str, ...] = (), status: int = 200) -> None:
    verdict = ALLOWED if not flags else Verdict(**{**_fields(ALLOWED), "flags": flags})
    log.append_request(request, verdict=verdict, released_us=request.received_us, keep=Keep.WHOLE)
    response = Response(
        http_version="HTTP/1.1",
        status=status,
        reason="OK",
        headers=((b"Content-Type", b"application/json"),),
        started_us=request.received_us + 1000,
        ended_us=request.received_us + 2500,
        body=BODY,
        body_bytes=len(BODY),
    )
    exchange = Exchange(request=request, response=response, ended_us=request.received_us + 2500)
    log.append_response(exchange, body=None, keep=Keep.WHOLE)


def _fields(verdict: Verdict) -> dict[str, object]:
    return {name: getattr(verdict, name) for name in Verdict.__slots__}


@pytest.fixture
def logged(home: Home, policy: Path) -> Path:
    """An evidence folder with five exchanges and a flag, as a session leaves it."""
    folder = home.folder / "evidence"
    loaded = load_policy(policy)
    log = Log.open(folder, program=loaded.program, now_us=START_US)
    log.append_session([("listen", "127.0.0.1:8080")], time_us=START_US)
    log.append_policy(loaded, time_us=START_US, why="start")
    _released(log, replace(_request(1), trailers=((b"X-Sum", b"9\x1b[2J"),)))
    _released(log, _request(2, target=HOSTILE), status=503)
    flag = Flag(
        flag="f1",
        rule="request-rate",
        severity=Severity.STOP,
        action=Action.THROTTLE,
        clause=LIMITS,
        initiator=Initiator.TOOL,
        exchange=f"{3:032x}",
        time_us=START_US + 3_000_000,
        says="31 requests in 1 s",
        advice="Slow down",
        shown_by=(Pointer(f"{3:032x}", "head"),),
        reach="label curl",
    )
    _released(log, _request(3, method="POST"), flags=("f1",))
    log.append_flag(flag)
    blocked = Verdict(
        action=Action.BLOCK, clauses=(), reason="cdn.page.test is not listed", host="cdn.page.test"
    )
    wanted = _request(
        4, host="cdn.page.test", target=b"/a.js", initiator=Initiator.PAGE, page="https://shop.test/cart"
    )
    log.append_blocked(wanted, verdict=blocked, time_us=START_US + 4_000_000)
    log.commit_now()
    log.close(time_us=START_US + 5_000_000)
    return folder


def _ids(home: Home, folder: Path, *words: str) -> list[int]:
    result = home.run("log", "--evidence", str(folder), "--json", *words)
    assert 0 == result.code, result.err
    return [form["id"] for form in result.forms()]


def test_log_prints_json_lines_with_the_agreed_keys(home: Home, logged: Path) -> None:
    """Every line has each key of the contract, and the url is always there."""
    result = home.run("log", "--evidence", str(logged), "--json")

    forms = result.forms()
    agreed = {
        *("id", "exchange", "time", "method", "url", "status", "decision", "clause", "initiator", "label"),
        *("account", "client", "flags", "request_bytes", "response_bytes", "duration_ms", "session"),
    }
    assert [1, 2, 3, 4] == [form["id"] for form in forms]
    assert all(agreed <= set(form) for form in forms)
    assert "https://shop.test/cart" == forms[0]["url"]
    assert ("allow", 200, "curl", len(BODY), 1) == tuple(
        forms[0][key] for key in ("decision", "status", "label", "response_bytes", "session")
    )
    assert ("block", None, "page") == tuple(forms[3][key] for key in ("decision", "status", "initiator"))
    assert ["f1"] == forms[2]["flags"]


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (("--host", "cdn.page.test"), [4]),
        (("--method", "post"), [3]),
        (("--status", "5xx"), [2]),
        (("--status", "200"), [1, 3]),
        (("--decision", "block"), [4]),
        (("--flag", "request-rate"), [3]),
        (("--flag", "f1"), [3]),
        (("--label", "curl"), [1, 2, 3, 4]),
        (("--label", "other"), []),
        (("--initiator", "page"), [4]),
        (("--session", "1"), [1, 2, 3, 4]),
        (("--session", "2"), []),
        (("--id", "2-3"), [2, 3]),
        (("--id", "4"), [4]),
        (("--since", "2026-11-23T12:00:03Z"), [3, 4]),
        (("--until", "2026-11-23T12:00:03Z"), [1, 2]),
        (("cart", "--id", "1-2"), [1]),
        (("no-such-word",), []),
    ],
)
def test_filters_choose(
    logged: Path, words: tuple[str, ...], ids: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each filter leaves what it says."""
    program.main(["log", "--evidence", str(logged), "--json", *words], standalone_mode=False)

    assert ids == [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()]


def test_log_for_people_is_safe_on_a_terminal(home: Home, logged: Path) -> None:
    """Each exchange is one printable line, whatever its URL holds."""
    result = home.run("log", "--evidence", str(logged))

    lines = result.out.splitlines()
    assert 5 == len(lines)
    assert all(line.isprintable() for line in lines)
    assert "\\x1b[2J" in result.out


def test_log_says_when_no_exchange_fits(home: Home, logged: Path) -> None:
    """An empty table is explained on stderr; JSON stays empty."""
    words = ("log", "--evidence", str(logged), "--host", "nobody.test")
    told, form = home.run(*words), home.run(*words, "--json")

    assert (0, "fairwitness: no exchange fits\n") == (told.code, told.err)
    assert (1, "", "") == (len(told.out.splitlines()), form.out, form.err)


def test_reading_needs_no_policy_file(home: Home, logged: Path, policy: Path) -> None:
    """With --evidence alone ./policy.yaml is not looked at, and program and policy come from the log."""
    policy.write_text("]][[")

    assert [1, 2, 3, 4] == _ids(home, logged)
    assert 0 == home.run("explain", "https://shop.test/", "--evidence", str(logged)).code
    assert 0 == home.run("log", FAIRWITNESS_EVIDENCE=str(logged)).code


def test_a_reader_that_leaves_early_is_quiet(home: Home, logged: Path) -> None:
    """`fairwitness log | true` says nothing on stderr."""
    with subprocess.Popen(
        home.command("log", "--evidence", str(logged), "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=home.folder,
        env=home.environment,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()

    assert b"" == said
    assert process.returncode in (0, 141)


def test_show_prints_raw_http(home: Home, logged: Path) -> None:
    """Request and response are shown as they went over the wire, with escapes for what a terminal obeys."""
    result = home.run("show", "1", "--evidence", str(logged))

    lines = result.out.splitlines()
    assert "GET /cart HTTP/1.1" in lines
    assert "X-Odd: \\x1b[31m\\xff" in lines
    assert ["# trailers", "X-Sum: 9\\x1b[2J"] == lines[lines.index("# trailers") :][:2]
    assert "HTTP/1.1 200 OK" in lines
    assert '{"name": "\\x1b]0;owned\\x07", "ok": true}' in lines
    assert all(line.isprintable() for line in lines)


def test_show_takes_the_hex_name_too(home: Home, logged: Path) -> None:
    """An exchange is found by its number and by its 32 hex digits."""
    by_id = home.run("show", "2", "--evidence", str(logged), "--json")
    by_name = home.run("show", f"{2:032x}", "--evidence", str(logged), "--json")

    form = by_id.form()
    assert form == by_name.form()
    assert BODY == base64.b64decode(form["response"]["body"])
    assert ["Content-Type", "application/json"] in form["response"]["headers"]


def test_show_saves_the_body_as_it_is(home: Home, logged: Path) -> None:
    """--body writes the very bytes, into a private file or to stdout."""
    home.run("show", "1", "--body", "answer.json", "--evidence", str(logged))
    printed = subprocess.run(
        home.command("show", "1", "--body", "-", "--evidence", str(logged)),
        capture_output=True,
        cwd=home.folder,
        env=home.environment,
    )

    saved = home.folder / "answer.json"
    assert (BODY, BODY) == (saved.read_bytes(), printed.stdout)
    assert 0o600 == saved.stat().st_mode & 0o777


def test_a_body_never_replaces_a_part_of_the_log(home: Home, logged: Path) -> None:
    """Not by name, and not by a link that leads there: exit 3, and the log is whole."""
    (home.folder / "link").symlink_to(logged / "log.sqlite3")
    for option, path in (("--body", logged / "log.sqlite3"), ("--request-body", home.folder / "link")):
        result = home.run("show", "1", option, str(path), "--evidence", str(logged))

        assert 3 == result.code
        assert "it would lie in the evidence folder" in result.error
    with Reader.open(logged) as reader:
        assert [] == list(reader.problems())


@pytest.mark.parametrize("which", ["99", "0", "-1", "f1", "x" * 32, "\x1b[2J", "1" * 400])
def test_show_of_what_is_not_there_is_one_error(home: Home, logged: Path, which: str) -> None:
    """An id that no exchange has is one printable error, of who asked and not of the log."""
    result = home.run("show", "--evidence", str(logged), "--", which)

    assert 2 == result.code
    assert result.error.isprintable()


def test_show_of_a_body_that_is_not_kept_says_so(home: Home, logged: Path) -> None:
    """A blocked request has no response body, and no file appears."""
    result = home.run("show", "4", "--body", "none", "--evidence", str(logged))

    assert 3 == result.code
    assert "not stored" in result.error
    assert not (home.folder / "none").exists()


def test_flags_have_the_agreed_keys(home: Home, logged: Path) -> None:
    """A flag names its rule, clause, exchanges and the bytes that show it."""
    form = home.run("flags", "--json", "--evidence", str(logged)).forms()[0]

    assert {
        *("flag", "rule", "severity", "action", "initiator", "clause", "count", "first", "last"),
        *("exchanges", "shown_by", "advice", "answer"),
    } <= set(form)
    assert ("f1", "stop", 1, 3, 3, [3], None) == tuple(
        form[key] for key in ("flag", "severity", "count", "first", "last", "exchanges", "answer")
    )
    assert {"exchange", "part", "start", "end", "text"} == set(form["shown_by"][0])
    assert f"{3:032x}" == form["shown_by"][0]["exchange"]


def test_flags_for_people_are_safe(home: Home, logged: Path) -> None:
    """The table and what shows the flag are printable."""
    result = home.run("flags", "--evidence", str(logged))

    assert "request-rate" in result.out
    assert all(line.isprintable() for line in result.out.splitlines())


def test_an_answer_is_recorded(home: Home, logged: Path) -> None:
    """Without a running proxy the answer goes straight into the log, and the flag is open no more."""
    before = home.run("flags", "--open", "--json", "--evidence", str(logged)).forms()
    answered = home.run(
        "answer", "f1", "--as", "false-alarm", "--note", "polling \x1b", "--evidence", str(logged), "--json"
    )
    after = home.run("flags", "--open", "--json", "--evidence", str(logged)).forms()
    all_flags = home.run("flags", "--json", "--evidence", str(logged)).forms()

    assert (0, {"flag": "f1", "as": "false-alarm", "note": "polling \x1b"}) == (
        answered.code,
        answered.form(),
    )
    assert (1, 0) == (len(before), len(after))
    assert ("false-alarm", "polling \x1b") == (all_flags[0]["answer"]["as"], all_flags[0]["answer"]["note"])


def test_an_answer_to_no_flag_is_an_error(home: Home, logged: Path) -> None:
    """A flag that does not exist cannot be answered."""
    result = home.run("answer", "f9", "--as", "accident", "--note", "x", "--evidence", str(logged))

    assert 2 == result.code
    assert "there is no flag 'f9'" in result.error


def test_wanted_groups_by_page(home: Home, logged: Path) -> None:
    """Hosts that a page asked for are listed with the list that suits them."""
    form = home.run("wanted", "--json", "--evidence", str(logged)).forms()[0]
    people = home.run("wanted", "--evidence", str(logged))

    assert ("cdn.page.test", "shop.test", "load", 1) == tuple(
        form[key] for key in ("host", "page_host", "list", "count")
    )
    assert "shop.test also wants 1 host: 1 other" in people.out


def test_allow_suggested_adds_them_all(home: Home, logged: Path, policy: Path) -> None:
    """What wanted lists is added where it suits, the edit is in the log, and nothing is wanted any more."""
    named = ("--evidence", str(logged), "--policy", str(policy))

    result = home.run("allow", "--suggested", "--json", *named)

    assert {"added": ["load cdn.page.test"], "state": "written"} == result.form()
    assert "cdn.page.test" in policy.read_text()
    assert [] == home.run("wanted", "--json", *named).forms()
    again = home.run("allow", "--suggested", "--json", *named)
    assert {"added": [], "state": "same"} == again.form()


def test_allow_needs_to_know_the_file(home: Home, logged: Path) -> None:
    """With an evidence folder alone nobody knows which file to edit."""
    result = home.run("allow", "--suggested", "--evidence", str(logged))

    assert 2 == result.code
    assert "--policy" in result.error


def test_another_programs_policy_cannot_use_the_folder(home: Home, logged: Path, policy: Path) -> None:
    """One program per folder: another's policy is refused before anything is written."""
    policy.write_text(
        policy.read_text().replace("Lab shop", "Other").replace("shop.test/policy", "other.test")
    )

    result = home.run("allow", "img.test", "--policy", str(policy), "--evidence", str(logged))

    assert result.code in (2, 3)
    assert "img.test" not in policy.read_text()


@pytest.mark.parametrize("words", [["log"], ["flags"], ["show", "1"], ["wanted"]])
def test_a_folder_without_a_log_is_one_error(home: Home, words: list[str]) -> None:
    """Reading where nothing was recorded is an evidence error."""
    result = home.run(*words, "--evidence", str(home.folder / "nothing"))

    assert 3 == result.code
    assert str(home.folder / "nothing") in result.error


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["halt"],
        ["resume", "--reason", "x"],
        ["pending"],
        ["release", "h1"],
        ["deny", "h1"],
        ["confirm", "3f9a01c2"],
    ],
)
def test_steering_needs_a_running_proxy(home: Home, logged: Path, words: list[str]) -> None:
    """Where no proxy runs the commands say so."""
    result = home.run(*words, "--evidence", str(logged))

    assert 2 == result.code
    assert "no proxy runs" in result.error
