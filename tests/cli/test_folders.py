from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from fairwitness.cli.folders import data_folder, make_private, named_program_folder, program_folder, slug
from fairwitness.errors import PolicyError
from fairwitness.model.policy import Program


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Apify vulnerability disclosure", "apify-vulnerability-disclosure"),
        ("Müller & Söhne", "muller-sohne"),
        ("../../etc", "etc"),
        ("東京", "program"),
        ("a" * 200, "a" * 60),
    ],
)
def test_a_slug_is_a_safe_folder_name(name: str, wanted: str) -> None:
    """Whatever a program is called, its slug is short and cannot leave the folder."""
    assert wanted == slug(name)


def test_the_folder_names_program_and_address() -> None:
    """The folder is the slug of the name and eight hex digits of SHA-256 of the policy's address."""
    program = Program(name="Acme", policy_url="https://acme.test/policy")
    digits = hashlib.sha256(b"https://acme.test/policy").hexdigest()[:8]

    assert data_folder() / "programs" / f"acme-{digits}" == program_folder(program)


def test_a_program_is_found_by_its_slug_or_whole_name() -> None:
    """--program takes the folder's name, or the program's where only one folder has it."""
    folder = make_private(program_folder(Program(name="Acme", policy_url="https://acme.test/policy")))

    assert folder == named_program_folder("Acme")
    assert folder == named_program_folder(folder.name)


def test_two_programs_of_one_name_are_told_apart() -> None:
    """With two folders for one name the error lists both."""
    for address in ("https://a.test", "https://b.test"):
        make_private(program_folder(Program(name="Acme", policy_url=address)))

    with pytest.raises(PolicyError, match="several programs") as caught:
        named_program_folder("acme")

    assert 2 == caught.value.mend.count("acme-")


@pytest.mark.parametrize("name", ["nobody", "..", "../x", "/etc", ""])
def test_an_unknown_program_is_an_error(name: str) -> None:
    """A name that no folder has is an error, also one that would climb out of the data folder."""
    make_private(program_folder(Program(name="Acme", policy_url="https://a.test")))

    with pytest.raises(PolicyError, match="no program"):
        named_program_folder(name)


def test_every_folder_that_is_made_is_private() -> None:
    """The folder and all that were missing above it have mode 0700."""
    made = make_private(data_folder() / "programs" / "x" / "evidence")

    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (made, *list(made.parents)[:3])}
    assert set(modes.values()) == {0o700}


def test_a_folder_of_the_researcher_keeps_its_mode(tmp_path: Path) -> None:
    """An existing folder outside the data folder is not changed behind its owner's back."""
    own = tmp_path / "own"
    own.mkdir()
    own.chmod(0o755)

    make_private(own)

    assert 0o755 == stat.S_IMODE(own.stat().st_mode)


def test_a_file_in_the_way_is_a_clear_error(tmp_path: Path) -> None:
    """Where a file lies the folder cannot be made, and the error says where."""
    (tmp_path / "file").write_text("")

    with pytest.raises(PolicyError) as caught:
        make_private(tmp_path / "file" / "evidence")

    assert str(tmp_path / "file" / "evidence") == caught.value.where
