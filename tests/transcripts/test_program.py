from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from fairwitness.cli.main import COMMANDS, program

if TYPE_CHECKING:
    from tests.transcripts.conftest import Home

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"


def _all_commands() -> list[tuple[str, click.Command]]:
    context = click.Context(program)
    found: list[tuple[str, click.Command]] = []
    for name in COMMANDS:
        command = program.get_command(context, name)
        assert command
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {each}", inner) for each, inner in command.commands.items()]
    return found


def test_every_command_has_help_with_an_example() -> None:
    """Each command says how it is used, with its own name in a whole command line."""
    lacking = [name for name, each in _all_commands() if f"fairwitness {name}" not in (each.epilog or "")]

    assert [] == lacking


def test_every_command_has_a_heading_in_the_docs() -> None:
    """docs/cli.md has a heading for each command, and none for what is no command."""
    headings = set(re.findall(r"^### (.+)$", DOCS.read_text(), re.MULTILINE))

    assert set(COMMANDS) == headings


def test_every_option_is_in_the_docs() -> None:
    """Whatever option a command has, docs/cli.md names it."""
    text = DOCS.read_text()
    options = {
        name
        for _, command in _all_commands()
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in parameter.opts
        if name.startswith("--")
    }

    assert set() == {name for name in options - {"--verbose"} if name not in text}


def test_the_list_of_commands_is_that_of_their_own_help() -> None:
    """What `fairwitness --help` says of a command is the first line of the command's help."""
    own = {name: (command.help or "").splitlines()[0] for name, command in _all_commands() if " " not in name}

    assert {name: purpose for name, (_, _, purpose) in COMMANDS.items()} == own


@pytest.mark.parametrize("name", [[], *([each] for each in COMMANDS), ["scope", "add"]])
def test_help_works_everywhere(home: Home, name: list[str]) -> None:
    """--help exits with 0 and writes nothing to stderr, in an empty folder of an empty home."""
    result = home.run(*name, "--help")

    assert (0, "") == (result.code, result.err)
    assert "Example" in result.out


def _imported(home: Home, *words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "fairwitness", *words],
        capture_output=True,
        cwd=home.folder,
        env=home.environment,
        check=False,
    )
    return {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}


def test_help_imports_no_room_but_the_door(home: Home) -> None:
    """--help is quick, because it loads no command, no store, no policy and no proxy."""
    imported = _imported(home, "--help")

    heavy = ("mitmproxy", "rich", "fairwitness.policy", "fairwitness.evidence", "fairwitness.proxy", "yaml")
    assert "click" in imported
    assert set() == {name for name in imported if name.startswith(heavy)}


