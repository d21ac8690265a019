"""Programs on this machine, which one is meant, and the accounts there."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fairwitness.cli.folders import slug
from fairwitness.evidence import Log
from fairwitness.policy import load_policy

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home, Result

SHOP = """version: 1
program: {name: Lab shop, policy_url: "https://shop.test/policy", reviewed: 2026-01-01}
scope: {include: [shop.test]}
"""
BANK = SHOP.replace("Lab shop", "Bank").replace("shop.test", "bank.test")
DATA = ".local/share/fairwitness"


def data_of(home: Home) -> Path:
    """The data folder."""
    return Path(home.environment["HOME"]) / DATA


def folder_of(home: Home, slug: str) -> Path:
    """A program's folder."""
    (found,) = (data_of(home) / "programs").glob(f"{slug}-*")
    return found


def record(home: Home, policy: str, *, folder: str, note: str | None = None) -> Path:
    """One session of a program whose policy lies in a folder of its own, as the proxy records it."""
    place = home.folder / folder
    place.mkdir(exist_ok=True)
    file = place / "policy.yaml"
    file.write_text(policy)
    read = load_policy(file)
    address = hashlib.sha256(read.program.policy_url.encode()).hexdigest()[:8]
    made = data_of(home) / "programs" / f"{slug(read.program.name)}-{address}"
    made.mkdir(parents=True, exist_ok=True)
    (made / "policy-path").write_text(f"{file}\n")
    now_us = time.time_ns() // 1000
    log = Log.open(made / "evidence", program=read.program, now_us=now_us)
    log.append_session([("note", note)] if note else [], time_us=now_us)
    log.append_policy(read, time_us=now_us, why="start")
    log.close(time_us=now_us)
    return file


NOTHING = "fairwitness: no exchange fits\n"


@pytest.fixture
def two(home: Home) -> Home:
    """A home with two programs; the current folder has the policy of neither."""
    record(home, SHOP, folder="shop", note="first \x1b[31mlook")
    record(home, BANK, folder="bank")
    return home


def test_a_home_without_programs_says_what_to_do(home: Home) -> None:
    """Nothing was made by asking."""
    for words in (["programs"], ["use"]):
        assert 0 == home.run(*words).code
    assert "No program yet." in home.run("programs").out
    assert [] == home.run("programs", "--json").forms()
    assert {"program": None, "folder": None, "policy": None} == home.run("use", "--json").form()
    assert not data_of(home).exists()


def test_programs_are_listed(two: Home) -> None:
    """For people aligned and escaped, for programs as JSON lines."""
    people = two.run("programs")
    bank, shop = two.run("programs", "--json").forms()

    assert ["Bank", "Lab shop"] == [bank["program"], shop["program"]]
    assert (1, 0, False, False) == (shop["sessions"], shop["open_flags"], shop["running"], shop["chosen"])
    assert "first \x1b[31mlook" == shop["note"]
    assert str(two.folder / "shop" / "policy.yaml") == shop["policy"]
    assert shop["review_is_overdue"]
    assert shop["review_age_days"] > 30
    assert shop["bytes"] > 1000
    assert shop["problem"] is None
    assert "\x1b" not in people.out
    assert "first \\x1b[31mlook" in people.out
    assert "overdue" in people.out


def test_use_chooses_from_any_folder(two: Home) -> None:
    """The chosen one stands before ./policy.yaml; what is named stands before it."""
    chosen = two.run("use", "lab-shop", "--json").form()
    note = data_of(two) / "used-program"
    explained = two.run("explain", "https://shop.test/", "--json").form()
    listed = two.run("log")
    by_variable = two.run("explain", "https://bank.test/", "--json", FAIRWITNESS_PROGRAM="bank").form()
    by_option = two.run("explain", "https://bank.test/", "--json", "--policy", "bank/policy.yaml").form()

    assert folder_of(two, "lab-shop").name == chosen["program"]
    assert 0o600 == stat.S_IMODE(note.stat().st_mode)
    assert ("allow", "allow", "allow") == (
        explained["decision"],
        by_variable["decision"],
        by_option["decision"],
    )
    assert (0, NOTHING) == (listed.code, listed.err)
    assert [False, True] == [each["chosen"] for each in two.run("programs", "--json").forms()]

    assert 0 == two.run("use", "--none").code
    assert "No program is chosen" in two.run("use").out
    assert "policy.yaml: the policy cannot be read" in two.run("explain", "https://shop.test/").error


