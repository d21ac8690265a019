"""Tests of fairwitness.cli.plan."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fairwitness.cli.plan import private_ca
from fairwitness.errors import StartError

KEY = "mitmproxy-ca.pem"


def _write(path: Path, mode: int) -> None:
    path.write_text("key")
    path.chmod(mode)


HARMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "read by all": (lambda folder: _write(folder / KEY, 0o644), "others can read"),
    "read by the group, packed": (
        lambda folder: _write(folder / "mitmproxy-ca.p12", 0o640),
        "others can read",
    ),
    "a link": (
        lambda folder: (folder / KEY).symlink_to(folder.parent / "elsewhere"),
        "no plain file of yours",
    ),
    "a pipe": (lambda folder: os.mkfifo(folder / KEY), "no plain file of yours"),
    "an open folder": (lambda folder: folder.chmod(0o777), "everybody can put"),
}


@pytest.mark.parametrize("name", HARMS)
def test_an_authority_that_others_have_is_refused(tmp_path: Path, name: str) -> None:
    """Its key could open what the browser sends; a pipe would be waited for without end."""
    folder = tmp_path / "ca"
    folder.mkdir(mode=0o755)
    _write(folder / KEY, 0o600)
    assert folder == private_ca(folder)
    if name.startswith("a "):
        (folder / KEY).unlink()
    harm, says = HARMS[name]
    harm(folder)
    with pytest.raises(StartError, match=says):
        private_ca(folder)

    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_an_authority_of_another_user_is_refused(tmp_path: Path) -> None:
    """Who owns the key can read it, whatever its mode."""
    _write(tmp_path / KEY, 0o600)
    os.chown(tmp_path / KEY, 65534, 65534)

    with pytest.raises(StartError, match="no plain file of yours"):
        private_ca(tmp_path)


def test_a_folder_for_a_new_authority_is_private(tmp_path: Path) -> None:
    """It is made, and nobody else enters it."""
    assert 0o700 == private_ca(tmp_path / "new" / "ca").stat().st_mode & 0o777
