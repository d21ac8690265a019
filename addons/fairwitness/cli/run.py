"""Starting the proxy."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from fairwitness import __version__
from fairwitness.cli.faces import Face, JsonFace, PlainFace, missed_form, missed_line
from fairwitness.cli.options import choices, command
from fairwitness.cli.place import find_proxy_place
from fairwitness.cli.printer import Printer
from fairwitness.cli.proxy_options import ProxyOptions, proxy_options
from fairwitness.cli.terminal import MIN_HEIGHT, MIN_WIDTH, is_foreground, is_usable
from fairwitness.cli.text import printable

if TYPE_CHECKING:
    from fairwitness.cli.options import Choices
    from fairwitness.cli.plan import Plan
    from fairwitness.cli.session import Running


@command(
    name="run",
    examples=[
        "fairwitness run",
        "fairwitness run --policy policy.yaml --listen 127.0.0.1:8081 --note 'login flow'",
        "fairwitness run --json",
    ],
)
@proxy_options
@click.pass_context
def run(context: click.Context, options: ProxyOptions) -> int:
    """Start the proxy.

    It runs until Ctrl-C, and shows blocks, flags, holds and state changes; exchanges with -v, everything with
    --json.  Steer it from another terminal with status, halt, pending, confirm, allow.
    """
    chosen = choices(context)
    place, policy = find_proxy_place(chosen)

    # These load the proxy: only now, since all else may fail cheaply.
    from fairwitness.cli.live.face import LiveFace
    from fairwitness.cli.plan import Plan
    from fairwitness.cli.session import keep

    plan = Plan(place=place, policy=policy, options=options, serves_one_command=False)

    is_live = _is_live(chosen, options)
    live: LiveFace | None = None

    def make_face(session: int) -> Face:
        nonlocal live
        if chosen.as_json:
            return JsonFace(Printer(sys.stdout, missed=missed_form), session=session)
        if is_live:
            live = LiveFace(session=session, note=options.note or "", declare=policy.declare)
            return live
        return PlainFace(Printer(sys.stdout, missed=missed_line), verbose=options.verbose)

    async def until_stopped(running: Running) -> int:
        if live is not None:
            return await live.accompany(running)
        if not chosen.as_json:
            _print_banner(plan, running)
        declaration = Declaration(policy.declare, running.note)
        declaration.begin(asked=not chosen.as_json)
        try:
            await running.asked_to_stop.wait()
        finally:
            declaration.end()
        return 0

    return keep(plan, make_face=make_face, companion=until_stopped)


def _is_live(chosen: Choices, options: ProxyOptions) -> bool:
    """Whether the live screen is shown: where it was asked for, or else where it can be."""
    if options.ui == "live":
        if chosen.as_json:
            raise click.UsageError("--ui live is for people, --json for programs: choose one")
        if not is_usable():
            raise click.UsageError(
                f"--ui live needs a terminal in front of you, at least {MIN_WIDTH}x{MIN_HEIGHT}"
            )
        return True
    return options.ui is None and not options.verbose and not chosen.as_json and is_usable()


def _print_banner(plan: Plan, running: Running) -> None:
    ready = running.ready
    lines = [
        f"fairwitness {__version__}: {plan.policy.program.name}",
        f"  policy    {plan.place.policy_file} (SHA-256 {plan.policy.sha256[:12]})",
        f"  evidence  {ready.evidence}",
        f"  proxy     http://{ready.listen}",
        f"  CA        {ready.ca}",
        "  stop      Ctrl-C; steer it from another terminal: fairwitness status | halt | wanted | allow",
    ]
    print("\n".join(map(printable, lines)), flush=True)


class Declaration:
    """Asks once a session for the rules that no proxy can see, where somebody sits at a terminal.

    Args:
        rules: Their names.
        note: Records a sentence in the log.
    """

    def __init__(self, rules: tuple[str, ...], note: Callable[[str], None]) -> None:
        self._left = list(rules)
        self._note = note
        self._reading = False

    def begin(self, *, asked: bool) -> None:
        """Ask the first question, or record at once that none was asked."""
        if self._left and asked and sys.stdin.isatty() and sys.stdout.isatty() and is_foreground():
            asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._heard)
            self._reading = True
            self._ask()
        else:
            self.end()

    def end(self) -> None:
        """Record what was not answered, and stop listening."""
        for rule in self._left:
            self._note(f"declare {rule}: not asked")
        self._left.clear()
        self._listen_no_more()

    def _ask(self) -> None:
        print(
            printable(f"Do you keep to this rule, which the proxy cannot see: {self._left[0]}? [y/n]"),
            flush=True,
        )

    def _heard(self) -> None:
        if not is_foreground():
            self.end()  # in the background a read would stop the whole proxy (SIGTTIN)
            return
        line = os.read(sys.stdin.fileno(), 4096).decode(errors="replace").strip()
        words = {"y": "yes", "yes": "yes", "n": "no", "no": "no"}.get(line.lower())
        if words is None:
            self._ask()
            return
        self._note(f"declare {self._left.pop(0)}: {words}, as stated by the researcher")
        if self._left:
            self._ask()
        else:
            self._listen_no_more()

    def _listen_no_more(self) -> None:
        if self._reading:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._reading = False
