"""What was broken, and the researcher's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fairwitness.cli.completing import flag_names
from fairwitness.cli.forms import flag_form
from fairwitness.cli.options import choices, command
from fairwitness.cli.place import Place, find_place
from fairwitness.cli.table import print_table
from fairwitness.cli.text import done_words, machine, printable
from fairwitness.cli.writing import write
from fairwitness.errors import PolicyError
from fairwitness.model.flag import Answer, AnswerAs

if TYPE_CHECKING:
    from fairwitness.model.record import FlagRow


@command(name="flags", examples=["fairwitness flags --open", "fairwitness flags --json"])
@click.option("--open", "open_only", is_flag=True, help="Only those without an answer.")
@click.pass_context
def flags(context: click.Context, open_only: bool) -> None:
    """List what was, or was about to be, broken."""
    chosen = choices(context)
    with find_place(chosen).reader() as reader:
        listed = list(reader.flags(open_only=open_only))
    if chosen.as_json:
        for row in listed:
            print(machine(flag_form(row)))
        return
    if not listed:
        print("No open flags." if open_only else "No flags.")
        return
    print_table(["flag", "rule", "severity", "action", "count", "ids", "answer"], map(_cells, listed))
    for row in listed:
        print()
        print(printable(f"{row.flag.flag}: {row.flag.says}"))
        print(
            printable(
                f"  {row.flag.clause.where} {row.flag.clause.id}: {row.flag.clause.says or 'no sentence'}"
            )
        )
        for text in filter(None, row.shown_by_text):
            print(printable(f"  shown by: {text[:200]}"))
        if row.answer is None:
            print(printable(f"  {row.flag.advice}"))
        if done_words(row.flag):
            print(f"  {done_words(row.flag)}")


def _cells(row: FlagRow) -> list[str]:
    return [
        row.flag.flag,
        row.flag.rule,
        row.flag.severity.word,
        row.flag.action.word,
        str(row.count),
        f"{row.first}-{row.last}" if row.last != row.first else str(row.first),
        row.answer.answered_as.value if row.answer else "open",
    ]


@command(
    name="answer",
    examples=['fairwitness answer f12 --as false-alarm --note "the rate is that of the page\'s own polling"'],
)
@click.argument("flag", metavar="FLAG", shell_complete=flag_names)
@click.option(
    "--as",
    "answered_as",
    required=True,
    type=click.Choice([each.value for each in AnswerAs]),
    help="What it was.",
)
@click.option("--note", required=True, metavar="TEXT", help="Why; recorded.")
@click.pass_context
def answer(context: click.Context, flag: str, answered_as: str, note: str) -> None:
    """Answer a flag.

    The answer is an entry of the log; it lifts what the flag blocks at once.
    """
    chosen = choices(context)
    place = find_place(chosen)
    with place.reader() as reader:
        known = {row.flag.flag for row in reader.flags()}
    if flag not in known:
        raise PolicyError(
            f"there is no flag {flag!r}",
            where=str(place.evidence),
            mend="See 'fairwitness flags' for those there are",
        )
    _record_answer(place, flag, AnswerAs(answered_as), note)
    form = {"flag": flag, "as": answered_as, "note": note}
    print(machine(form) if chosen.as_json else printable(f"Recorded: {flag} was {answered_as}."))


def _record_answer(place: Place, flag: str, answered_as: AnswerAs, note: str) -> None:
    """Through the running proxy, so that it lifts the block; else straight into the log."""
    from fairwitness.control.wire import Question

    write(
        place,
        Question("answer", {"flag": flag, "as": answered_as.value, "note": note}),
        lambda log, now_us: log.append_answer(
            Answer(flag=flag, answered_as=answered_as, note=note, time_us=now_us)
        ),
    )
