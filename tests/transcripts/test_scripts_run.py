from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "run"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the real scripts/run, whose program says what it was started with."""
    checkout = tmp_path / "a checkout"
    for name, text in (
        ("scripts/setup", "#!/bin/sh\necho setup >&2\n"),
        (".venv/bin/fairwitness", "#!/bin/sh\npwd\nprintf '%s\\n' \"$@\"\n"),
    ):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(text)
        (checkout / name).chmod(0o755)
    (checkout / "policy.yaml").write_text("")
    shutil.copy(SCRIPT, checkout / "scripts" / "run")
    return checkout


def _run(checkout: Path, folder: Path, *words: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [checkout / "scripts" / "run", *words], cwd=folder, capture_output=True, env={"PATH": "/bin:/usr/bin"}
    )
    assert (0, b"setup\n") == (done.returncode, done.stderr)
    return done.stdout.decode().splitlines()


def test_it_takes_the_callers_policy(checkout: Path, tmp_path: Path) -> None:
    """With a policy.yaml where it is called from, that one is used; arguments pass through."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "policy.yaml").write_text("")

    assert [str(folder), "run", "--note", "two words"] == _run(checkout, folder, "--note", "two words")


def test_it_falls_back_to_the_checkouts_policy(checkout: Path, tmp_path: Path) -> None:
    """Without one, the checkout's example is used, from any folder."""
    folder = tmp_path / "elsewhere"

    assert [str(folder), "run", "--policy", f"{checkout}/policy.yaml", "-v"] == _run(checkout, folder, "-v")


def test_a_named_policy_wins(checkout: Path, tmp_path: Path) -> None:
    """What the caller names is not overridden."""
    folder = tmp_path / "elsewhere"

    assert [str(folder), "run", "--policy=x.yaml"] == _run(checkout, folder, "--policy=x.yaml")
