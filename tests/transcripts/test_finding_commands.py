from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fairwitness.evidence import Keep, Log, Reader
from fairwitness.evidence.testing import ALLOWED, BLOCKED, NOON_US, make_exchange, make_request
from fairwitness.policy import load_policy

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home

NAME = "IDOR in orders"
REPORT = """\
report:
  fields: [description, steps, affected]
  one_finding_per_report: true
  excluded: [clickjacking, spf-dkim-dmarc]
"""


@pytest.fixture
def logged(home: Home, policy: Path) -> Path:
    """Three exchanges of the shop and a blocked one of another site."""
    policy.write_text(policy.read_text() + REPORT)
    folder = home.folder / "evidence"
    loaded = load_policy(policy)
    log = Log.open(folder, program=loaded.program, now_us=NOON_US)
    log.append_session([], time_us=NOON_US)
    log.append_policy(loaded, time_us=NOON_US, why="start")
    for target in (b"/orders/1?token=s3cr3t", b"/orders/2`\x1b[2J", b"/cart"):
        request = make_request(host="app.example.test", target=target)
        log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
        log.append_response(make_exchange(request, body=b"ok"), body=None, keep=Keep.WHOLE)
    log.append_blocked(make_request(host="cdn.other.test"), verdict=BLOCKED, time_us=NOON_US)
    log.close(time_us=NOON_US)
    return folder


def _editor(home: Home, code: str) -> dict[str, str]:
    """The environment with an editor that runs *code* on ``path``."""
    script = home.write("editor.py", f"import os, pathlib, sys\npath = pathlib.Path(sys.argv[1])\n{code}\n")
    return {"EDITOR": f"{sys.executable} '{script}'"}


def _finding(home: Home) -> Any:
    return home.run("finding", "show", NAME, "--evidence", "evidence", "--json").form()


def _entries(folder: Path) -> int:
    with Reader.open(folder) as reader:
        assert not list(reader.problems())
        return reader.counts().entries


def test_a_finding_from_first_mark_to_report_fields(home: Home, logged: Path) -> None:
    """Mark, list, show, filter, edit, attach: what people read, and each step is in the log."""
    at = ("--evidence", "evidence")
    marked = home.run("mark", "1-2", "--finding", NAME, "--note", "B reads A's", *at)
    more = home.run("mark", "last:2", "--finding", "idor in ORDERS", *at)
    home.write("shot.png", "pixels")
    attached = home.run("finding", "attach", NAME, "shot.png", *at)
    code = "path.write_text(path.read_text().replace('## description', '## description\\n\\nB sees it.'))"
    edited = home.run("finding", "edit", NAME, *at, **_editor(home, code))
    listed = home.run("finding", "list", *at)
    shown = home.run("finding", "show", NAME, *at)
    ids = [form["id"] for form in home.run("log", "--finding", NAME, "--json", *at).forms()]

    assert ("New finding: IDOR in orders", "Marked for IDOR in orders: 2 exchanges.") == tuple(
        marked.out.splitlines()
    )
    assert "2 exchanges, 4 in all" in more.out
    assert "warning: mixed-report: its exchanges are of 2 sites (example.test, other.test)" in more.out
    assert "Attached shot.png, 6 B, SHA-256 " in attached.out
    assert edited.out.startswith("Written: description, steps, affected.")
    assert "IDOR in orders" in listed.out
    assert "3/3" in listed.out
    assert "note of 2026" in shown.out
    assert "B sees it." in shown.out
    assert "blocked by fairwitness, never sent" in shown.out
    assert "s3cr3t" not in _finding(home)["fields"]["steps"]
    assert all(line.isprintable() for line in (shown.out + listed.out).splitlines())
    assert [1, 2, 3, 4] == ids
    assert not list((logged / "drafts").iterdir())
    assert _entries(logged)


def test_findings_have_the_agreed_keys(home: Home, logged: Path) -> None:
    """List and show as JSON."""
    at = ("--evidence", "evidence", "--json")
    marked = home.run("mark", "1", "--finding", NAME, "--note", "n", *at).form()
    again = home.run("mark", "1", "--finding", NAME, *at).form()
    taken_out = home.run("mark", "1", "--undo", "--finding", NAME, *at).form()
    (line,) = home.run("finding", "list", *at).forms()
    form = home.run("finding", "show", NAME, *at).form()

    keys = {
        *("finding", "exchanges", "filled", "demanded", "missing", "notes", "attachments"),
        *("created", "updated"),
    }
    people = home.run("finding", "show", NAME, "--evidence", "evidence").out.splitlines()
    assert "not written yet: description, steps, affected (fairwitness finding edit NAME)" in people
    assert keys == set(line)
    assert keys | {"fields", "hints", "warnings"} == set(form)
    assert ([1], [], [1], []) == (
        marked["marked"],
        again["marked"],
        taken_out["marked"],
        form["exchanges"],
    )
    assert {"time", "text"} == set(form["notes"][0])
    assert ["description", "steps", "affected"] == line["missing"]


