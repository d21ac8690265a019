"""The conduct report: what a researcher sends when asked "was that you, and did you keep the rules?"."""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fairwitness import __version__
from fairwitness.cli.filters import moment_option
from fairwitness.cli.options import choices, command
from fairwitness.cli.place import find_place
from fairwitness.cli.text import machine, printable
from fairwitness.errors import PolicyError
from fairwitness.model.clock import iso_us
from fairwitness.model.conduct import Conduct, Span

if TYPE_CHECKING:
    from fairwitness.control.wire import Value

_SUFFIXES = (".md", ".html")
_DURATIONS = frozenset({"recorded_us", "window_us", "bar_us"})


@command(
    name="report",
    examples=["fairwitness report --since 7d -o conduct.html", "fairwitness report --session 3"],
)
@click.option("--session", type=click.IntRange(min=1), metavar="S", help="Of this session only.")
@moment_option("--since", "since_us", help="From a time, or 2h ago, on.")
@moment_option("--until", "until_us", help="Before that time.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a .md or .html file, else Markdown to stdout.",
)
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.pass_context
def report(
    context: click.Context,
    session: int | None,
    since_us: int | None,
    until_us: int | None,
    output: Path | None,
    force: bool,
) -> None:
    """Say what was done, within which rules, and what nobody saw.

    It is a file for you to read first and to send if you are asked; it is attached to nothing.
    """
    from fairwitness.cli.digest import digest_policy
    from fairwitness.evidence.conduct import compute_conduct
    from fairwitness.export.conduct_hide import without_secrets

    chosen = choices(context)
    if output is not None and output.suffix.lower() not in _SUFFIXES:
        raise click.BadParameter(f"{str(output)!r} ends neither in .md nor in .html", param_hint="-o")
    if output is not None and output.exists() and not force:
        raise PolicyError(
            "the file exists already", where=str(output), mend="Use --force, or write elsewhere with -o"
        )
    evidence = find_place(chosen).evidence
    conduct = without_secrets(
        compute_conduct(
            evidence,
            Span(session=session, since_us=since_us, until_us=until_us),
            digest=digest_policy,
            now_us=time.time_ns() // 1000,
            version=__version__,
        )
    )
    if output is not None:
        _write(output, _rendered(conduct, output.suffix.lower()), evidence)
        if not chosen.as_json:
            print(printable(f"Written: {output}. Read it before you send it."))
    if chosen.as_json:
        print(machine(_form(conduct)))
    elif output is None:
        print(_rendered(conduct, ".md"), end="")


def _rendered(conduct: Conduct, suffix: str) -> str:
    from fairwitness.export.conduct_html import conduct_html
    from fairwitness.export.conduct_markdown import conduct_markdown

    return conduct_html(conduct) if suffix == ".html" else conduct_markdown(conduct)


def _write(output: Path, text: str, evidence: Path) -> None:
    from fairwitness.export.target import opened

    with opened(output, stdout=sys.stdout.buffer, forbidden=evidence) as target:
        target.file.write(text.encode("utf-8", "backslashreplace"))
        target.finish()


def _form(fact: Any) -> Value:
    """A fact and all that is in it: moments as ISO times without ``_us``, durations in microseconds."""
    if dataclasses.is_dataclass(fact):
        form: dict[str, Value] = {}
        for field in dataclasses.fields(fact):
            name, value = field.name, getattr(fact, field.name)
            if name.endswith("_us") and name not in _DURATIONS:
                form[name.removesuffix("_us")] = None if value is None else _moment(value)
            else:
                form[name] = _form(value)
        return form
    if isinstance(fact, tuple):
        return [_form(each) for each in fact]
    assert fact is None or isinstance(fact, (str, int))
    return fact


def _moment(time_us: int) -> str:
    try:
        return iso_us(time_us)
    except (ValueError, OverflowError, OSError):  # a time that is none, in a log that somebody made up
        return f"{time_us} us"