def test_another_program_in_the_current_folder_is_said(two: Home) -> None:
    """Who has forgotten `use` must not test the wrong program unawares."""
    two.run("use", "lab-shop")
    two.write("policy.yaml", BANK)
    told = two.run("explain", "https://shop.test/", "--json")
    env = two.run("explain", "https://shop.test/", "--json", FAIRWITNESS_PROGRAM="lab-shop")
    named = two.run("explain", "https://shop.test/", "--json", "--program", "lab-shop")
    two.write("policy.yaml", "- broken")
    broken = two.run("log")
    two.write("policy.yaml", SHOP)
    same = two.run("log")

    assert 1 == len(told.err.splitlines())
    assert "./policy.yaml is of another program (Bank)" in told.err
    assert "use --none" in told.err
    assert "as FAIRWITNESS_PROGRAM says" in env.err
    assert "./policy.yaml cannot be read" in broken.err
    assert ("", NOTHING) == (named.err, same.err)


def test_a_proxy_says_what_it_tests(home: Home) -> None:
    """Program, folder and policy, on stderr; where the policy lay is remembered from the first run on."""
    two = home
    shop = two.folder / "shop"
    shop.mkdir()
    (shop / "policy.yaml").write_text(SHOP)
    first = two.run("exec", "--policy", "shop/policy.yaml", "--note", "a look", "--", "true")
    two.run("use", "lab-shop")
    two.write("policy.yaml", BANK)
    row = two.run("programs", "--json").form()
    assert (0, "a look", 1, True) == (first.code, row["note"], row["open_flags"], row["chosen"])
    note = folder_of(two, "lab-shop") / "policy-path"
    assert 0o600 == stat.S_IMODE(note.stat().st_mode)
    done = two.run("exec", "--", "true")

    assert 0 == done.code
    assert f"policy {two.folder / 'shop' / 'policy.yaml'}" in done.err
    assert str(folder_of(two, "lab-shop") / "evidence") in done.err
    assert "another program (Bank)" in done.err


def test_a_policy_that_moved_is_said(two: Home) -> None:
    """Reading goes on with the log's own; a proxy needs the file."""
    policy = two.folder / "shop" / "policy.yaml"
    policy.rename(two.folder / "elsewhere.yaml")
    explained = two.run("--program", "lab-shop", "explain", "https://shop.test/", "--json")
    gone = two.run("--program", "lab-shop", "exec", "--", "true")
    policy.write_text(BANK)
    foreign = two.run("--program", "lab-shop", "exec", "--", "true")
    policy.write_text("version: 2")
    broken = two.run("--program", "lab-shop", "exec", "--", "true")
    (folder_of(two, "lab-shop") / "policy.yaml").write_text(SHOP)
    mended = two.run("--program", "lab-shop", "exec", "--", "true")

    assert "allow" == explained.form()["decision"]
    assert [2, 2, 2, 0] == [each.code for each in (gone, foreign, broken, mended)]
    assert f"lay at {policy} and is gone" in gone.error
    assert "Name it once with --policy FILE" in gone.error
    assert "which is another program's now" in foreign.error
    assert f"{policy}:1:" in broken.error


