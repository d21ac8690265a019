"""Collecting findings: what was found, by which exchanges it is shown, and what the report will say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairwitness.cli.choosing import MOST, choose
from fairwitness.cli.completing import exchange_ids, finding_names
from fairwitness.cli.findings_shown import (
    finding_form,
    finding_line,
    objection_lines,
    objections_to,
    print_finding,
    print_findings,
)
from fairwitness.cli.options import Group, choices, command, example
from fairwitness.cli.place import Place, find_place
from fairwitness.cli.text import machine, plural, printable, size
from fairwitness.cli.writing import record
from fairwitness.errors import PolicyError
from fairwitness.model.finding import Change, Finding, FindingChange, Marked, finding_name

if TYPE_CHECKING:
    from fairwitness.evidence import Reader
    from fairwitness.model.policy import Policy
    from fairwitness.model.record import ExchangeRow

_NOTE_CHARACTERS = 64_000
_AT_ONCE = 5000  # exchanges of one entry, so that what asks the proxy for it stays short


@command(
    name="mark",
    examples=[
        'fairwitness mark 12 14-16 --finding "IDOR in orders" --note "user B reads what A ordered"',
        'fairwitness mark last:2 --finding "IDOR in orders"',
    ],
)
@click.argument("ids", nargs=-1, metavar="ID...|last:N", shell_complete=exchange_ids)
@click.option("--url", metavar="GLOB", help="All whose URL fits, with * and ?.")
@click.option(
    "--finding",
    "name",
    required=True,
    metavar="NAME",
    help="The finding; made where it is new.",
    shell_complete=finding_names,
)
@click.option("--note", metavar="T", help="What they show; recorded.")
@click.option("--undo", is_flag=True, help="Take them out of the finding again.")
@click.pass_context
def mark(
    context: click.Context, ids: tuple[str, ...], url: str | None, name: str, note: str | None, undo: bool
) -> None:
    """Collect exchanges for a finding.

    ID is a number of 'fairwitness log', a range such as 12-15, or 32 hex digits.  Blocked attempts can be
    marked too: they show restraint.
    """
    chosen = choices(context)
    if not ids and url is None:
        raise click.UsageError("name exchanges: numbers, last:N or --url GLOB", context)
    wanted, place = _name(name), find_place(chosen)
    with place.reader() as reader:
        before = reader.finding(wanted)
        rows = choose(reader, ids, url)
        already = {each.id for each in before.exchanges} if before else set()
        if before is None and undo:
            raise _unknown(place, reader, wanted)
    if len(already | {row.id for row in rows}) > MOST and not undo:
        raise PolicyError(
            f"the finding would have more than {MOST} exchanges",
            where=wanted,
            mend="Mark those that show the finding",
        )
    new = [row for row in rows if (row.id in already) == undo]
    _record_marks(place, before.name if before else wanted, new, note, undo=undo)
    after, policy, rows = _looked_up(place, wanted)
    if chosen.as_json:
        print(machine({**finding_form(after, rows, policy), "marked": [row.id for row in new]}))
        return
    if before is None:
        print(printable(f"New finding: {after.name}"))
    left = f", {len(after.exchanges)} in all" if len(after.exchanges) != len(new) else ""
    done = f"{'Taken out of' if undo else 'Marked for'} {after.name}: {plural(len(new), 'exchange')}{left}."
    print(printable(done))
    _print_warnings(after, rows, policy)


@click.group(
    name="finding",
    cls=Group,
    epilog=example('fairwitness finding new "IDOR in orders"', 'fairwitness finding edit "IDOR in orders"'),
)
def finding() -> None:
    """Work on findings: new, list, show, edit, attach."""


@finding.command(
    name="new", epilog=example('fairwitness finding new "IDOR in orders" --note "seen by chance"')
)
@click.argument("name", metavar="NAME")
@click.option("--note", metavar="T", help="A first note; recorded.")
@click.pass_context
def new(context: click.Context, name: str, note: str | None) -> None:
    """Begin a finding, before anything is marked for it."""
    chosen = choices(context)
    wanted, place = _name(name), find_place(chosen)
    with place.reader() as reader:
        known = reader.finding(wanted)
    if known is not None:
        raise PolicyError(
            f"there is a finding {known.name!r} already",
            where=str(place.evidence),
            mend="Collect exchanges with 'fairwitness mark', or choose another name",
        )
    record(place, FindingChange(finding=wanted, change=Change.CREATED, text=_note(note)))
    after, policy, rows = _looked_up(place, wanted)
    if chosen.as_json:
        print(machine(finding_form(after, rows, policy)))
        return
    print(printable(f"New finding: {after.name}"))
    _print_warnings(after, rows, policy)


@finding.command(name="list", epilog=example("fairwitness finding list", "fairwitness finding list --json"))
@click.pass_context
def list_(context: click.Context) -> None:
    """List the findings."""
    chosen = choices(context)
    place = find_place(chosen)
    report = place.policy().report
    with place.reader() as reader:
        found = reader.findings()
    if chosen.as_json:
        for each in found:
            print(machine(finding_line(each, report)))
        return
    print_findings(found, report)


@finding.command(name="show", epilog=example('fairwitness finding show "IDOR in orders"'))
@click.argument("name", metavar="NAME", shell_complete=finding_names)
@click.pass_context
def show(context: click.Context, name: str) -> None:
    """Show a finding with all that belongs to it."""
    chosen = choices(context)
    place = find_place(chosen)
    found, policy, rows = _looked_up(place, name)
    if chosen.as_json:
        print(machine(finding_form(found, rows, policy)))
        return
    print_finding(found, rows, policy.report, folder=place.evidence)
    _print_warnings(found, rows, policy)


@finding.command(name="edit", epilog=example('fairwitness finding edit "IDOR in orders"'))
@click.argument("name", metavar="NAME", shell_complete=finding_names)
@click.pass_context
def edit(context: click.Context, name: str) -> None:
    """Write the fields of the report in $VISUAL or $EDITOR.

    The file begins with what is known: hosts and paths, the marked requests in order.  What you change is
    recorded when the editor ends; without a change nothing is.
    """
    from fairwitness.cli.editor import edited
    from fairwitness.cli.finding_file import compose, fields_of, parse
    from fairwitness.cli.folders import slug

    chosen = choices(context)
    place = find_place(chosen)
    before, policy, rows = _looked_up(place, name)
    fields = fields_of(before, policy.report.fields)
    if not fields:
        raise PolicyError("the policy demands no field", where="report.fields", mend="List some there")
    changed: list[str] = []
    with edited(place.evidence / "drafts", f"{slug(before.name)}.md", compose(before, rows, fields)) as text:
        for field, said in parse(text, fields).items() if text is not None else ():
            if said != before.field(field):
                record(place, FindingChange(finding=before.name, change=Change.FIELD, field=field, text=said))
                changed.append(field)
    after, policy, rows = _looked_up(place, name)
    if chosen.as_json:
        print(machine({**finding_form(after, rows, policy), "changed": list(changed)}))
        return
    print(printable(f"Written: {', '.join(changed)}." if changed else "Nothing was changed."))
    _print_warnings(after, rows, policy)


@finding.command(name="attach", epilog=example('fairwitness finding attach "IDOR in orders" orders.png'))
@click.argument("name", metavar="NAME", shell_complete=finding_names)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.pass_context
def attach(context: click.Context, name: str, files: tuple[Path, ...]) -> None:
    """Attach files, such as screenshots.

    Each is copied into the evidence folder, and its name, size and SHA-256 go into the log.
    """
    from fairwitness.evidence.attachments import keep_attachment

    chosen = choices(context)
    place = find_place(chosen)
    known, _, _ = _looked_up(place, name)
    for path in files:
        attachment = keep_attachment(place.evidence, path)
        record(place, FindingChange(finding=known.name, change=Change.ATTACHED, attachment=attachment))
        if not chosen.as_json:
            print(
                printable(f"Attached {attachment.name}, {size(attachment.size)}, SHA-256 {attachment.sha256}")
            )
    if chosen.as_json:
        after, policy, rows = _looked_up(place, name)
        print(machine(finding_form(after, rows, policy)))


def _name(text: str) -> str:
    try:
        return finding_name(text)
    except ValueError as error:
        raise PolicyError(
            str(error), where="finding", mend="Take a short line of text, such as 'IDOR in orders'"
        ) from error


def _note(text: str | None) -> str:
    if text is not None and len(text) > _NOTE_CHARACTERS:
        raise PolicyError(
            f"the note has more than {_NOTE_CHARACTERS} characters",
            where="--note",
            mend="Attach a file instead",
        )
    return text or ""


def _record_marks(
    place: Place, name: str, rows: Sequence[ExchangeRow], note: str | None, *, undo: bool
) -> None:
    text = _note(note)
    for at in range(0, max(1, len(rows)), _AT_ONCE):
        part = tuple(Marked(row.id, row.exchange) for row in rows[at : at + _AT_ONCE])
        if part:
            change = Change.UNMARKED if undo else Change.MARKED
            record(place, FindingChange(finding=name, change=change, exchanges=part, text=text))
        elif text:
            record(place, FindingChange(finding=name, change=Change.NOTED, text=text))
        text = ""


def _looked_up(place: Place, name: str) -> tuple[Finding, Policy, tuple[ExchangeRow, ...]]:
    """A finding as it is now, what the program says, and the lines of its exchanges."""
    policy = place.policy()
    with place.reader() as reader:
        found = reader.finding(_name(name))
        if found is None:
            raise _unknown(place, reader, name)
        return found, policy, reader.rows(each.id for each in found.exchanges)


def _unknown(place: Place, reader: Reader, name: str) -> PolicyError:
    names = [each.name for each in reader.findings()]
    return PolicyError(
        f"there is no finding {name!r}",
        where=str(place.evidence),
        mend=f"There are: {', '.join(names[:20])}"
        if names
        else "Begin one with 'fairwitness finding new NAME' or 'fairwitness mark ID --finding NAME'",
    )


def _print_warnings(found: Finding, rows: Sequence[ExchangeRow], policy: Policy) -> None:
    for line in objection_lines(objections_to(found, rows, policy)):
        print(printable(line))