LINE = """\
rules:
  excluded-finding: {action: ACTION, says: Best practices without impact}
"""


def test_excluded_classes_are_warned_of_with_clause_and_line(home: Home, logged: Path, policy: Path) -> None:
    """A finding that the program does not want is told at once and at export, and recorded all the same."""
    policy.write_text(policy.read_text() + LINE.replace("ACTION", "warn"))
    at = ("--evidence", "evidence", "--policy", str(policy))
    result = home.run("finding", "new", "Clickjacking on /cart", *at)
    home.run("mark", "1", "--finding", "Clickjacking on /cart", *at)
    wanted = ("--finding", "Clickjacking on /cart", "--format", "curl", *at)
    people = home.run("export", *wanted, "-o", "a.sh")
    form = home.run("export", *wanted, "-o", "b.sh", "--json").form()

    assert 0 == result.code
    for said in (result.out, people.out):
        assert "warning: excluded-finding: the program does not accept reports of clickjacking" in said
        assert "rules.excluded-finding, policy.yaml:" in said
        assert '"Best practices without impact"]' in said
    (warning,) = form["warnings"]
    assert ("excluded-finding", "rules.excluded-finding") == (warning["rule"], warning["clause"])
    assert "Best practices without impact" == warning["program_says"]
    assert ["description", "steps", "affected"] == form["missing"]
    assert "not written yet: description, steps, affected" in people.out


def test_rule_of_reports_that_only_logs_is_silent(home: Home, logged: Path, policy: Path) -> None:
    """`log` says that the researcher does not want to be told."""
    policy.write_text(policy.read_text() + LINE.replace("ACTION", "log"))
    at = ("--evidence", "evidence", "--policy", str(policy))
    result = home.run("finding", "new", "Clickjacking on /cart", *at)
    form = home.run("finding", "show", "Clickjacking on /cart", "--json", *at).form()

    assert "New finding: Clickjacking on /cart" == result.out.strip()
    assert ([], []) == (form["hints"], form["warnings"])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("mark", "--finding", NAME), 2),
        (("mark", "9", "--finding", NAME), 2),
        (("mark", "0", "--finding", NAME), 2),
        (("mark", "3-1", "--finding", NAME), 2),
        (("mark", "last:0", "--finding", NAME), 2),
        (("mark", "1-999999999999999", "--finding", NAME), 2),
        (("mark", "f1", "--finding", NAME), 2),
        (("mark", "\x1b[2J", "--finding", NAME), 2),
        (("mark", "ab" * 16, "--finding", NAME), 2),
        (("mark", "--url", "https://nowhere.test/*", "--finding", NAME), 2),
        (("mark", "1", "--finding", ""), 2),
        (("mark", "1", "--finding", "x" * 81), 2),
        (("mark", "1", "--finding", "a\nb"), 2),
        (("mark", "1", "--finding", "\u202eevil"), 2),
        (("mark", "1", "--undo", "--finding", "unknown"), 2),
        (("mark", "1", "--finding", NAME, "--note", "x" * 64_001), 2),
        (("finding", "show", "unknown"), 2),
        (("finding", "attach", "unknown", "policy.yaml"), 2),
        (("finding", "edit", "../../x"), 2),
    ],
)
def test_what_cannot_be_done_is_one_error(
    home: Home, logged: Path, words: tuple[str, ...], code: int
) -> None:
    """Nothing is written, and one printable line says why."""
    before = _entries(logged)

    result = home.run(*words, "--evidence", "evidence")

    assert code == result.code
    assert result.error.isprintable()
    assert before == _entries(logged)


def test_a_name_is_never_a_path(home: Home, logged: Path) -> None:
    """A name with slashes and dots makes nothing outside the evidence folder."""
    at = ("--evidence", "evidence")
    outside = set(home.folder.parent.rglob("*"))
    made = home.run("mark", "1", "--finding", "../../x/.. ", *at)
    home.run("finding", "edit", "../../x/..", *at, EDITOR="true")

    assert (0, "New finding: ../../x/..") == (made.code, made.out.splitlines()[0])
    assert all(
        logged in path.parents or "evidence" in path.parts
        for path in set(home.folder.parent.rglob("*")) - outside
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("sys.exit(3)", "ended with 3"),
        ("path.write_bytes(os.urandom(1000) + b'\\xff')", "UTF-8"),
        ("path.write_bytes(b'a\\0b')", "no text"),
        ("path.open('ab').truncate(2 << 30)", "larger than"),
        ("path.write_text('# nothing of it')", "no heading"),
        ("path.write_text('## steps\\n' + 'x' * 70000)", "64000"),
        ("path.unlink()", "cannot be read"),
        ("path.unlink(); os.mkfifo(path)", "no plain file"),
        ("path.unlink(); path.symlink_to('/etc/passwd')", "cannot be read"),
    ],
)
def test_an_editor_that_fails_writes_nothing(home: Home, logged: Path, code: str, said: str) -> None:
    """Whatever an editor leaves that is no such text is one error, and the log stays as it was."""
    home.run("mark", "1", "--finding", NAME, "--evidence", "evidence")
    before = _entries(logged)

    result = home.run("finding", "edit", NAME, "--evidence", "evidence", **_editor(home, code))

    assert 2 == result.code
    assert said in result.error
    assert before == _entries(logged)


