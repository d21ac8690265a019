from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home

AGENT = {"name": "User-Agent", "value": "curl/8.14"}


def _entry(at: str, url: str, *, status: int = 200, method: str = "GET") -> dict[str, Any]:
    return {
        "startedDateTime": f"2026-11-24T10:11:{at}Z",
        "time": 5,
        "request": {"method": method, "url": url, "httpVersion": "HTTP/1.1", "headers": [AGENT]},
        "response": {"status": status, "statusText": "", "httpVersion": "HTTP/1.1", "headers": []},
    }


def _har(home: Home, name: str, entries: list[dict[str, Any]]) -> Path:
    return home.write(name, json.dumps({"log": {"version": "1.2", "entries": entries}}))


def test_audit_says_what_there_is_to_look_at(home: Home, policy: Path) -> None:
    """A burst and a stranger, for people: counts, period, decisions, hosts, flags with what shows them."""
    burst = [_entry(f"12.{at:03}", f"https://shop.test/{at}") for at in range(60)]
    _har(home, "s.har", [*burst, _entry("13", "https://evil.test/\u202e"), _entry("14", "data:,x")])

    result = home.run("audit", "s.har")

    assert (1, "") == (result.code, result.err)
    lines = result.out.splitlines()
    assert [
        "s.har (HAR): 61 exchanges",
        "  2026-11-24 10:11:12 to 2026-11-24 10:11:13 UTC",
        "  1 request that scope or head would have refused",
        "  out of scope: evil.test x1",
        "  not judged: data: URL x1",
    ] == [*lines[:2], *lines[3:5], lines[-2]]
    assert lines[2].startswith("  decided as if live: ")
    assert any(line.split()[1:4] == ["request-rate", "info", "tool"] for line in lines if line[:1] == "f")
    assert "  shown by: GET /" in result.out


def test_audit_json_is_a_line_a_file(home: Home, policy: Path) -> None:
    """Positions count from 1; all six verdicts are there; exit 1 comes of any of the files."""
    _har(home, "calm.har", [_entry("12", "https://shop.test/"), _entry("14", "https://shop.test/a")])
    _har(home, "loud.har", [_entry(f"12.{at:03}", "https://shop.test/") for at in range(60)])
    home.write(
        "policy.yaml",
        policy.read_text() + 'limits: {testing: {per_host: {rate: 5/s, burst: 30}}, says: "At most 5/s."}\n',
    )

    calm, loud = home.run("audit", "--json", "calm.har", "loud.har").forms()

    assert ("calm.har", "HAR", 2) == (calm["file"], calm["format"], calm["exchanges"])
    assert 0 == calm["refused"]
    words = ["allow", "warn", "throttle", "hold", "block", "halt"]
    assert dict.fromkeys(words, 0) | {"allow": 2} == calm["decisions"]
    assert ([], {}, {}, None) == (calm["flags"], calm["skipped"], calm["out_of_scope"], calm["cut_off"])
    found = next(each for each in loud["flags"] if each["severity"] == "stop")
    assert ("request-rate", 31, 60, 30) == (
        found["rule"],
        found["first_exchange"],
        found["last"],
        found["count"],
    )
    assert {"exchange": 31, "part": "head", "start": 0, "end": 0} == {
        key: value for key, value in found["shown_by"][0].items() if key != "text"
    }
    assert found["shown_by"][0]["text"].startswith("GET / HTTP/1.1\r\n")
    assert 0 == home.run("audit", "calm.har").code


def test_audit_reads_what_it_can(home: Home, policy: Path) -> None:
    """A file that is cut counts up to there, and is something to look at."""
    whole = _har(home, "s.har", [_entry(str(at), "https://shop.test/") for at in range(10, 50)]).read_bytes()
    (home.folder / "cut.har").write_bytes(whole[: len(whole) // 2])

    result = home.run("audit", "cut.har", "--json")

    form = result.form()
    assert (1, 0, []) == (result.code, form["decisions"]["block"], form["flags"])
    assert 10 < form["exchanges"] < 30
    assert form["cut_off"]["where"].startswith(f"after exchange {form['exchanges']}, ")


def test_audit_refuses_what_is_no_recording(home: Home, policy: Path) -> None:
    """Each with its own word, exit 2, and the files beside it are judged all the same."""
    _har(home, "ok.har", [_entry("12", "https://shop.test/")])
    (home.folder / "a.gz").write_bytes(b"\x1f\x8b\x08")
    os.mkfifo(home.folder / "pipe")
    (home.folder / "folder").mkdir()
    wanted = {
        "README": "it cannot be opened (No such file or directory)",
        "policy.yaml": "its format is not known. Name a HAR, a mitmproxy dump, or items that Burp saved",
        "a.gz": "it is compressed with gzip. Unpack it with gunzip first",
        "pipe": "it is no plain file",
        "folder": "it is no plain file",
        os.devnull: "it is no plain file",
    }

    for name, words in wanted.items():
        result = home.run("audit", name, "ok.har")
        assert (2, "ok.har (HAR): 1 exchange") == (result.code, result.out.splitlines()[0])
        assert f"{name}: {words}" in result.error


def test_audit_needs_a_policy_and_opens_no_evidence(home: Home, policy: Path) -> None:
    """Without a policy it says so; with one it leaves nothing behind."""
    _har(home, "ok.har", [_entry("12", "https://shop.test/")])
    before = sorted(home.folder.parent.rglob("*"))

    assert 0 == home.run("audit", "ok.har", "--evidence", "nowhere").code
    assert before == sorted(home.folder.parent.rglob("*"))
    policy.unlink()
    assert "policy.yaml" in home.run("audit", "ok.har").error
    assert 2 == home.run("audit").code


def test_audit_asks_for_a_look_at_what_it_could_not_judge(home: Home, policy: Path) -> None:
    """An entry without a time or an address may hide a request; pictures within a page are none."""
    sound = {"startedDateTime": "2026-01-01T00:00:00Z", "request": {"url": "https://shop.test/"}}
    local = {**sound, "request": {"url": "data:image/png;base64,AAAA"}}
    timeless = {"request": {"url": "https://evil.test/"}}
    codes = []
    for number, entries in enumerate(([sound, local], [sound, timeless], [sound, {"request": {}}])):
        path = home.folder / f"{number}.har"
        path.write_text(json.dumps({"log": {"entries": entries}}))
        codes.append(home.run("audit", "--policy", str(policy), str(path)).code)

    assert [0, 1, 1] == codes
