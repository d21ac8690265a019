"""Writing a first policy."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click

from fairwitness.cli.options import choices, command
from fairwitness.cli.researcher import known_researcher, remember_handle
from fairwitness.cli.text import machine, plural, printable
from fairwitness.control.policy_file import replace_bytes
from fairwitness.errors import PolicyError

if TYPE_CHECKING:
    from fairwitness.control.wire import Value
    from fairwitness.policy import DraftAnswers
    from fairwitness.policy.importers import Sorted, Source

DEFAULT_FILE = Path("policy.yaml")
_HANDLE_HEADER = "X-Bug-Bounty"
_MOST_SHOWN = 10  # rows to decide that a person sees at once; the file has all


class _Said(TypedDict):
    """The arguments of `imported` that the command line gives."""

    name: str | None
    policy_url: str | None
    include: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]


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
        "fairwitness init scopes_for_acme.csv --name Acme --policy-url https://acme.example/rules",
    ],
)
@click.argument("source", metavar="[SOURCE]", required=False)
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
    source: str | None,
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

    SOURCE is a scope file or a saved program page (- is stdin): its hosts and sentences are taken over, and
    what is not clearly a host, a URL or a range is left for you to decide.  Of a file with several programs,
    --name chooses one.
    """
    from fairwitness.policy import draft_policy
    from fairwitness.policy.importers import sort_rows
    from fairwitness.policy.importers.imported import imported

    chosen = choices(context)
    target = output or (None if chosen.as_json else DEFAULT_FILE)
    if target and str(target) != "-" and not force:
        _refuse_overwriting(target)
    handle = handle or known_researcher().handle
    given = Given(name=name, policy_url=policy_url, include=include, handle=handle)
    if source is not None:
        draft = imported(_read(source, name), **_said(given))
        answers, scope = draft.answers, draft.scope
    else:
        answers, scope = _narrow(given) if yes else _ask(given), sort_rows(())
    text = draft_policy(answers)
    if target and str(target) != "-":
        remember_handle(dict(answers.headers).get(_HANDLE_HEADER, ""))
        replace_bytes(target, text.encode())
    if chosen.as_json:
        print(machine(_draft_form(text, answers, scope, from_source=source is not None)))
    elif target and str(target) == "-":
        print(text, end="")
    else:
        _tell(target, answers, scope)


def _read(source: str, program: str | None) -> Source:
    from fairwitness.policy.importers import MAX_SOURCE_BYTES, read_source

    if re.match(r"https?://", source, re.IGNORECASE):
        raise PolicyError(
            "nothing is fetched",
            where=source,
            mend="Save the page or scope file from your browser, and name the file",
        )
    try:
        if source == "-":
            return read_source(sys.stdin.buffer.read(MAX_SOURCE_BYTES + 1), file="stdin", program=program)
        with open(source, "rb") as file:
            content = file.read(MAX_SOURCE_BYTES + 1)
    except OSError as error:
        raise PolicyError(
            f"the file cannot be read ({error.strerror})",
            where=source,
            mend="Name a scope file or a saved program page",
        ) from error
    return read_source(content, file=Path(source).name, program=program)


def _tell(target: Path | None, answers: DraftAnswers, scope: Sorted) -> None:
    if scope.read:
        print(
            printable(
                f"Read {plural(scope.read, 'row')}: {scope.became_entries} became entries,"
                f" {len(scope.decide)} need your decision, {scope.not_network} are no network."
            )
        )
    for each in scope.decide[:_MOST_SHOWN]:
        print(printable(f"  decide  {each.where}: {each.raw[:80]!r}: {each.why}"))
    if len(scope.decide) > _MOST_SHOWN:
        print(printable(f"  ... and {len(scope.decide) - _MOST_SHOWN} more, in {target}"))
    for where, written, why in _unanswered(answers):
        print(printable(f"  write   {where}: {why}; until then it is {written!r}"))
    print(printable(f"Wrote {target}. Next: read it, then fairwitness check {target}"))


def _refuse_overwriting(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise PolicyError(
            "the file exists already",
            where=str(target),
            mend="Use --force, or write elsewhere with -o",
        )


def _said(given: Given) -> _Said:
    """What was said beforehand, as a source takes it."""
    return {
        "name": given.name,
        "policy_url": given.policy_url,
        "include": given.include,
        "headers": _header(given.handle),
    }


def _narrow(given: Given) -> DraftAnswers:
    from fairwitness.policy.importers import Source
    from fairwitness.policy.importers.imported import imported

    return imported(Source(rows=()), **_said(given)).answers


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
    return ((_HANDLE_HEADER, handle),) if handle else ()


def _unanswered(answers: DraftAnswers) -> list[tuple[str, str, str]]:
    """What nobody said: the key, what stands there for now, why."""
    from fairwitness.policy.known import NO_HOST, NO_NAME, NO_PAGE

    asked = (
        ("program.name", answers.name, NO_NAME, "the program's name was not given"),
        ("program.policy_url", answers.policy_url, NO_PAGE, "the page was not given"),
        ("scope.include", " ".join(answers.include), NO_HOST, "no host was given; this one does not exist"),
    )
    return [(where, written, why) for where, written, placeholder, why in asked if written == placeholder]


def _draft_form(text: str, answers: DraftAnswers, scope: Sorted, *, from_source: bool) -> dict[str, Value]:
    """The draft with what is left to decide: rows of the source, and the answers that nobody gave."""
    import yaml

    policy = json.loads(json.dumps(yaml.safe_load(text), default=str))
    decide: list[Value] = [{"raw": each.raw, "where": each.where, "why": each.why} for each in scope.decide]
    left: list[Value] = [
        {"raw": written, "where": where, "why": why} for where, written, why in _unanswered(answers)
    ]
    rows: dict[str, Value] = {
        "read": scope.read,
        "entries": scope.became_entries,
        "decide": len(scope.decide),
        "not_network": scope.not_network,
    }
    if not from_source:
        lists = ("include", "exclude", "load", "tunnel", "mine")
        rows |= {"entries": sum(len(policy["scope"][name] or []) for name in lists), "decide": len(left)}
    return {"policy": policy, "decide": [*decide, *left], "rows": rows}
