"""The options that every command has, accepted before and after the command's name."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from fairwitness.cli.folders import CHOSEN_BY_USE, used_program

EXIT_LOOK = 1  # something is to be looked at
_META = "fairwitness.options"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the researcher chose for the whole run of a command."""

    program: str | None
    """``--program``, else FAIRWITNESS_PROGRAM where no file is named, else the one that `use` chose."""
    policy: Path | None
    evidence: Path | None
    """``--evidence``, else FAIRWITNESS_EVIDENCE where no program is named."""
    accounts: Path | None
    as_json: bool
    program_by: str = "--program"
    """What chose the program: ``--program`` | ``FAIRWITNESS_PROGRAM`` | ``use``."""

    @property
    def says_program(self) -> str:
        """The same for messages."""
        return CHOSEN_BY_USE if self.program_by == "use" else self.program_by


def choices(context: click.Context) -> Choices:
    """What was chosen, before and after the command's name; what stands last wins."""
    given: dict[str, Any] = context.meta.get(_META, {})
    program, policy, evidence = given.get("program"), given.get("policy"), given.get("evidence")
    if evidence is None and program is None and (named := os.environ.get("FAIRWITNESS_EVIDENCE")):
        evidence = Path(named)
    program_by = "--program"
    if program is None and policy is None and given.get("evidence") is None:
        program, program_by = os.environ.get("FAIRWITNESS_PROGRAM") or None, "FAIRWITNESS_PROGRAM"
    if program is None and policy is None and evidence is None:
        program, program_by = used_program(), "use"
    return Choices(
        program=program,
        policy=policy,
        evidence=evidence,
        accounts=given.get("accounts"),
        as_json=bool(given.get("as_json")),
        program_by=program_by,
    )


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    if value is not None and value is not False:
        context.meta.setdefault(_META, {})[parameter.name] = value


def _program_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from fairwitness.cli.completing import program_names  # it needs this module

    return program_names(context, parameter, incomplete)


class _Place(click.Path):
    """A path that names something: an unset variable in a script must not mean the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if value == "":
            self.fail("the name is empty", param, ctx)
        return super().convert(value, param, ctx)


def _global_options() -> list[click.Parameter]:
    file = _Place(path_type=Path)

    def option(*names: str, **settings: Any) -> click.Option:
        return click.Option(names, callback=_remember, expose_value=False, **settings)

    return [
        option(
            "--program",
            metavar="NAME",
            help="A program by name (else FAIRWITNESS_PROGRAM).",
            shell_complete=_program_names,
        ),
        option("--policy", metavar="FILE", type=file, help="Its policy file, where it lies elsewhere."),
        option(
            "--evidence", metavar="DIR", type=file, help="Its evidence folder (else FAIRWITNESS_EVIDENCE)."
        ),
        option(
            "--accounts",
            metavar="FILE",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="Its accounts.yaml.",
        ),
        option("--json", "as_json", is_flag=True, help="Machine output on stdout."),
    ]


class Command(click.Command):
    """A command with the global options behind its own."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        taken = {name for each in self.params for name in each.opts}
        self.params.extend(each for each in _global_options() if not taken.intersection(each.opts))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click gives it
        """Write the example as it stands: a command line must not be wrapped."""
        if self.epilog:
            formatter.write_paragraph()
            for line in self.epilog.strip().splitlines():
                formatter.write(f"{line}\n")


class Group(click.Group):
    """A group with the global options; its commands are of `Command`."""

    command_class = Command

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.no_args_is_help = False  # naming no command is wrong usage, exit 2
        self.params.extend(_global_options())

    format_epilog = Command.format_epilog

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Say which commands there are where none was named."""
        if not args and ctx.parent is not None and not ctx.resilient_parsing:
            ctx.fail(f"name one of: {', '.join(self.list_commands(ctx))}")
        return super().parse_args(ctx, args)


def example(*lines: str) -> str:
    """The ``epilog`` of a command: how it is used."""
    return "\n".join(["Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)])


def command(
    *, name: str, examples: Sequence[str], **settings: Any
) -> Callable[[Callable[..., Any]], click.Command]:
    """`click.command` with the global options and its examples."""
    return click.command(name=name, cls=Command, epilog=example(*examples), **settings)
