"""How far a slow command is."""

from __future__ import annotations

import io

import pytest

from fairwitness.cli.progress import Progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_is_done_soon_is_not_spoken_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither on a terminal before its time, nor ever where stderr is none."""
    terminal, pipe = _Terminal(), io.StringIO()
    monkeypatch.setattr("sys.stderr", terminal)
    with Progress(after_s=3600) as progress:
        progress.tell("1 of 2")
    monkeypatch.setattr("sys.stderr", pipe)
    with Progress() as progress:
        progress.tell("1 of 2")

    assert ("", "") == (terminal.getvalue(), pipe.getvalue())


def test_its_line_is_left_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it said is gone before the result comes, and a name in it steers no terminal."""
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with Progress() as progress:
        progress.tell("a\x1b[2Jb 1 of 2")
        progress.tell("too soon after")
        said = terminal.getvalue()

    assert (1, "too soon" in said) == (said.count("\x1b"), False)
    assert "\r\x1b[K" == terminal.getvalue().removeprefix(said)