@pytest.mark.parametrize(
    "words", [["log"], ["flags"], ["status"], ["explain", "https://shop.test/"], ["check"]]
)
def test_commands_that_start_no_proxy_load_none(home: Home, policy: Path, words: list[str]) -> None:
    """Reading and asking commands import neither mitmproxy nor proxy/."""
    imported = _imported(home, *words)

    assert "fairwitness.policy" in imported
    assert set() == {name for name in imported if name.startswith(("mitmproxy", "fairwitness.proxy"))}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "fairwitness: Missing command"),
        (["nonsense"], "No such command 'nonsense'"),
        (["log", "--sttus", "404"], "fairwitness log: No such option '--sttus'"),
        (["--nonsense"], "No such option '--nonsense'"),
        (["log", "--status", "99"], "'99' is no status"),
        (["log", "--decision", "maybe"], "'maybe' is not one of"),
        (["log", "--since", "yesterday"], "'yesterday' is no time"),
        (["log", "--id", "9-3"], "'9-3' is no range"),
        (["log", "--session", "x"], "--session"),
        (["explain"], "Missing argument 'URL'"),
        (["answer", "f1", "--as", "nothing", "--note", "x"], "--as"),
        (["answer", "f1"], "Missing option '--as'"),
        (["resume"], "Missing option '--reason'"),
        (["allow"], "name hosts, or say --suggested"),
        (["allow", "--suggested", "a.test"], "name hosts, or say --suggested"),
        (["scope"], "fairwitness scope: name one of: add"),
        (["scope", "add", "a.test"], "Missing option '--says'"),
        (["exec"], "Missing argument 'CMD...'"),
        (["run", "--listen", "nowhere"], "'nowhere' is not ADDRESS:PORT"),
        (["run", "--listen", "0.0.0.0:8080"], "is not loopback"),
        (["run", "--set", "x"], "'x' is not OPTION=VALUE"),
        (["run", "--ui", "fancy"], "'fancy' is not one of"),
        (["setup"], "Missing argument 'burp|zap|caido|firefox|system-ca'. Choose from: burp, zap,"),
        (["run", "--ui", "live", "--json"], "choose one"),
        (["exec", "--ui", "live", "true"], "the terminal belongs to the command"),
        (["browser", "--account", "../x"], "--account"),
        (["browser", "javascript:alert(1)"], "write it with http"),
        (["--accounts", "/no/such", "log"], "/no/such"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(home: Home, words: list[str], says: str) -> None:
    """Wrong usage gives one error in the usual form and exit code 2."""
    result = home.run(*words)

    assert 2 == result.code
    assert says in result.error
    assert "" == result.out


COMMON = (
    ["log"],
    ["flags"],
    ["wanted"],
    ["show", "1"],
    ["explain", "a.test"],
    ["check"],
    ["status"],
    ["run"],
)


@pytest.mark.parametrize("words", COMMON)
def test_without_a_policy_the_error_says_what_to_do(home: Home, words: list[str]) -> None:
    """In an empty folder each command says that there is no policy.yaml, and exits with 2."""
    result = home.run(*words)

    assert 2 == result.code
    assert "policy.yaml" in result.error


GARBAGE = (b"\x00\x01\xfe\xff" * 64, b"", b"]][[", b"- \x1b]0;x\x07")


@pytest.mark.parametrize(("words", "garbage"), list(zip(COMMON, GARBAGE * 2, strict=True)))
def test_binary_garbage_as_policy_is_one_error(home: Home, words: list[str], garbage: bytes) -> None:
    """Whatever bytes policy.yaml holds, the answer is one error without control characters, exit 2."""
    (home.folder / "policy.yaml").write_bytes(garbage)

    result = home.run(*words)

    assert 2 == result.code
    assert result.error.isprintable()


def test_arguments_that_are_no_text_are_one_error(home: Home, policy: Path) -> None:
    """Bytes that no encoding knows, in an argument, end in an error and not in a traceback."""
    result = home.run("explain", b"https://\xff\xfe/")

    assert result.code in (1, 2)
    assert "Traceback" not in result.err


def test_an_unknown_program_is_one_error(home: Home) -> None:
    """A program that does not exist is named."""
    result = home.run("--program", "nobody", "log")

    assert 2 == result.code
    assert "no program is called 'nobody'" in result.error


def test_a_reader_that_leaves_is_no_error(home: Home) -> None:
    """`fairwitness --help | head -1` says nothing on stderr."""
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m fairwitness --help | head -c 1"],
        capture_output=True,
        cwd=home.folder,
        env=home.environment,
    )

    assert b"" == done.stderr


def _in_shell(home: Home, script: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["sh", "-c", script.replace("fairwitness", f"{sys.executable} -m fairwitness")],
        capture_output=True,
        cwd=home.folder,
        env=home.environment,
    )


@pytest.mark.parametrize(
    "script", ["fairwitness explain a.test >&-", "fairwitness init <&-", "fairwitness x 2>&-"]
)
def test_closed_streams_end_in_no_traceback(home: Home, script: str) -> None:
    """A caller that closed stdin, stdout or stderr gets an exit code and no traceback."""
    done = _in_shell(home, script)

    assert 2 == done.returncode
    assert b"Traceback" not in done.stderr


def test_a_full_disk_is_one_error(home: Home) -> None:
    """Output that cannot be written is one error."""
    done = _in_shell(home, "fairwitness --version >/dev/full")

    assert 2 == done.returncode
    assert (
        b"fairwitness: error: this system: No space left on device. Mend that and try again.\n" == done.stderr
    )


def test_an_empty_name_is_not_the_current_folder(home: Home, policy: Path) -> None:
    """--evidence "$UNSET" is wrong usage, and nothing is written here."""
    result = home.run("run", "--evidence", "")

    assert 2 == result.code
    assert "the name is empty" in result.error
    assert ["policy.yaml"] == [each.name for each in home.folder.iterdir()]


def test_the_version_is_said(home: Home) -> None:
    """--version names program and version."""
    result = home.run("--version")

    assert re.fullmatch(r"fairwitness \d+\.\d+\.\d+\n", result.out)


def test_an_error_that_nobody_reads_keeps_its_code(home: Home) -> None:
    """As with `fairwitness check 2>&1 | head -1`: no bug, and no file about one."""
    reads, writes = os.pipe()
    os.close(reads)
    environment = {**home.environment, "TMPDIR": str(home.folder)}
    done = subprocess.run(
        home.command("check", "nowhere.yaml"), stderr=writes, cwd=home.folder, env=environment, timeout=60
    )
    os.close(writes)

    assert 2 == done.returncode
    assert [] == list(home.folder.iterdir())
