from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home


def test_init_check_and_explain_work_together(home: Home) -> None:
    """A policy that init writes is sound, and explain answers by it."""
    words = ("--name", "Acme", "--policy-url", "https://acme.test/rules", "--include", "app.acme.test")
    init = home.run("init", "--yes", *words)
    check = home.run("check", "--json")
    inside = home.run("explain", "https://app.acme.test/")
    outside = home.run("explain", "https://acme.test/")

    assert (0, 0, 0, 1) == (init.code, check.code, inside.code, outside.code)
    assert (True, "Acme") == (check.form()["ok"], check.form()["program"])


def test_init_overwrites_only_when_told(home: Home) -> None:
    """An existing file is left alone without --force."""
    home.write("policy.yaml", "mine")

    refused = home.run("init", "--yes")
    kept = (home.folder / "policy.yaml").read_text()
    forced = home.run("init", "--yes", "--force")

    assert (2, "mine", 0) == (refused.code, kept, forced.code)
    assert "policy.yaml: the file exists already" in refused.error
    assert "mine" != (home.folder / "policy.yaml").read_text()


def test_init_says_what_is_left_to_write(home: Home) -> None:
    """Placeholders are named at once, and by check until they are written."""
    home.write("scope.txt", "shop.test\n")

    unnamed = home.run("init", "scope.txt").out
    remarks = home.run("check", "--json").form()["remarks"]
    named = home.run(
        "init", "scope.txt", "-o", "n.yaml", "--name", "Shop", "--policy-url", "https://shop.test"
    )

    assert (
        "  write   program.name: the program's name was not given; until then it is 'my program'" in unnamed
    )
    assert "  write   program.policy_url: the page was not given" in unnamed
    assert "still what init wrote" in remarks[0]["what"]
    assert "write " not in named.out
    assert "still what init wrote" not in home.run("check", "n.yaml").out


def test_init_json_writes_a_file_only_when_named(home: Home) -> None:
    """--json prints the draft with what is left to decide; a file appears only with -o."""
    printed = home.run("init", "--yes", "--json")
    files = list(home.folder.iterdir())
    home.run("init", "--yes", "--json", "-o", "p.yaml")

    form = printed.form()
    assert {"policy", "decide", "rows"} == set(form)
    assert ["program.name", "program.policy_url", "scope.include"] == [
        each["where"] for each in form["decide"]
    ]
    assert {"read": 0, "entries": 1, "decide": 3, "not_network": 0} == form["rows"]
    assert ([], ["p.yaml"]) == (files, [each.name for each in home.folder.iterdir()])


def test_init_writes_to_stdout(home: Home) -> None:
    """-o - prints the policy and nothing else."""
    result = home.run("init", "--yes", "-o", "-")

    assert [] == list(home.folder.iterdir())
    assert "version: 1\n" in result.out
    assert "Wrote" not in result.out


def test_init_asks_on_a_terminal_only(home: Home) -> None:
    """Without a terminal and without --yes nothing is asked and nothing is written."""
    result = home.run("init", given="Acme\n")

    assert 2 == result.code
    assert "--yes" in result.error
    assert [] == list(home.folder.iterdir())


def test_init_asks_a_few_questions(home: Home) -> None:
    """On a terminal the answers end up in the policy."""
    terminal, side = pty.openpty()
    answers = ["Acme", "https://acme.test/rules", "a.test b.test", "These are in scope.", "", "hunter", "y"]
    os.write(terminal, ("\n".join(answers) + "\n").encode())
    done = subprocess.run(
        home.command("init"),
        stdin=side,
        capture_output=True,
        cwd=home.folder,
        env=home.environment,
    )
    os.close(side)
    os.close(terminal)
    text = (home.folder / "policy.yaml").read_text()

    assert 0 == done.returncode, done.stderr
    assert all(each in text for each in ("Acme", "a.test", "b.test", "These are in scope.", "X-Bug-Bounty"))


