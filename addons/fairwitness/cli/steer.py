"""Steering the running proxy from another terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairwitness.cli.options import Choices, choices, command
from fairwitness.cli.place import Place, find_place
from fairwitness.cli.table import print_table
from fairwitness.cli.text import machine, printable
from fairwitness.errors import PolicyError

if TYPE_CHECKING:
    from fairwitness.control.wire import Value


def running_socket(place: Place) -> Path | None:
    """The control socket of the proxy that writes this place's log; None where none runs."""
    from fairwitness.evidence import holder_of

    holder = holder_of(place.evidence)
    return Path(holder.socket) if holder and holder.socket else None


def ask_running(context: click.Context, do: str, **arguments: str) -> Value:
    """Ask the proxy that runs on the chosen place.

    Raises:
        PolicyError: None runs, or it refuses.
    """
    from fairwitness.control.client import ask
    from fairwitness.control.wire import Question

    place = find_place(choices(context))
    socket = running_socket(place)
    if socket is None:
        raise PolicyError(
            "no proxy runs on this evidence folder",
            where=str(place.evidence),
            mend="Start one with 'fairwitness run', or name its --policy, --program or --evidence",
        )
    return ask(socket, Question(do, dict(arguments)))


@command(name="status", examples=["fairwitness status", "fairwitness status --json"])
@click.pass_context
def status(context: click.Context) -> None:
    """Say how the running proxy is.

    Its address, policy, limits used so far, open flags, waiting requests, and whether the gate is open.
    """
    reply = ask_running(context, "status")
    assert isinstance(reply, dict)
    if choices(context).as_json:
        print(machine({"running": True, **reply}))
        return
    simple = {
        name.replace("_", " "): _cell(value)
        for name, value in reply.items()
        if not isinstance(value, list | dict)
    }
    width = max(map(len, simple), default=0)
    for name, text in {"proxy": "running", **simple}.items():  # whole, so that a path can be copied
        print(printable(f"{name:<{width}}  {text}"))
    for name, value in reply.items():
        if isinstance(value, list | dict) and value:
            _print_part(name, value if isinstance(value, list) else [value])


def _print_part(name: str, values: list[Value]) -> None:
    print(f"\n{name.replace('_', ' ')}:")
    forms = [value for value in values if isinstance(value, dict)]
    if forms:
        columns = list(forms[0])
        shown = [column.replace("_", " ") for column in columns]
        print_table(shown, [[_cell(form.get(column)) for column in columns] for form in forms])
    for value in values:
        if not isinstance(value, dict):
            print(printable(str(value)))


def _cell(value: Value) -> str:
    return "-" if value in (None, "") else str(value)


@command(name="halt", examples=['fairwitness halt --reason "the shop answers slowly"'])
@click.option("--reason", default="halted by the researcher", metavar="TEXT", help="Recorded.")
@click.pass_context
def halt(context: click.Context, reason: str) -> None:
    """Block everything until it is resumed.

    Connections that are open are closed; every request is answered locally.
    """
    ask_running(context, "halt", reason=reason)
    _done(choices(context), "halted", "Halted: nothing leaves until 'fairwitness resume --reason TEXT'.")


@command(name="resume", examples=['fairwitness resume --reason "they confirmed that it was not me"'])
@click.option("--reason", required=True, metavar="TEXT", help="Recorded.")
@click.pass_context
def resume(context: click.Context, reason: str) -> None:
    """Let traffic through again after a halt."""
    ask_running(context, "resume", reason=reason)
    _done(choices(context), "resumed", "Resumed.")


@command(name="pending", examples=["fairwitness pending"])
@click.pass_context
def pending(context: click.Context) -> None:
    """List the requests that wait for you."""
    reply = ask_running(context, "pending")
    assert isinstance(reply, list)
    waiting = [each for each in reply if isinstance(each, dict)]
    if choices(context).as_json:
        for each in waiting:
            print(machine(each))
    elif waiting:
        columns = ["hold", "method", "url", "ends", "reason"]
        print_table(columns, [[str(each.get(column)) for column in columns] for each in waiting])
    else:
        print("Nothing waits.")


@command(name="release", examples=["fairwitness release h3"])
@click.argument("hold", metavar="hN")
@click.pass_context
def release(context: click.Context, hold: str) -> None:
    """Let a held request go."""
    ask_running(context, "release", hold=hold)
    _done(choices(context), "released", f"Released {hold}.")


@command(name="deny", examples=["fairwitness deny h3"])
@click.argument("hold", metavar="hN")
@click.pass_context
def deny(context: click.Context, hold: str) -> None:
    """Refuse a held request."""
    ask_running(context, "deny", hold=hold)
    _done(choices(context), "denied", f"Denied {hold}.")


@command(name="confirm", examples=["fairwitness confirm 3f9a01c2"])
@click.argument("hash_", metavar="HASH")
@click.pass_context
def confirm(context: click.Context, hash_: str) -> None:
    """Put the changed policy in force.

    HASH is the beginning of the SHA-256 that the proxy showed when it saw the change.
    """
    reply = ask_running(context, "confirm", sha256=hash_)
    assert isinstance(reply, dict)
    _done(choices(context), "in-force", f"In force: policy {str(reply.get('sha256'))[:12]}.")


def _done(chosen: Choices, state: str, words: str) -> None:
    print(machine({"state": state}) if chosen.as_json else printable(words))
