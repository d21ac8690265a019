"""Writing a first policy."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairwitness.cli.options import choices, command
from fairwitness.cli.text import machine, printable
from fairwitness.control.policy_file import replace_bytes
from fairwitness.errors import PolicyError

if TYPE_CHECKING:
    from fairwitness.control.wire import Value
    from fairwitness.policy import DraftAnswers

DEFAULT_FILE = Path("policy.yaml")
# Reserved by RFC 2606: nobody has this host, so the narrow answer allows nothing.
_NO_HOST = "in-scope.example"
_NO_PAGE = "https://in-scope.example/security"
_NO_NAME = "my program"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the command line answers already."""

    name: str | None
    policy_url: str | None
    include: tuple[str, ...]
    handle: str | None


@command(
    name="init",
    examples=[
        "fairwitness init",
        "fairwitness init --yes --name Acme --policy-url https://acme.example/rules --include acme.example",
    ],
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="- is stdout.",
)
@click.option("--handle", metavar="H", help="How the program knows you; sent as X-Bug-Bounty in scope.")
@click.option("--name", metavar="NAME", help="The program's name.")
@click.option("--policy-url", metavar="URL", help="The page with its rules.")
@click.option("--include", multiple=True, metavar="HOST", help="What may be tested; repeatable.")
@click.option("--yes", is_flag=True, help="Ask nothing; the narrow answer to each question.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.pass_context
def init(
    context: click.Context,
    output: Path | None,
    handle: str | None,
    name: str | None,
    policy_url: str | None,
    include: tuple[str, ...],
    yes: bool,
    force: bool,
) -> None:
    """Write a commented policy.yaml.

    Asks a few questions on a terminal.  It writes every rule out, so that each line can be given the
    program's own sentence.
    """
    from fairwitness.policy import draft_policy

    chosen = choices(context)
    target = output or (None if chosen.as_json else DEFAULT_FILE)
    if target and str(target) != "-" and not force:
        _refuse_overwriting(target)
    given = Given(name=name, policy_url=policy_url, include=include, handle=handle)
    text = draft_policy(_narrow(given) if yes else _ask(given))
    if target and str(target) != "-":
        replace_bytes(target, text.encode())
    if chosen.as_json:
        print(machine(_draft_form(text)))
    elif target and str(target) == "-":
        print(text, end="")
    else:
        print(printable(f"Wrote {target}. Next: read it, then fairwitness check {target}"))


def _refuse_overwriting(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise PolicyError(
            "the file exists already",
            where=str(target),
            mend="Use --force, or write elsewhere with -o",
        )


def _narrow(given: Given) -> DraftAnswers:
    from fairwitness.policy import DraftAnswers

    return DraftAnswers(
        name=given.name or _NO_NAME,
        policy_url=given.policy_url or _NO_PAGE,
        include=given.include or (_NO_HOST,),
        headers=_header(given.handle),
    )


def _ask(given: Given) -> DraftAnswers:
    from fairwitness.policy import DraftAnswers

    if not sys.stdin.isatty():
        raise PolicyError(
            "there is no terminal to ask questions on",
            where="init",
            mend="Say --yes with --name, --policy-url and --include, or run it on a terminal",
        )
    name = given.name or _question("The program's name")
    policy_url = given.policy_url or _question("The page with its rules (https://...)")
    include = given.include or tuple(_question("Hosts that may be tested, with spaces between").split())
    says = _question("The page's sentence that lists them (may be empty)", default="")
    contact = _question("Where to report (may be empty)", default="")
    handle = given.handle or _question(
        "Your handle there, to be sent as X-Bug-Bounty (may be empty)", default=""
    )
    has_read = click.confirm("Have you read that page today?", default=False, err=True)
    return DraftAnswers(
        name=name,
        policy_url=policy_url,
        include=include,
        scope_says=says or None,
        contact=contact or None,
        reviewed=f"{datetime.now(UTC):%Y-%m-%d}" if has_read else None,
        headers=_header(handle),
    )


def _question(text: str, *, default: str | None = None) -> str:
    answer: str = click.prompt(text, default=default, show_default=False, err=True)
    return answer.strip()


def _header(handle: str | None) -> tuple[tuple[str, str], ...]:
    return (("X-Bug-Bounty", handle),) if handle else ()


def _draft_form(text: str) -> dict[str, Value]:
    """The draft with what is left to decide: the answers that nobody gave."""
    import yaml

    policy = json.loads(json.dumps(yaml.safe_load(text), default=str))
    missing = (
        ("program.name", policy["program"]["name"], _NO_NAME, "the program's name was not given"),
        ("program.policy_url", policy["program"]["policy_url"], _NO_PAGE, "the page was not given"),
        (
            "scope.include",
            policy["scope"]["include"],
            [_NO_HOST],
            "no host was given; this one does not exist",
        ),
    )
    decide: list[Value] = [
        {"raw": written if isinstance(written, str) else written[0], "where": where, "why": why}
        for where, written, placeholder, why in missing
        if written == placeholder
    ]
    entries = sum(
        len(policy["scope"][name] or []) for name in ("include", "exclude", "load", "tunnel", "mine")
    )
    rows: Value = {"read": 0, "entries": entries, "decide": len(decide), "not_network": 0}
    return {"policy": policy, "decide": decide, "rows": rows}