def test_init_refuses_what_no_policy_may_say(home: Home) -> None:
    """A wildcard over a public suffix is refused, and no file is left."""
    result = home.run("init", "--yes", "--include", "*.co.uk")

    assert 2 == result.code
    assert "'*.co.uk'" in result.error
    assert [] == list(home.folder.iterdir())


def test_check_shows_line_and_frame(home: Home) -> None:
    """An error in the policy names line and column and shows the place."""
    home.write(
        "policy.yaml",
        "version: 1\nprogram: {name: x, policy_url: https://x.test}\nscop:\n  include: [a.test]\n",
    )

    result = home.run("check")

    assert 2 == result.code
    assert result.error.startswith("fairwitness: error: policy.yaml:3")
    assert "scop" in result.err.splitlines()[-2] + result.err.splitlines()[-1]


def test_check_json_says_what_is_broken_too(home: Home) -> None:
    """With --json a broken policy is an object on stdout as well as an error."""
    home.write("broken.yaml", "version: 2\n")

    result = home.run("check", "broken.yaml", "--json")

    form = result.form()
    assert (2, False, "broken.yaml") == (result.code, form["ok"], form["policy"])
    assert "error" == form["remarks"][0]["severity"]
    assert form["remarks"][0]["what"] in result.error


def test_check_warns_of_an_old_review(home: Home, policy: Path) -> None:
    """Something odd is said and is no error."""
    policy.write_text(policy.read_text().replace("2026-11-23", "2020-01-01"))

    result = home.run("check")

    assert 0 == result.code
    assert "warning" in result.out


@pytest.mark.parametrize(
    ("url", "code", "decision", "clause"),
    [
        ("https://shop.test/cart", 0, "allow", "scope.include[0]"),
        ("https://SHOP.test./cart", 0, "allow", "scope.include[0]"),
        ("api.shop.test:8443", 0, "allow", "scope.include[1]"),
        ("https://api.shop.test/", 1, "block", None),
        ("https://pay.shop.test/", 1, "block", "scope.exclude[0]"),
        ("https://cdn.test/x.js", 0, "allow", "scope.load[0]"),
        ("https://evil.test/", 1, "block", None),
        ("https://shop.test@evil.test/", 1, "block", None),
        ("https://evil.test\\@shop.test/", 1, "block", None),
        ("http://[::ffff:1.2.3.4%25eth0]/", 1, "block", None),
    ],
)
def test_explain_names_the_line(
    home: Home, policy: Path, url: str, code: int, decision: str, clause: str | None
) -> None:
    """What would happen, the clause and its line, in people's and in JSON form."""
    result = home.run("explain", url, "--json")

    form = result.form()
    assert code == result.code
    assert (url, decision, clause) == (form["url"], form["decision"], form["clause"])
    assert {"url", "canonical_host", "decision", "clause", "line", "reason"} <= set(form)
    if clause:
        assert form["line"].startswith("policy.yaml:")


def test_explain_for_people_says_verdict_clause_and_line(home: Home, policy: Path) -> None:
    """The first word is the verdict, and the clause stands with its line."""
    result = home.run("explain", "https://pay.shop.test/")

    assert (1, True) == (result.code, result.out.startswith("block: "))
    assert "policy.yaml:12: scope.exclude[0]" in result.out


@pytest.mark.parametrize(
    "url", ["", "https://", "ftp://shop.test/", "https://shop.test:x/", "https://[::1", "//"]
)
def test_explain_refuses_what_is_no_url(home: Home, policy: Path, url: str) -> None:
    """What no request could be made of is wrong input, exit 2."""
    result = home.run("explain", url)

    assert 2 == result.code
    assert result.error.startswith("fairwitness: error: explain: ")


