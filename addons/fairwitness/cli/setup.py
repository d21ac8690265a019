"""Putting fairwitness behind another tool: says how, and changes nothing."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from fairwitness.cli.folders import data_folder
from fairwitness.cli.options import Choices, choices, command
from fairwitness.cli.place import find_place
from fairwitness.cli.setup_words import GUIDES, Proxy
from fairwitness.cli.steer import running_socket
from fairwitness.cli.text import machine, printable
from fairwitness.errors import FairwitnessError

_LISTEN = "127.0.0.1:8080"
_CA_NAME = "mitmproxy-ca-cert.pem"


@command(name="setup", examples=["fairwitness setup burp", "fairwitness setup system-ca"])
@click.argument("tool", metavar="|".join(GUIDES), type=click.Choice(list(GUIDES)))
@click.pass_context
def setup(context: click.Context, tool: str) -> None:
    """Say how to put fairwitness behind another tool.

    Prints the steps, with the address and the CA of the running proxy, else those of a default one.
    Nothing is changed.
    """
    chosen = choices(context)
    proxy, is_running = _proxy(chosen)
    guide = GUIDES[tool](proxy)
    if chosen.as_json:
        print(
            machine(
                {
                    "tool": tool,
                    "steps": list(guide.steps),
                    "notes": list(guide.notes),
                    "tried": guide.is_tried,
                    "listen": proxy.listen,
                    "ca": proxy.ca_file,
                    "running": is_running,
                }
            )
        )
        return
    print(printable(f"{guide.title}: fairwitness listens on {proxy.listen}, its CA is {proxy.ca_file}"))
    if not is_running:
        print("No proxy runs here: these are the defaults. Start one with 'fairwitness run'.")
    elif not Path(proxy.ca_file).is_file():
        print("The CA's file is not there yet.")
    if not guide.is_tried:
        print("Written from documentation, not tried with every version: menus and commands move.")
    print()
    number = 0
    for step in guide.steps:
        number += not step.startswith(" ")
        print(printable(step if step.startswith(" ") else f"{number}. {step}"))
    print()
    for note in guide.notes:
        print(printable(f"- {note}"))


def _proxy(chosen: Choices) -> tuple[Proxy, bool]:
    """The running proxy of the chosen program, else what one would be by default; and whether it runs."""
    from fairwitness.control.client import ask
    from fairwitness.control.wire import Question

    try:
        socket = running_socket(find_place(chosen))
        status = ask(socket, Question("status")) if socket is not None else None
    except FairwitnessError:
        if chosen.program or chosen.policy or chosen.evidence:
            raise
        status = None  # there is no policy here, and none is needed
    if isinstance(status, dict):
        ca = str(status.get("ca"))
        return Proxy(listen=str(status.get("listen")), ca_file=ca, ca=shlex.quote(ca)), True
    ca = str(data_folder() / "ca" / _CA_NAME)
    return Proxy(listen=_LISTEN, ca_file=ca, ca=shlex.quote(ca)), False
