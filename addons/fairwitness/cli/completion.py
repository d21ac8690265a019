"""Completion for shells."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from fairwitness.cli.options import choices, command
from fairwitness.cli.text import machine

_VARIABLE = "_FAIRWITNESS_COMPLETE"
_SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
_HOW = {
    "bash": 'In ~/.bashrc: eval "$(fairwitness completion bash)"; needs bash 4.4 or newer.',
    "zsh": 'In ~/.zshrc, after compinit: eval "$(fairwitness completion zsh)"',
    "fish": "Once: fairwitness completion fish > ~/.config/fish/completions/fairwitness.fish",
}


@command(
    name="completion",
    examples=['eval "$(fairwitness completion bash)"', "fairwitness completion fish > fairwitness.fish"],
)
@click.argument("shell", metavar="bash|zsh|fish", type=click.Choice(sorted(_SHELLS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands in a shell.

    It completes commands, options, programs, findings, flags and exchanges.
    """
    maker = _SHELLS[shell](context.find_root().command, {}, "fairwitness", _VARIABLE)
    # Not `source()`, which starts a bash to ask for its version.
    script = maker.source_template % maker.source_vars()
    if choices(context).as_json:
        print(machine({"shell": shell, "script": script, "how": _HOW[shell]}))
        return
    print(f"# {_HOW[shell]}")
    print(script)