def test_only_a_program_can_be_used(two: Home) -> None:
    """No path leads out of the folder of programs."""
    for name in ("../../etc", "/etc", "lab-shop/evidence", "", "..", "a" * 5000):
        refused = two.run("use", name)
        assert 2 == refused.code
        assert "no program is called" in refused.error
    assert not (data_of(two) / "used-program").exists()


def test_a_chosen_program_that_is_gone_is_said(two: Home) -> None:
    """Commands name the choice that led there; `use` and `programs` go on."""
    two.run("use", "bank")
    folder_of(two, "bank").rename(two.folder / "away")
    assert "use --none" in two.run("log").error
    assert "is gone" in two.run("use").out
    assert 1 == len(two.run("programs", "--json").forms())
    (data_of(two) / "used-program").write_bytes(b"\xff\x00\x1b[2J" * 10_000)
    assert 2 == two.run("log").code
    assert 0 == two.run("programs").code


def test_two_programs_of_one_name_need_the_whole_one(two: Home) -> None:
    """Nobody guesses which was meant."""
    record(two, SHOP.replace("https://shop.test/policy", "https://other.test/policy"), folder="again")
    refused = two.run("use", "lab-shop")
    whole = [each["folder"] for each in two.run("programs", "--json").forms() if "lab-shop" in each["folder"]]
    assert "several programs are called 'lab-shop'" in refused.error
    assert all(each in refused.error for each in whole)
    assert 0 == two.run("use", whole[0]).code


def test_a_folder_that_cannot_be_read_is_a_row(two: Home) -> None:
    """One broken folder hides no other."""
    programs = data_of(two) / "programs"
    (programs / "empty").mkdir()
    (programs / "torn" / "evidence").mkdir(parents=True)
    (programs / "torn" / "evidence" / "log.sqlite3").write_bytes(b"SQLite format 3\0" + os.urandom(5000))
    (programs / "loop").symlink_to("loop")
    (programs / "away").symlink_to("/nowhere")
    (programs / "a file").write_text("x")
    (programs / "bad\n\x1b[2Jname").mkdir()
    listed = {each["folder"]: each for each in two.run("programs", "--json").forms()}
    people = two.run("programs")

    assert {"bad\n\x1b[2Jname", "empty", "torn"} == {name for name, each in listed.items() if each["problem"]}
    assert "nothing was recorded yet" == listed["empty"]["problem"]
    assert "the log cannot be read" in listed["torn"]["problem"]
    assert (0, 5) == (people.code, len(listed))
    assert "\x1b" not in people.out


def test_a_data_folder_that_is_a_file_is_an_error(home: Home) -> None:
    """Said in one line, wherever it is met."""
    data_of(home).mkdir(parents=True)
    (data_of(home) / "programs").write_text("x")
    assert 2 == home.run("programs").code
    assert "cannot be listed" in home.run("programs").error
    (data_of(home) / "programs").unlink()
    (data_of(home) / "used-program").mkdir()
    for words in (["programs"], ["log"], ["exec", "--", "true"]):
        assert "it cannot be read which program is in use" in home.run(*words).error


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_not_used(two: Home) -> None:
    """Whoever owns it could change what may be tested."""
    os.chown(folder_of(two, "bank"), 65534, 65534)
    bank, shop = two.run("programs", "--json").forms()
    refused = two.run("use", "bank")
    assert "the folder belongs to another user; nothing in it is read" == bank["problem"]
    assert (None, None) == (bank["program"], shop["problem"])
    assert "this is no folder of yours" in refused.error


