from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fairwitness.evidence import Keep, Log
from fairwitness.evidence.testing import ALLOWED, NOON_US, make_flag, make_request
from fairwitness.model.finding import Change, FindingChange
from fairwitness.policy import load_policy

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home

TOOLS = ["burp", "zap", "caido", "firefox", "system-ca"]


@pytest.mark.parametrize("tool", TOOLS)
def test_setup_says_how_without_any_policy(home: Home, tool: str) -> None:
    """In an empty folder the defaults are given, and nothing is made."""
    before = set(home.folder.parent.rglob("*"))
    people = home.run("setup", tool)
    form = home.run("setup", tool, "--json").form()

    assert 0 == people.code, people.err
    assert "1. " in people.out
    assert "No proxy runs here" in people.out
    assert {"tool", "steps", "listen", "ca", "notes", "tried", "running"} == set(form)
    assert (tool, "127.0.0.1:8080", False) == (form["tool"], form["listen"], form["running"])
    assert any(word in " ".join(form["steps"]) for word in ("8080", form["ca"]))
    assert before == set(home.folder.parent.rglob("*"))


def test_setup_names_the_running_proxy(home: Home, policy: Path) -> None:
    """With a proxy running its address and its CA's file are given, quoted where a shell needs it."""
    with subprocess.Popen(
        home.command("run", "--listen", "127.0.0.1:0", "--ca-dir", "my ca", "--json"),
        stdout=subprocess.PIPE,
        cwd=home.folder,
        env=home.environment,
    ) as proxy:
        assert proxy.stdout
        ready = json.loads(proxy.stdout.readline())
        burp = home.run("setup", "burp", "--json").form()
        system = home.run("setup", "system-ca", "--json").form()
        proxy.terminate()
        proxy.stdout.read()

    assert (ready["listen"], ready["ca"], True) == (burp["listen"], burp["ca"], burp["running"])
    assert ready["listen"].rpartition(":")[2] in " ".join(burp["steps"])
    assert shlex.quote(ready["ca"]) in system["steps"][0]


def test_system_ca_warns_and_says_how_to_undo(home: Home) -> None:
    """Each command has its undoing, and what it means is said in capitals."""
    form = home.run("setup", "system-ca", "--json").form()

    undone = [step for step in form["steps"] if step.startswith("  undo: ")]
    assert len(form["steps"]) == 2 * len(undone)
    assert form["notes"][0].startswith("WARNING")


def test_setup_of_an_unknown_tool_is_one_error(home: Home) -> None:
    """The tools that are known are named."""
    result = home.run("setup", "charles")

    assert 2 == result.code
    assert "burp" in result.error


@pytest.fixture
def logged(home: Home, policy: Path) -> Path:
    """A log with a flag, two findings and three exchanges, where the policy says."""
    loaded = load_policy(policy)
    folder = home.folder / "evidence"
    log = Log.open(folder, program=loaded.program, now_us=NOON_US)
    log.append_session([], time_us=NOON_US)
    log.append_policy(loaded, time_us=NOON_US, why="start")
    for _ in range(3):
        request = make_request()
        log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.append_flag(make_flag("f1", request.exchange))
    for name in ("IDOR in orders", "idle $(touch owned) `x` *", "it's"):
        log.append_remark(FindingChange(finding=name, change=Change.CREATED), time_us=NOON_US)
    log.close(time_us=NOON_US)
    return folder


@pytest.fixture
def path(home: Home) -> str:
    """A PATH on which `fairwitness` is this program."""
    program = home.folder.parent / "bin" / "fairwitness"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m fairwitness "$@"\n')
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


def _offered(home: Home, path: str, *words: str, **variables: str) -> list[str]:
    """What a real bash offers after *words*, the last of which is being typed."""
    script = f"""
        eval "$(fairwitness completion bash)"
        COMP_WORDS=(fairwitness {" ".join(words)})
        COMP_CWORD={len(words)}
        _fairwitness_completion fairwitness
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        cwd=home.folder,
        env=home.environment | {"PATH": path, "FAIRWITNESS_EVIDENCE": "evidence"} | variables,
        timeout=60,
    )
    assert (0, b"") == (done.returncode, done.stderr)
    return done.stdout.decode().split("\n")[:-1]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("fin",), ["finding"]),
        (("prune", "--o"), ["--older-than"]),
        (("log", "--flag", "f"), ["f1"]),
        (("answer", "f"), ["f1"]),
        (("mark", "1", "--finding", "IDOR"), ["'IDOR in orders'"]),
        (("mark", "1", "--finding", "id"), ["'IDOR in orders'", "'idle $(touch owned) `x` *'"]),
        (("mark", "1", "--finding", "it"), [""]),
        (("show", '""'), ["3", "2", "1"]),
        (("finding", "show", "ido"), ["'IDOR in orders'"]),
        (("finding", "sh"), ["show"]),
        (("completion", "z"), ["zsh"]),
        (("setup", "b"), ["burp"]),
    ],
)
def test_bash_completes(
    home: Home, path: str, logged: Path, words: tuple[str, ...], offered: list[str]
) -> None:
    """Commands, options, flags, findings and exchanges are offered in a form that bash reads as one word."""
    assert offered == _offered(home, path, *words)


def test_what_cannot_be_read_offers_nothing(home: Home, path: str) -> None:
    """Without a policy, with a broken log, Tab is silent."""
    (home.folder / "evidence").mkdir()
    (home.folder / "evidence" / "log.sqlite3").write_bytes(os.urandom(5000))

    assert [""] == _offered(home, path, "log", "--flag", "f")
    assert [""] == _offered(home, path, "mark", "--finding", "x", FAIRWITNESS_EVIDENCE="")
    assert [""] == _offered(home, path, "log", "--program", "x")


def test_programs_are_completed(home: Home, path: str) -> None:
    """`--program` offers the folders that there are."""
    (home.folder.parent / ".local/share/fairwitness/programs/shop-12345678").mkdir(parents=True)

    assert ["shop-12345678"] == _offered(home, path, "--program", "sh")
    assert ["shop-12345678"] == _offered(home, path, "use", "sh")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(home: Home, shell: str) -> None:
    """The script is for that shell, and the shell reads it where it is there."""
    result = home.run("completion", shell)

    assert (0, "") == (result.code, result.err)
    assert f"_FAIRWITNESS_COMPLETE={shell}_complete" in result.out
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=result.out.encode(), capture_output=True, timeout=60)
        assert (0, b"") == (checked.returncode, checked.stderr)


def test_completion_of_an_unknown_shell_is_one_error(home: Home) -> None:
    """Only shells that are known have a script."""
    assert "fish" in home.run("completion", "cmd").error