def test_explain_says_when_the_window_is_over(home: Home, policy: Path) -> None:
    """Outside of the permitted dates even a listed host would be blocked."""
    policy.write_text(policy.read_text() + "window: {from: 2020-01-01, until: 2020-12-31}\n")

    result = home.run("explain", "https://shop.test/", "--json")

    assert (1, "block", "window") == (result.code, result.form()["decision"], result.form()["clause"])


def test_options_are_accepted_before_and_after_the_name(home: Home, policy: Path) -> None:
    """--json and --policy mean the same on both sides of the command."""
    moved = policy.rename(home.folder / "moved.yaml")

    before = home.run("--json", "--policy", str(moved), "explain", "https://shop.test/")
    after = home.run("explain", "https://shop.test/", "--json", "--policy", str(moved))

    assert before.form() == after.form()


def test_explain_writes_nothing(home: Home, policy: Path) -> None:
    """Asking makes no folder in the home."""
    home.run("explain", "https://shop.test/")

    assert {"work", "r"} == {each.name for each in home.folder.parent.iterdir()}


def test_a_host_is_added_with_its_sentence(home: Home, policy: Path) -> None:
    """scope add edits the file when no proxy runs, keeps comments, and explain follows at once."""
    result = home.run("scope", "add", "new.shop.test", "--says", "The new shop too.")
    explained = home.run("explain", "https://new.shop.test/")

    assert (0, 0) == (result.code, explained.code)
    assert "The new shop too." in explained.out
    assert "# the shop itself" in policy.read_text()


def test_hosts_are_allowed_by_name(home: Home, policy: Path) -> None:
    """allow adds to load, or to the list that is named, and says so."""
    load = home.run("allow", "img.test", "--json")
    noise = home.run("allow", "ads.test", "--to", "noise")

    assert {"added": ["load img.test"], "state": "written"} == load.form()
    assert 0 == noise.code
    assert "scope.noise" in home.run("explain", "https://ads.test/").out


@pytest.mark.parametrize("host", ["*.co.uk", "not a host", "\x1b[2J", "shop.test"])
def test_what_cannot_be_allowed_is_refused(home: Home, policy: Path, host: str) -> None:
    """Too wide, no host, or on another list: an error, and the file stays as it is."""
    before = policy.read_text()

    result = home.run("allow", host)

    assert 2 == result.code
    assert result.error.isprintable()
    assert before == policy.read_text()


def test_init_reads_a_scope_file(home: Home) -> None:
    """Rows become entries, a decision or nothing; the policy loads and says where each entry is from."""
    home.write(
        "scope.txt", "shop.test\n- pay.shop.test\nour apps in all stores\nhttps://play.google.com/store/x\n"
    )
    words = ("--name", "Shop", "--policy-url", "https://shop.test/p")
    told = home.run("init", "scope.txt", *words)
    form = home.run("init", "scope.txt", "--json", *words).form()

    assert 0 == told.code
    assert "Read 4 rows: 2 became entries, 1 need your decision, 1 are no network." in told.out
    assert "scope.txt:3: 'our apps in all stores'" in told.out
    assert "- shop.test # scope.txt:1" in (home.folder / "policy.yaml").read_text()
    assert {"read": 4, "entries": 2, "decide": 1, "not_network": 1} == form["rows"]
    assert [("our apps in all stores", "scope.txt:3")] == [
        (each["raw"], each["where"]) for each in form["decide"]
    ]
    assert 0 == home.run("explain", "https://shop.test/").code
    assert 1 == home.run("explain", "https://pay.shop.test/").code


def test_init_reads_a_source_from_stdin_and_fetches_none(home: Home) -> None:
    """A URL is a clear error, and so are a missing file and a binary one."""
    (home.folder / "binary").write_bytes(b"\x00\xff\xfe")

    assert 0 == home.run("init", "-", "-o", "-", given="shop.test\n").code
    assert "nothing is fetched" in home.run("init", "https://shop.test/scope").error
    assert (2, 2) == (home.run("init", "missing").code, home.run("init", "binary").code)
    assert "UTF-8" in home.run("init", "binary").error
