"""The researcher's own accounts at a program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fairwitness.cli.folders import make_private, named_program_folder, program_folder
from fairwitness.cli.options import Choices, Group, choices
from fairwitness.cli.place import ACCOUNTS_NAME, Place, find_place
from fairwitness.cli.steer import running_socket
from fairwitness.cli.table import print_table
from fairwitness.cli.text import machine, printable

if TYPE_CHECKING:
    from fairwitness.control.accounts_file import AccountsFile
    from fairwitness.control.wire import Question, Value
    from fairwitness.model.account import Account
    from fairwitness.model.policy import Policy


@click.group(
    name="accounts",
    cls=Group,
    epilog="Examples:\n  fairwitness accounts list\n  fairwitness accounts add victim victim@example.com 42",
)
def accounts() -> None:
    """List, add and remove your own accounts at a program.

    Exchanges are labelled with the account whose cookie, token or name they carry.  The file stays on this
    machine: it is never exported, and only the account's name goes into the log.
    """


@accounts.command(name="list", epilog="Example:\n  fairwitness accounts list --json")
@click.pass_context
def list_(context: click.Context) -> None:
    """List your accounts."""
    chosen = choices(context)
    found = _file(find_place(chosen)).load()
    if chosen.as_json:
        for each in found:
            print(machine(_form(each)))
    elif found:
        print_table(["account", "identities"], [[each.name, ", ".join(each.identities)] for each in found])
    else:
        print("No account is registered. To add one: fairwitness accounts add NAME IDENTITY...")


@accounts.command(name="add", epilog="Example:\n  fairwitness accounts add victim victim@example.com 42")
@click.argument("name", metavar="NAME")
@click.argument("identities", metavar="IDENTITY...", nargs=-1, required=True)
@click.pass_context
def add(context: click.Context, name: str, identities: tuple[str, ...]) -> None:
    """Register an account, or more identities of one.

    IDENTITY is a user name, an e-mail address or a number by which the program knows it.
    """
    from fairwitness.control.wire import Question

    chosen = choices(context)
    place = find_place(chosen)
    question = Question("account-add", {"name": name, "identities": identities})
    if not _ask_running(chosen, place, question):
        _file(place).add(name, identities)
    now = next((each for each in _file(place).load() if each.name == " ".join(name.split())), None)
    if chosen.as_json:
        print(machine(_form(now) if now else {"name": name, "identities": list(identities)}))
    else:
        print(printable(f"Registered: {name}, {', '.join(now.identities if now else identities)}."))


@accounts.command(name="remove", epilog="Example:\n  fairwitness accounts remove victim")
@click.argument("name", metavar="NAME")
@click.pass_context
def remove(context: click.Context, name: str) -> None:
    """Forget an account.  What the log says stays."""
    from fairwitness.control.wire import Question

    chosen = choices(context)
    place = find_place(chosen)
    if not _ask_running(chosen, place, Question("account-remove", {"name": name})):
        _file(place).remove(name)
    print(machine({"removed": name}) if chosen.as_json else printable(f"Removed: {name}."))


def _ask_running(chosen: Choices, place: Place, question: Question) -> bool:
    """Whether the running proxy did it, so that it takes effect at once."""
    from fairwitness.control.client import ask

    socket = running_socket(place)
    if socket is None or chosen.accounts:
        return False
    ask(socket, question)
    return True


def accounts_of(chosen: Choices, policy: Policy) -> tuple[Account, ...]:
    """The researcher's accounts at a program, for a command that opens no evidence folder.

    Raises:
        PolicyError: They cannot be read.
    """
    from fairwitness.control.accounts_file import AccountsFile

    home = named_program_folder(chosen.program, by=chosen.says_program) if chosen.program else None
    folder = home or program_folder(policy.program)
    return AccountsFile(chosen.accounts or folder / ACCOUNTS_NAME, make_private).load()


def _file(place: Place) -> AccountsFile:
    from fairwitness.control.accounts_file import AccountsFile

    return AccountsFile(place.accounts_file(), make_private)


def _form(account: Account) -> dict[str, Value]:
    return {"name": account.name, "identities": list(account.identities)}
