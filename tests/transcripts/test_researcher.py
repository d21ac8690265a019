"""Who the researcher is: noted once, outside of policy and log."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from fairwitness.policy import load_policy

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home

ASKED = ("--yes", "--name", "Shop", "--policy-url", "https://shop.test/p", "--include", "shop.test")


def researcher_of(home: Home) -> Path:
    """The file."""
    return Path(home.environment["HOME"]) / ".local" / "share" / "fairwitness" / "researcher.yaml"


def headers_in(file: Path) -> tuple[tuple[str, str], ...]:
    """How the policy identifies the researcher."""
    return load_policy(file).identify.headers


def test_the_handle_is_noted_once_and_used_again(home: Home) -> None:
    """The first `init --handle` fills the file, the next one takes it from there, and none overwrites it."""
    assert 0 == home.run("init", *ASKED, "-o", "none.yaml").code
    assert not researcher_of(home).exists()
    home.run("init", *ASKED, "--handle", "ha:nd'le", "--json")
    assert not researcher_of(home).exists()
    assert 0 == home.run("init", *ASKED, "--handle", "first-handle", "-o", "a.yaml").code
    mode = stat.S_IMODE(researcher_of(home).stat().st_mode)
    assert 0 == home.run("init", *ASKED, "-o", "b.yaml").code
    assert 0 == home.run("init", *ASKED, "--handle", "second-handle", "-o", "c.yaml").code

    assert 0o600 == mode
    assert "first-handle" in researcher_of(home).read_text()
    used = [headers_in(home.folder / f"{name}.yaml") for name in ("none", "a", "b", "c")]
    first, second = (("X-Bug-Bounty", "first-handle"),), (("X-Bug-Bounty", "second-handle"),)
    assert [(), first, first, second] == used


def test_a_broken_file_is_said(home: Home) -> None:
    """With its line; nothing is written then."""
    researcher_of(home).parent.mkdir(parents=True)
    researcher_of(home).write_text("handle: me\nhandel: you\n")
    refused = home.run("init", *ASKED)
    assert 2 == refused.code
    assert "researcher.yaml:2:1: researcher.yaml has the unknown key 'handel'" in refused.error
    assert not (home.folder / "policy.yaml").exists()


def test_a_placeholder_is_warned_of_at_start(home: Home) -> None:
    """A program that looks for the header would not find anybody."""
    home.run("init", *ASKED, "--handle", "your-handle")
    told = home.run("exec", "--", "true").err
    assert 1 == len([line for line in told.splitlines() if "warning" in line and "X-Bug-Bounty" in line])
