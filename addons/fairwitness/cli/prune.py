"""Making room in the evidence folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from fairwitness.cli.filters import read_moment
from fairwitness.cli.options import choices, command
from fairwitness.cli.place import Place, find_place
from fairwitness.cli.steer import running_socket
from fairwitness.cli.table import print_table
from fairwitness.cli.text import machine, printable, size
from fairwitness.cli.writing import held_log
from fairwitness.errors import PolicyError

if TYPE_CHECKING:
    from fairwitness.cli.forms import Form
    from fairwitness.model.pruning import Drop

_OLD = "30d"


@command(name="prune", examples=["fairwitness prune", "fairwitness prune --older-than 14d --yes"])
@click.option(
    "--older-than", metavar="T", help=f"Only what is older; else static files of any age, all else {_OLD}."
)
@click.option("--yes", is_flag=True, help="Drop them; without it they are only listed.")
@click.pass_context
def prune(context: click.Context, older_than: str | None, yes: bool) -> None:
    """Drop bodies that nobody needs, after showing which.

    Static files and old answers that pages asked for by themselves.  What a finding holds, what a flag
    touches, what you or a tool asked for is kept; so are heads, sizes and hashes, and the log still proves
    what it was.
    """
    chosen = choices(context)
    place = find_place(chosen)
    now_us = time.time_ns() // 1000
    limits = _limits(older_than, now_us)
    found = _find(place, limits)
    if not chosen.as_json:
        _show(found)
    if not found or not (yes or _agreed(as_json=chosen.as_json)):
        if chosen.as_json:
            print(machine(_form(found, freed=0, is_dropped=False)))
        elif found:
            print("Nothing was dropped. Drop them with: fairwitness prune --yes")
        return
    before = _size(place)
    done, has_room = _drop(place, found, limits)
    freed = before - _size(place)
    if chosen.as_json:
        print(machine(_form(done, freed=freed, is_dropped=True)))
        return
    print(f"Dropped {_bodies(len(done))}; the evidence folder is {size(max(0, freed))} smaller.")
    if not has_room:
        print("The disk had no room to make the database smaller; its free pages are used by what comes.")


def _limits(older_than: str | None, now_us: int) -> tuple[int, int]:
    """Before which times static files go, and all else."""
    if older_than is None:
        return now_us, read_moment(_OLD, now_us=now_us)
    try:
        before_us = read_moment(older_than, now_us=now_us)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"{older_than!r} is no age such as 30d, nor a date") from error
    return before_us, before_us


def _find(place: Place, limits: tuple[int, int]) -> tuple[Drop, ...]:
    from fairwitness.evidence.prune import find_prunable

    return find_prunable(place.evidence, static_before_us=limits[0], old_before_us=limits[1])


def _drop(place: Place, found: Sequence[Drop], limits: tuple[int, int]) -> tuple[tuple[Drop, ...], bool]:
    if running_socket(place) is not None:
        raise PolicyError(
            "a proxy writes this log",
            where=str(place.evidence),
            mend="Stop it first: making the database smaller would make its traffic wait",
        )
    with held_log(place) as (log, now_us):
        # Somebody may have marked one while the list was read.
        still = {each.sha256: each for each in _find(place, limits)}
        return log.prune([still[each.sha256] for each in found if each.sha256 in still], time_us=now_us)


def _agreed(*, as_json: bool) -> bool:
    if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return click.confirm("Drop them?", default=False)


def _show(found: Sequence[Drop]) -> None:
    if not found:
        print("Nothing to drop.")
        return
    rows = [
        [str(group["why"]), str(group["type"]), str(group["bodies"]), str(group["exchanges"]), size(taken)]
        for group, taken in _groups(found)
    ]
    print_table(["what", "type", "bodies", "exchanges", "size"], rows)
    print(printable(f"{_bodies(len(found))}, {size(sum(each.stored for each in found))} in all."))


def _groups(found: Iterable[Drop]) -> list[tuple[Form, int]]:
    groups: dict[tuple[str, str], list[Drop]] = {}
    for each in found:
        groups.setdefault((each.why, each.content_type or "-"), []).append(each)
    made: list[tuple[Form, int]] = []
    for (why, kind), drops in groups.items():
        taken = sum(each.stored for each in drops)
        exchanges = len({number for each in drops for number in each.exchanges})
        made.append(
            (
                {
                    "why": why,
                    "type": kind,
                    "bodies": len(drops),
                    "exchanges": exchanges,
                    "bytes": taken,
                },
                taken,
            )
        )
    return sorted(made, key=lambda item: -item[1])


def _form(found: Sequence[Drop], *, freed: int, is_dropped: bool) -> Form:
    return {
        "dropped": is_dropped,
        "bodies": len(found),
        "bytes": sum(each.stored for each in found),
        "freed": freed,
        "groups": [group for group, _ in _groups(found)],
    }


def _bodies(count: int) -> str:
    return "1 body" if count == 1 else f"{count} bodies"


def _size(place: Place) -> int:
    with place.reader() as reader:
        return reader.counts().bytes