def test_an_editor_that_changes_nothing_writes_nothing(home: Home, logged: Path) -> None:
    """What was only suggested is not recorded; the file was private while it was open."""
    home.run("mark", "1", "--finding", NAME, "--evidence", "evidence")
    before = _entries(logged)
    code = "print(oct(path.stat().st_mode), oct(path.parent.stat().st_mode)); print(path.read_text())"

    result = home.run("finding", "edit", NAME, "--evidence", "evidence", **_editor(home, code))

    assert "0o100600 0o40700" in result.out
    assert "1. `GET https://app.example.test/orders/1?token=...`: answered 200" in result.out
    assert result.out.endswith("Nothing was changed.\n")
    assert before == _entries(logged)


def test_a_missing_editor_is_one_error(home: Home, logged: Path) -> None:
    """An editor that is not there is named."""
    home.run("mark", "1", "--finding", NAME, "--evidence", "evidence")

    result = home.run("finding", "edit", NAME, "--evidence", "evidence", EDITOR="no-such-editor -w")

    assert 2 == result.code
    assert "no-such-editor" in result.error


def test_text_with_headings_of_its_own_survives(home: Home, logged: Path) -> None:
    """Headings that are no field, and one that repeats, are text; what is removed with its heading stays."""
    at = ("--evidence", "evidence")
    home.run("mark", "1", "--finding", NAME, *at)
    first = "path.write_text('## steps\\n\\n# big\\n## Steps\\n```\\n## steps\\n```\\n\\n## description\\nd')"
    home.run("finding", "edit", NAME, *at, **_editor(home, first))
    home.run("finding", "edit", NAME, *at, **_editor(home, "path.write_text('## description\\nother')"))

    fields = _finding(home)["fields"]
    assert {"steps": "# big\n## Steps\n```\n## steps\n```", "description": "other"} == fields


@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "device", "missing", "sparse"])
def test_what_is_no_plain_file_is_not_attached(home: Home, logged: Path, kind: str) -> None:
    """Pipes, devices, folders, links and ten gigabytes of nothing are refused at once."""
    home.run("mark", "1", "--finding", NAME, "--evidence", "evidence")
    path = home.folder / "thing"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("policy.yaml")
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(10 << 30)
    before = _entries(logged)

    result = home.run("finding", "attach", NAME, str(path), "--evidence", "evidence")

    assert 2 == result.code
    assert result.error
    assert before == _entries(logged)
    assert not list((logged / "attachments").glob("*"))


def test_an_attachment_is_kept_by_its_content(home: Home, logged: Path) -> None:
    """The copy is private and named after its hash; its name says nothing that a terminal obeys."""
    at = ("--evidence", "evidence")
    home.run("mark", "1", "--finding", NAME, *at)
    home.write("a\x1b[2J: b.txt", "same")
    home.write("other.txt", "same")
    home.run("finding", "attach", NAME, "a\x1b[2J: b.txt", "other.txt", *at)

    (kept,) = (logged / "attachments").iterdir()
    attachments = _finding(home)["attachments"]
    assert ["a_[2J_ b.txt", "other.txt"] == [each["name"] for each in attachments]
    assert {kept.name} == {each["sha256"] for each in attachments}
    assert ("same", 0o600, 0o700) == (
        kept.read_text(),
        stat.S_IMODE(kept.stat().st_mode),
        stat.S_IMODE(kept.parent.stat().st_mode),
    )


def test_many_commands_mark_at_once(home: Home, logged: Path) -> None:
    """Each waits for the log; no mark is lost, and one finding comes of it."""
    commands = [
        subprocess.Popen(
            home.command("mark", str(number), "--finding", NAME, "--evidence", "evidence"),
            cwd=home.folder,
            env=home.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for number in (1, 2, 3, 4)
    ]
    said = [(each.communicate()[1], each.returncode) for each in commands]

    assert [(b"", 0)] * 4 == said
    assert [1, 2, 3, 4] == [form["id"] for form in _finding(home)["exchanges"]]
    assert _entries(logged)