def test_uses_at_the_same_time_leave_one_of_them(two: Home) -> None:
    """Never half a name."""
    done: list[Result] = []
    threads = [
        threading.Thread(target=lambda name=name: done.append(two.run("use", name)))
        for name in ("bank", "lab-shop", "bank", "lab-shop")
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [0] * 4 == [each.code for each in done]
    assert two.run("use", "--json").form()["program"] in {
        folder_of(two, "bank").name,
        folder_of(two, "lab-shop").name,
    }


def test_sessions_can_be_told_apart(two: Home) -> None:
    """`log --session` takes one of them; its note stands with the program."""
    record(two, SHOP, folder="shop", note="second")
    assert "second" == two.run("programs", "--json").forms()[1]["note"]
    assert 2 == two.run("programs", "--json").forms()[1]["sessions"]
    assert (0, "") == (two.run("--program", "lab-shop", "log", "--session", "2", "--json").code, "")


def test_accounts_are_registered_without_a_proxy(two: Home) -> None:
    """Added, grown, listed and removed; the file is private."""
    at = ("--program", "lab-shop")
    assert "No account is registered" in two.run(*at, "accounts", "list").out
    added = two.run(*at, "accounts", "add", "first", "r1", "r1@example.test", "--json").form()
    grown = two.run(*at, "accounts", "add", "first", "41", "--json").form()
    file = folder_of(two, "lab-shop") / "accounts.yaml"
    mode = stat.S_IMODE(file.stat().st_mode)
    foreign = two.run(*at, "accounts", "add", "second", "R1")
    listed = two.run(*at, "accounts", "list", "--json").forms()
    people = two.run(*at, "accounts", "list").out
    unknown = two.run(*at, "accounts", "remove", "second")
    removed = two.run(*at, "accounts", "remove", "first", "--json").form()

    assert {"name": "first", "identities": ["r1", "r1@example.test"]} == added
    assert {"name": "first", "identities": ["r1", "r1@example.test", "41"]} == grown == listed[0]
    assert 0o600 == mode
    assert "'R1' belongs to two accounts" in foreign.error
    assert "r1@example.test" in people
    assert "no account is called 'second'" in unknown.error
    assert {"removed": "first"} == removed
    assert [] == two.run(*at, "accounts", "list", "--json").forms()
    assert 2 == two.run(*at, "accounts").code


BROKEN = [
    (
        b"accounts:\n- {name: a, password: x}\n",
        "accounts.yaml:2:13: accounts[0] has the unknown key 'password'",
    ),
    (b"a: &a [x, x]\nb: &b [*a, *a]\n", "anchors and aliases (& and *) are not used in accounts.yaml"),
    (b"accounts: !!python/object/apply:os.system [id]\n", "has a tag of its own"),
    (b"#" * (1 << 20) + b"#", "larger than 1 MiB"),
    (b"\xff\xfe", "is not UTF-8"),
]


def test_a_broken_accounts_file_is_said_by_all(two: Home) -> None:
    """Also by a proxy, before it starts."""
    file = folder_of(two, "lab-shop") / "accounts.yaml"
    at = ("--program", "lab-shop")
    for content, said in BROKEN:
        file.write_bytes(content)
        refused = two.run(*at, "accounts", "list")
        assert (2, True) == (refused.code, said in refused.error)
        assert content == file.read_bytes()
    for words in (["accounts", "add", "a", "b"], ["exec", "--", "true"]):
        assert "is not UTF-8" in two.run(*at, *words).error


def test_accounts_may_lie_elsewhere(two: Home) -> None:
    """--accounts names the file."""
    file = two.write("mine.yaml", 'accounts: [{name: first, identities: ["r1"]}]\n')
    listed = two.run("--program", "lab-shop", "--accounts", str(file), "accounts", "list", "--json").forms()
    assert [{"name": "first", "identities": ["r1"]}] == listed


def test_accounts_added_at_the_same_time_are_all_kept(two: Home) -> None:
    """The file is changed by one at a time."""

    def add(name: str) -> Callable[[], object]:
        return lambda: two.run("--program", "bank", "accounts", "add", name, f"{name}@example.test")

    threads = [threading.Thread(target=add(f"n{number}")) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    listed = two.run("--program", "bank", "accounts", "list", "--json").forms()
    assert {"n0", "n1", "n2", "n3"} == {each["name"] for each in listed}
