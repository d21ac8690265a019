"""The program: finds the command, runs it, and says what went wrong.

Commands are imported when they are called, so that ``fairwitness --help`` is quick and only a command that
starts a proxy pays for one.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import NoReturn, TextIO

import click

from fairwitness import __version__
from fairwitness.cli.bug import STARTS_PROXY, say_bugs_of
from fairwitness.cli.options import Group, example
from fairwitness.cli.starting import StartEndedError, say_who_ends_the_start
from fairwitness.cli.text import printable
from fairwitness.errors import FairwitnessError, StartError

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as a shell says it
EXIT_PIPE_CLOSED = 141  # 128 + SIGPIPE: the reader went away, as `yes | head` ends
_MEND = "Mend that and try again"  # what the system refused

# name: (module, function, what it is for).  The third is the command's own first line; a test compares them.
COMMANDS = {
    "init": ("init", "init", "Write a commented policy.yaml."),
    "programs": ("programs", "programs", "List the programs on this machine."),
    "use": ("programs", "use", "Choose the program for commands that name none."),
    "accounts": ("accounts", "accounts", "List, add and remove your own accounts at a program."),
    "check": ("check", "check", "Validate a policy and say what is odd in it."),
    "explain": ("check", "explain", "Say what would happen to a URL, and which line says so."),
    "run": ("run", "run", "Start the proxy."),
    "exec": ("execute", "execute", "Run a command through the proxy."),
    "browser": ("browser", "browser", "Open a browser that cannot bypass the proxy."),
    "status": ("steer", "status", "Say how the running proxy is."),
    "halt": ("steer", "halt", "Block everything until it is resumed."),
    "resume": ("steer", "resume", "Let traffic through again after a halt."),
    "pending": ("steer", "pending", "List the requests that wait for you."),
    "release": ("steer", "release", "Let a held request go."),
    "deny": ("steer", "deny", "Refuse a held request."),
    "confirm": ("steer", "confirm", "Put the changed policy in force."),
    "wanted": ("scope", "wanted", "List the hosts that in-scope pages asked for and did not get."),
    "allow": ("scope", "allow", "Add hosts that pages need, never to be tested."),
    "scope": ("scope", "scope", "Change what may be tested."),
    "log": ("log", "log", "List exchanges, blocked attempts too."),
    "show": ("show", "show", "Show one exchange as raw HTTP."),
    "flags": ("flags", "flags", "List what was, or was about to be, broken."),
    "answer": ("flags", "answer", "Answer a flag."),
    "mark": ("findings", "mark", "Collect exchanges for a finding."),
    "finding": ("findings", "finding", "Work on findings: new, list, show, edit, attach."),
    "export": ("export", "export", "Give exchanges out, with their secrets hidden."),
    "report": ("report", "report", "Say what was done, within which rules, and what nobody saw."),
    "audit": ("audit", "audit", "Judge recordings as live traffic is judged."),
    "verify": ("verify", "verify", "Say whether an evidence folder is as it was written."),
    "prune": ("prune", "prune", "Drop bodies that nobody needs, after showing which."),
    "explore": ("explore", "explore", "Open a redacted copy of the evidence in Datasette."),
    "setup": ("setup", "setup", "Say how to put fairwitness behind another tool."),
    "completion": ("completion", "completion", "Print the script that completes commands in a shell."),
}


class ReaderLeftError(Exception):
    """Who read stdout went away."""


class Program(Group):
    """The group of all commands, imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click gives it
        """The names, in the order of a session."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click gives it
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, function, _ = COMMANDS[cmd_name]
        found = getattr(importlib.import_module(f"fairwitness.cli.{module}"), function)
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command to run; from now on a bug is said to be its own."""
        say_bugs_of(args[0] if args[0] in COMMANDS else "", _complain_of)
        if args[0] in STARTS_PROXY:
            say_who_ends_the_start()
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; click itself would make an exit code of its own of a reader that went away."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderLeftError from error
        except OSError as error:
            if ctx.invoked_subcommand not in STARTS_PROXY:
                raise
            _drop(sys.stdout)
            raise StartError(_what(error), where=_where(error), mend=_MEND) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click gives it
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, purpose) for name, (_, _, purpose) in COMMANDS.items()])


program = Program(
    name="fairwitness",
    help="In scope or not at all, every request on record.",
    epilog=example(
        "fairwitness init -o policy.yaml",
        "fairwitness run --policy policy.yaml",
        "fairwitness exec -- curl https://in-scope.example/",
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=lambda context, _, value: _say_version(context) if value else None,
            help="Say the version and leave.",
        )
    ],
)


def main() -> NoReturn:
    """Run the program; ends the process with the exit code of docs/cli.md."""
    if sys.platform == "win32":
        _complain(
            "this system",
            "fairwitness does not run on Windows yet",
            "Use Linux, or Linux in a virtual machine",
        )
        sys.exit(EXIT_USAGE)
    # A stream that the caller closed is None; a surrogate from a file name, or a narrow locale, cannot be
    # written.  Neither must end in a traceback.
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115 - lives as long as the process
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    say_bugs_of("", _complain_of)
    sys.exit(_run())


def _run() -> int:
    try:
        code = program.main(prog_name="fairwitness", standalone_mode=False)
        sys.stdout.flush()
    except FairwitnessError as error:
        _complain_of(error)
        return error.exit_code
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "fairwitness"
        _complain(where, " ".join(error.format_message().split()), f"See '{where} --help'")
        return EXIT_USAGE
    except click.ClickException as error:
        _complain("fairwitness", error.format_message(), "See 'fairwitness --help'")
        return EXIT_USAGE
    except StartEndedError as ended:
        if ended.exit_code != EXIT_INTERRUPTED:
            _complain("fairwitness", ended.what, "Start it again")
        return ended.exit_code
    except (KeyboardInterrupt, click.Abort):
        return EXIT_INTERRUPTED
    except (BrokenPipeError, ReaderLeftError):
        _drop(sys.stdout)
        return EXIT_PIPE_CLOSED
    except OSError as error:
        _drop(sys.stdout)
        _complain(_where(error), _what(error), _MEND)
        return EXIT_USAGE
    return code if isinstance(code, int) else 0


def _where(error: OSError) -> str:
    return str(error.filename or "this system")


def _what(error: OSError) -> str:
    return error.strerror or str(error)


def _drop(stream: TextIO) -> None:
    """The interpreter flushes it once more at exit; it must find something that takes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _complain_of(error: FairwitnessError) -> None:
    _complain(error.where, error.what, error.mend, frame=error.frame)


def _complain(where: str, what: str, mend: str, *, frame: str | None = None) -> None:
    place, fault, advice = (printable(each).rstrip(".") for each in (where, what, mend))
    try:
        click.echo(f"fairwitness: error: {place}: {fault}. {advice}.", err=True)
        if frame:
            click.echo(printable(frame, keep="\n"), err=True)
    except OSError:  # nobody reads it any more: the exit code says it
        _drop(sys.stderr)


def _say_version(context: click.Context) -> None:
    click.echo(f"fairwitness {__version__}")
    context.exit(0)
