"""Which programs there are on this machine, and which one is meant."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairwitness.cli.completing import program_names
from fairwitness.cli.folders import (
    data_folder,
    forget_used_program,
    make_private,
    named_program_folder,
    program_folders,
    use_program,
    used_program,
)
from fairwitness.cli.options import choices, command
from fairwitness.cli.policy_home import policy_home
from fairwitness.cli.table import print_table
from fairwitness.cli.text import machine, moment, plural, printable, size
from fairwitness.errors import FairwitnessError
from fairwitness.model.clock import iso_us

if TYPE_CHECKING:
    from fairwitness.control.wire import Value
    from fairwitness.evidence import Summary
    from fairwitness.model.policy import Program

MAX_NOTE = 40  # characters of a session's note in the table


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramRow:
    """A program's folder at a glance."""

    folder: Path
    program: Program | None
    """As its policy file says, else as its log does; None where neither can be read."""
    policy_file: Path | None
    summary: Summary | None
    bytes: int
    problem: str | None
    """Why less is known than could be."""


@command(name="programs", examples=["fairwitness programs", "fairwitness programs --json"])
@click.pass_context
def programs(context: click.Context) -> None:
    """List the programs on this machine.

    When each was used last, how large its folder is, its sessions and open flags, how long ago you read its
    policy, whether its proxy runs, and which one 'fairwitness use' chose.
    """
    chosen = _chosen_folder()
    rows = [_row(folder) for folder in program_folders()]
    today = datetime.fromtimestamp(time.time(), UTC).date()
    if choices(context).as_json:
        for row in rows:
            print(machine(_form(row, today, is_chosen=row.folder == chosen)))
        return
    if not rows:
        print(f"No program yet. 'fairwitness init', then 'fairwitness run', makes one in {data_folder()}")
        return
    columns = ["", "name", "last used", "size", "sessions", "flags", "policy read", "note"]
    cells = [_cells(row, today, is_chosen=row.folder == chosen) for row in rows]
    shown = len(columns) if any(each[-1] for each in cells) else -1
    print_table(columns[:shown], [each[:shown] for each in cells])
    for row in rows:
        if row.problem:
            print(printable(f"{row.folder.name}: {row.problem}"))


@command(name="use", examples=["fairwitness use example-shop", "fairwitness use", "fairwitness use --none"])
@click.argument("name", metavar="[NAME]", required=False, shell_complete=program_names)
@click.option("--none", "forget", is_flag=True, help="Forget the choice.")
@click.pass_context
def use(context: click.Context, name: str | None, forget: bool) -> None:
    """Choose the program for commands that name none.

    It then stands before ./policy.yaml, from any folder.  Options and environment variables stand before it.
    Without NAME it says which one is chosen.
    """
    if name and forget:
        raise click.UsageError("name a program, or say --none", ctx=context)
    if forget:
        forget_used_program()
    elif name is not None:
        use_program(make_private(named_program_folder(name, by="use")).name)
    folder = _chosen_folder()
    if choices(context).as_json:
        known = policy_home(folder) if folder else None
        form: dict[str, Value] = {
            "program": folder.name if folder else None,
            "folder": str(folder) if folder else None,
            "policy": str(known) if known else None,
        }
        print(machine(form))
    elif folder is None:
        stale = used_program()
        print(
            printable(f"{stale} was chosen, and is gone: 'fairwitness use --none' forgets it.")
            if stale
            else "No program is chosen: commands take ./policy.yaml."
        )
    else:
        known = policy_home(folder)
        print(
            printable(
                f"In use: {folder.name}, policy {known or 'as its log has it; run needs --policy FILE'}"
            )
        )


def _chosen_folder() -> Path | None:
    name = used_program()
    if name is None:
        return None
    with suppress(FairwitnessError):
        return named_program_folder(name)
    return None


def _row(folder: Path) -> ProgramRow:
    """What can be said of a folder; whatever is wrong with one must not hide the others."""
    from fairwitness.evidence import summarise
    from fairwitness.policy import load_policy

    summary, policy_file, program, problem = None, None, None, None
    try:
        if folder.stat().st_uid != os.getuid():
            problem = "the folder belongs to another user; nothing in it is read"
            return ProgramRow(
                folder=folder, program=None, policy_file=None, summary=None, bytes=0, problem=problem
            )
        if (folder / "evidence").is_dir():
            summary = summarise(folder / "evidence")
            program = summary.program
        else:
            problem = "nothing was recorded yet"
        policy_file = policy_home(folder)
        if policy_file:
            program = load_policy(policy_file).program
    except FairwitnessError as error:
        problem = str(error)
    except OSError as error:
        problem = f"the folder cannot be read ({error.strerror})"
    return ProgramRow(
        folder=folder,
        program=program,
        policy_file=policy_file,
        summary=summary,
        bytes=_size_of(folder),
        problem=problem,
    )


def _size_of(folder: Path) -> int:
    """Bytes of all files below a folder; what cannot be looked at counts nothing."""
    total = 0
    for where, _, names in os.walk(folder, onerror=None, followlinks=False):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(where, name)).st_size
    return total


def _review_age(program: Program | None, today: date) -> int | None:
    """Days since the policy was read."""
    if program is None or program.reviewed is None:
        return None
    with suppress(ValueError):
        return (today - date.fromisoformat(program.reviewed)).days
    return None


def _is_overdue(program: Program | None, age: int | None) -> bool:
    return program is not None and (age is None or age > program.review_every_days)


def _note(row: ProgramRow) -> str | None:
    session = row.summary.last_session if row.summary else None
    return dict(session.facts).get("note") if session else None


def _form(row: ProgramRow, today: date, *, is_chosen: bool) -> dict[str, Value]:
    summary, age = row.summary, _review_age(row.program, today)
    return {
        "program": row.program.name if row.program else None,
        "folder": row.folder.name,
        "path": str(row.folder),
        "policy": str(row.policy_file) if row.policy_file else None,
        "last_used": iso_us(summary.last_us) if summary and summary.last_us else None,
        "bytes": row.bytes,
        "sessions": summary.sessions if summary else None,
        "note": _note(row),
        "open_flags": summary.open_flags if summary else None,
        "reviewed": row.program.reviewed if row.program else None,
        "review_age_days": age,
        "review_is_overdue": _is_overdue(row.program, age),
        "running": bool(summary and summary.is_running),
        "chosen": is_chosen,
        "problem": row.problem,
    }


def _cells(row: ProgramRow, today: date, *, is_chosen: bool) -> list[str]:
    summary, age = row.summary, _review_age(row.program, today)
    read = "-" if row.program is None else "never" if age is None else f"{plural(age, 'day')} ago"
    running = "running" if summary and summary.is_running else "-"
    last = running if running != "-" or not summary or not summary.last_us else moment(summary.last_us)[:16]
    note = _note(row) or ""
    return [
        "*" if is_chosen else "",
        row.folder.name,
        last,
        size(row.bytes),
        str(summary.sessions) if summary else "-",
        str(summary.open_flags) if summary else "-",
        f"{read}, overdue" if _is_overdue(row.program, age) else read,
        note if len(note) <= MAX_NOTE else f"{note[: MAX_NOTE - 3]}...",
    ]
