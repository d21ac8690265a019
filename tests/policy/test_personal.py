"""researcher.yaml and accounts.yaml."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairwitness.errors import PolicyError
from fairwitness.model.account import Account, Researcher
from fairwitness.policy import accounts_text, read_accounts, read_researcher, researcher_text


def accounts(text: str) -> tuple[Account, ...]:
    """Read them."""
    return read_accounts(text.encode(), path="accounts.yaml")


def test_accounts_are_read() -> None:
    """Names with the identities by which the program knows them."""
    read = accounts('accounts:\n  - {name: first, identities: [r1, r1@example.test, "41"]}\n  - {name: b}\n')
    assert (Account("first", ("r1", "r1@example.test", "41")), Account("b", ())) == read


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("accounts: [{name: a, identities: [x]}, {name: a}]", ":1:47", "two accounts are called"),
        ("accounts: [{name: a, identities: [x]}, {name: b, identities: [X]}]", ":1:62", "belongs to two"),
        ("accounts:\n- {name: a, password: x}", ":2:13", "unknown key 'password'"),
        ("accounts: {a: b}", ":1:11", "not a list"),
        ("accounts: [{identities: [x]}]", ":1:12", "accounts[0].name is missing"),
        ("accounts: [{name: &a x}]", ":1:19", "not used in accounts.yaml"),
        ("accounts: !!python/object:os.system [x]", ":1:11", "tag"),
        ('accounts: [{name: "a\\u202e"}]', ":1:19", "cannot be shown"),
        ("accounts: [{name: a, identities: ['']}]", ":1:35", "is empty"),
        (f"accounts: [{{name: {'a' * 61}}}]", ":1:19", "too long"),
        ("users: []", ":1:1", "accounts.yaml has the unknown key"),
        ("[" * 40, ":1:17", "nested too deeply"),
        ("accounts: [", ":1:1", "no YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, where: str, what: str) -> None:
    """Line and column, as for a policy."""
    with pytest.raises(PolicyError) as caught:
        accounts(text)
    assert what in caught.value.what
    assert f"accounts.yaml{where}" == caught.value.where


def test_what_is_too_large_is_not_parsed() -> None:
    """A megabyte is enough for anybody; an alias bomb dies at its first anchor."""
    with pytest.raises(PolicyError, match="larger than 1 MiB"):
        read_accounts(b"#" * (1 << 20) + b"#", path="accounts.yaml")
    many = ", ".join(f"{{name: n{n}}}" for n in range(1001))
    with pytest.raises(PolicyError, match="more than 1000"):
        accounts(f"accounts: [{many}]")


def test_an_empty_file_has_none() -> None:
    """So that it may be made with an editor."""
    assert () == accounts("")
    assert () == accounts("accounts: []\n")
    assert Researcher(None, None) == read_researcher(b"\n", path="researcher.yaml")


_TEXT = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=40)


@given(st.lists(st.tuples(_TEXT, st.lists(_TEXT, max_size=4)), max_size=5, unique_by=lambda each: each[0]))
def test_what_is_written_is_read_again(entries: list[tuple[str, list[str]]]) -> None:
    """Whatever characters names have."""
    seen: set[str] = set()
    listed = []
    for name, identities in entries:
        fresh = [each for each in identities if each.casefold() not in seen]
        seen.update(each.casefold() for each in fresh)
        listed.append(Account(name, tuple(fresh)))
    assert tuple(listed) == read_accounts(accounts_text(tuple(listed)), path="accounts.yaml")


def test_the_researcher_is_written_and_read() -> None:
    """Handle and contact."""
    one = Researcher('ha"ndle', None)
    assert one == read_researcher(researcher_text(one), path="researcher.yaml")
    with pytest.raises(PolicyError, match=r"researcher\.yaml has the unknown key 'name'"):
        read_researcher(b"name: x", path="researcher.yaml")
