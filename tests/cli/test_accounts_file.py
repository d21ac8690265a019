"""accounts.yaml, read and written."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fairwitness.control.accounts_file import AccountsFile
from fairwitness.errors import PolicyError
from fairwitness.model.account import Account


@pytest.fixture
def file(tmp_path: Path) -> AccountsFile:
    """One that does not exist yet."""
    return AccountsFile(tmp_path / "accounts.yaml", lambda folder: folder)


def test_what_is_typed_is_found_again(file: AccountsFile) -> None:
    """However many spaces were typed, and in whatever case an identity was."""
    file.add(" the  victim ", (" V@example.test ",))
    assert (Account("the victim", ("V@example.test", "7")),) == file.add(
        "the victim", ("v@EXAMPLE.test", "7")
    )
    assert () == file.remove("the   victim")


@pytest.mark.parametrize(
    ("name", "identity"),
    [("", "x"), ("a", ""), ("a" * 61, "x"), ("a", "x" * 255), ("a\x1b", "x"), ("a", "\u202e")],
)
def test_what_cannot_be_kept_is_refused(file: AccountsFile, name: str, identity: str) -> None:
    """And the file stays as it was."""
    file.add("first", ("one",))
    before = file.path.read_bytes()
    with pytest.raises(PolicyError):
        file.add(name, (identity,))
    assert before == file.path.read_bytes()


def test_a_file_that_others_could_read_is_closed(file: AccountsFile) -> None:
    """At the first change."""
    file.path.write_text("accounts: []")
    file.path.chmod(0o644)
    file.add("first", ("one",))
    assert 0o600 == stat.S_IMODE(file.path.stat().st_mode)


def test_a_pipe_or_a_folder_in_its_place_is_said(file: AccountsFile) -> None:
    """Nothing waits for ever."""
    file.path.mkdir()
    with pytest.raises(PolicyError, match="cannot be read"):
        file.load()
