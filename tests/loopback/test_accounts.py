"""Whose identity an exchange carried, through the real proxy."""

from __future__ import annotations

import json
from collections.abc import Callable

from fairwitness.model.record import ExchangeRow
from fairwitness.testing import Reply, Town
from fairwitness.testing.site import Answer, text_answer

MakeTown = Callable[..., Town]
FORM = '<form method=post><input name=username><input type="password" name=password></form>'
FIRST = "5d1f0c1ab2c3d4e5"
SECOND = "77770c1ab2c3d4ff"


def open_shop(town: Town) -> None:
    """A small application: two accounts, a wrong password, a sign-out."""
    for name, cookie in (("first", FIRST), ("second", SECOND)):
        headers = ((b"Location", b"/account"), (b"Set-Cookie", f"sid={cookie}; HttpOnly; Path=/".encode()))
        town.inside.put(f"/login/{name}", "", answer=Answer(status=303, headers=headers))
    wrong = text_answer(FORM, kind="text/html", headers=((b"Set-Cookie", b"sid=anonymous-0123456789"),))
    town.inside.put("/login/wrong", "", answer=wrong)
    gone = Answer(status=303, headers=((b"Location", b"/"),))
    town.inside.put("/logout", "", answer=gone)


def sign_in(town: Town, where: str, name: str, *more: str) -> Reply:
    """Post the form."""
    url = town.inside.url(f"/login/{where}")
    return town.curl(url, "--data-urlencode", f"username={name}", "--data", "password=hunter2secret", *more)


def visit(town: Town, path: str, cookie: str, *more: str) -> ExchangeRow:
    """A request with a session's cookie; its row."""
    url = town.inside.url(path)
    town.curl(url, "-b", f"theme=dark; sid={cookie}", *more)
    return town.proxy.wait_for_row(lambda row: row.url == url and row.outcome != "open")


def told_lines(town: Town) -> list[str]:
    """All that it told, as a program wrote it."""
    return [json.dumps(dict(told.facts)) for told in town.proxy.told]


def test_sessions_of_two_accounts_are_told_apart(make_town: MakeTown) -> None:
    """In the log, in its filter and in the events; what fails teaches nothing, and a sign-out ends it."""
    with make_town() as town:
        open_shop(town)
        for name in ("first", "second"):
            added = town.proxy.command("accounts", "add", name, f"{name}@example.test")
            assert 0 == added.returncode
        assert 303 == sign_in(town, "first", "First@example.test").status
        assert 303 == sign_in(town, "second", "second@example.test", "-A", "another client").status
        assert 200 == sign_in(town, "wrong", "first@example.test").status
        rows = [
            visit(town, "/a", FIRST),
            visit(town, "/b", SECOND, "-A", "another client"),
            visit(town, "/c", "anonymous-0123456789"),
            visit(town, "/d", "unknown-0123456789"),
        ]
        sign_out = visit(town, "/logout", FIRST)
        after = visit(town, "/e", FIRST)
        filtered = town.proxy.command("log", "--account", "first", "--json").stdout
        asked = [told for told in town.proxy.told if told.kind == "account"]
        (event,) = [
            told for told in town.proxy.told if told.kind == "exchange" and told.text("url").endswith("/b")
        ]

    assert ["first", "second", None, None] == [row.account for row in rows]
    assert ("first", None) == (sign_out.account, after.account)
    assert ["/login/first", "/login/wrong", "/a", "/logout"] == [
        json.loads(line)["url"].removeprefix(town.inside.url("")) for line in filtered.splitlines()
    ]
    assert "second" == event.text("account")
    assert [] == asked


def test_an_unknown_name_is_told_once_and_can_be_registered(make_town: MakeTown) -> None:
    """The running proxy takes it at once; a hostile name is cut, and drives no terminal."""
    hostile = "\x1b[2J\u202e" + "x" * 10_000
    with make_town() as town:
        open_shop(town)
        for _ in range(2):
            sign_in(town, "first", "newcomer")
            sign_in(town, "second", hostile)
        before = visit(town, "/a", FIRST)
        town.proxy.command("accounts", "add", "mine", "Newcomer")
        after = visit(town, "/b", FIRST)
        known, strange = [told for told in town.proxy.told if told.kind == "account"]
        lines = told_lines(town)

    assert (None, "mine") == (before.account, after.account)
    assert ("newcomer", "in.test") == (known.text("identity"), known.text("host"))
    assert 254 == len(strange.text("identity"))
    assert [] == [line for line in lines if "hunter2secret" in line]


def test_what_was_registered_is_known_to_the_next_session(make_town: MakeTown) -> None:
    """accounts.yaml is read at the start; neither it nor a password is in what is written of accounts."""
    with make_town() as town:
        town.proxy.command("accounts", "add", "first", "newcomer")
        town.proxy.stop()
        open_shop(town)
        with town.another_proxy() as proxy:
            town.proxy = proxy
            sign_in(town, "first", "newcomer")
            row = visit(town, "/a", FIRST)
            listed = json.loads(proxy.command("accounts", "list", "--json").stdout)
            files = [path.read_bytes() for path in proxy.evidence.parent.rglob("accounts.yaml")]

    assert "first" == row.account
    assert {"name": "first", "identities": ["newcomer"]} == listed
    assert [False] == [b"hunter2secret" in content for content in files]


def test_a_file_that_is_written_by_hand_counts_at_once(make_town: MakeTown) -> None:
    """What is broken is told, and changes nothing; what is mended is taken up."""
    with make_town() as town:
        open_shop(town)
        town.proxy.command("accounts", "add", "first", "first@example.test")
        sign_in(town, "first", "first@example.test")
        (file,) = town.proxy.evidence.parent.rglob("accounts.yaml")
        file.write_text("accounts: [")
        warning = town.proxy.wait_for(
            lambda told: "the accounts stay as they were" in told.text("reason"), "a warning"
        )
        before = visit(town, "/a", FIRST)
        file.write_text("accounts: [{name: renamed, identities: [first@example.test]}]")
        after = visit(town, "/b-0", FIRST)
        for number in range(1, 200):
            if after.account == "renamed":
                break
            after = visit(town, f"/b-{number}", FIRST)

    assert "warning" == warning.text("state")
    assert ("first", "renamed") == (before.account, after.account)


def test_a_page_cannot_take_an_account(make_town: MakeTown) -> None:
    """A form of another site with a registered name, answered with a cookie of its choice, labels nothing."""
    with make_town() as town:
        open_shop(town)
        town.proxy.command("accounts", "add", "first", "victim")
        sign_in(town, "first", "victim", "-H", "Origin: https://evil.test")
        sign_in(town, "second", "made-up", "-H", "Origin: null")
        row = visit(town, "/a", FIRST)
        asked = [told for told in town.proxy.told if told.kind == "account"]

    assert (None, []) == (row.account, asked)
