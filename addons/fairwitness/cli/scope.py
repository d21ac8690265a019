"""Widening the policy: what pages need, and what may be tested."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from fairwitness.cli.options import Choices, Group, choices, command
from fairwitness.cli.place import Place, find_place, needed_policy_file
from fairwitness.cli.steer import running_socket
from fairwitness.cli.table import print_table
from fairwitness.cli.text import machine, plural, printable
from fairwitness.control.policy_file import read_limited, replace_bytes
from fairwitness.errors import EvidenceError
from fairwitness.model.verdict import ScopeList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairwitness.control.wire import Question, Value
    from fairwitness.policy import Suggestion

_MAY_ADD = ("load", "tunnel", "noise")


@command(name="wanted", examples=["fairwitness wanted", "fairwitness wanted --json"])
@click.pass_context
def wanted(context: click.Context) -> None:
    """List the hosts that in-scope pages asked for and did not get.

    Grouped by page, with the list that would suit each; 'fairwitness allow --suggested' adds them.
    """
    chosen = choices(context)
    suggestions = _suggestions(find_place(chosen))
    if chosen.as_json:
        for each in suggestions:
            print(machine(_suggestion_form(each)))
        return
    if not suggestions:
        print("No page asked for a host that it did not get.")
        return
    by_page: dict[str, list[Suggestion]] = defaultdict(list)
    for each in suggestions:
        by_page[each.page_host].append(each)
    for page_host, hosts in by_page.items():
        kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(each.kind for each in hosts).items())
        print(printable(f"{page_host} also wants {plural(len(hosts), 'host')}: {kinds}"))
        rows = [
            [
                each.host,
                str(each.count),
                each.scope_list.value,
                f"preset:{each.preset}" if each.preset else "",
                each.why,
            ]
            for each in hosts
        ]
        print_table(["host", "asked", "suits", "preset", "why"], rows)
        print()
    print("To add them: fairwitness allow --suggested")


def _suggestions(place: Place) -> tuple[Suggestion, ...]:
    from fairwitness.policy import WantedHost, suggest_hosts

    with place.reader() as reader:
        asked = [WantedHost(host, page, count) for host, page, count in reader.wanted()]
    return suggest_hosts(asked, place.policy())


def _suggestion_form(suggestion: Suggestion) -> dict[str, Value]:
    return {
        "host": suggestion.host,
        "page_host": suggestion.page_host,
        "list": suggestion.scope_list.value,
        "kind": suggestion.kind,
        "preset": suggestion.preset,
        "why": suggestion.why,
        "count": suggestion.count,
    }


@command(
    name="allow",
    examples=[
        "fairwitness allow --suggested",
        "fairwitness allow cdn.example.net",
        "fairwitness allow github.com --to tunnel",
    ],
)
@click.argument("hosts", nargs=-1, metavar="[HOST]...")
@click.option("--suggested", is_flag=True, help="All that 'fairwitness wanted' lists, each where it suits.")
@click.option(
    "--to", type=click.Choice(_MAY_ADD), help="The list for HOST; else the one that suits, else load."
)
@click.pass_context
def allow(context: click.Context, hosts: tuple[str, ...], suggested: bool, to: str | None) -> None:
    """Add hosts that pages need, never to be tested.

    They are added to load, tunnel or noise in the policy file, never to include.  The file's comments stay;
    the edit is logged, and in force at once where a proxy runs.
    """
    if bool(hosts) == suggested or (suggested and to):
        raise click.UsageError("name hosts, or say --suggested", ctx=context)
    chosen = choices(context)
    place = find_place(chosen)
    additions = _additions(place, hosts, to)
    if not additions:
        _say_edit(
            chosen, [], {"state": "same"}, "No page asked for a host that it did not get: nothing to add."
        )
        return

    from fairwitness.control.wire import Question
    from fairwitness.policy import add_hosts

    entries = [f"{scope_list.value} {text}" for scope_list, text in additions]
    result = _edit(
        place,
        Question("allow", {"entries": tuple(entries)}),
        lambda text: add_hosts(text, additions),
        note=f"allow: {', '.join(entries)}",
    )
    _say_edit(chosen, entries, result, f"Added to the policy: {', '.join(entries)}.")


def _additions(place: Place, hosts: Sequence[str], to: str | None) -> list[tuple[ScopeList, str]]:
    """The entries to add: the preset where one is known, else the host."""
    try:
        suggestions = {each.host: each for each in _suggestions(place)}
    except EvidenceError:
        if not hosts:
            raise
        suggestions = {}  # nothing was recorded yet: the hosts are taken as they are named
    additions: dict[tuple[ScopeList, str], None] = {}
    for host in hosts or suggestions:
        suits = suggestions.get(host)
        if to:
            additions[ScopeList(to), host] = None
        elif suits:
            additions[suits.scope_list, f"preset:{suits.preset}" if suits.preset else host] = None
        else:
            additions[ScopeList.LOAD, host] = None
    return list(additions)


@click.group(
    name="scope",
    cls=Group,
    epilog='Example:\n  fairwitness scope add api.example.com --says "All our APIs are in scope."',
)
def scope() -> None:
    """Change what may be tested."""


@scope.command(
    name="add", epilog='Example:\n  fairwitness scope add api.example.com --says "All our APIs are in scope."'
)
@click.argument("host", metavar="HOST")
@click.option("--says", required=True, metavar="TEXT", help="The program's own sentence that allows it.")
@click.pass_context
def add(context: click.Context, host: str, says: str) -> None:
    """Add a host to include, with the program's sentence.

    The file's comments stay; the edit is logged, and in force at once where a proxy runs.
    """
    from fairwitness.control.wire import Question
    from fairwitness.policy import add_scope

    if not says.strip():
        raise click.BadParameter("the program's sentence is empty", ctx=context, param_hint="--says")
    chosen = choices(context)
    result = _edit(
        find_place(chosen),
        Question("scope-add", {"host": host, "says": says}),
        lambda text: add_scope(text, host, says=says),
        note=f"scope add: {host}: {says}",
    )
    _say_edit(chosen, [f"include {host}"], result, f"Added to the policy: include {host}.")


def _edit(
    place: Place, question: Question, change: Callable[[bytes], bytes], *, note: str
) -> dict[str, Value]:
    """Change the policy file, through the running proxy where there is one."""
    from fairwitness.control.client import ask

    socket = running_socket(place)
    if socket:
        reply = ask(socket, question)
        assert isinstance(reply, dict)
        return reply
    policy_file = needed_policy_file(place)
    text = change(read_limited(policy_file))
    _log_edit(place, text, str(policy_file), note)
    replace_bytes(policy_file, text)
    return {"state": "written"}


def _log_edit(place: Place, text: bytes, path: str, note: str) -> None:
    """Record the edit, where a log exists already; the session that uses the policy records it anyway."""
    from fairwitness.evidence import Log
    from fairwitness.policy import read_policy

    policy = read_policy(text, path=path)
    try:
        with place.reader():
            pass
    except EvidenceError:
        return
    now_us = time.time_ns() // 1000
    log = Log.open(place.evidence, program=policy.program, now_us=now_us)
    try:
        log.append_policy(policy, time_us=now_us, why=note)
        log.commit_now()
    finally:
        log.close(time_us=now_us)


def _say_edit(chosen: Choices, entries: list[str], result: dict[str, Value], words: str) -> None:
    if chosen.as_json:
        print(machine({"added": entries, **result}))
        return
    print(printable(words if result.get("state") != "same" or not entries else "They are listed already."))
    if result.get("state") == "waits-for-confirmation":
        digest = str(result.get("sha256"))[:12]
        print(f"The file held other changes that wait: to put all in force, fairwitness confirm {digest}")
