"""Starting the proxy."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from fairwitness import __version__
from fairwitness.cli.faces import Face, JsonFace, PlainFace, missed_form, missed_line
from fairwitness.cli.options import choices, command
from fairwitness.cli.place import find_proxy_place
from fairwitness.cli.printer import Printer
from fairwitness.cli.proxy_options import ProxyOptions, is_live, proxy_options
from fairwitness.cli.questions import AskingFace, Declaration, Questions
from fairwitness.cli.text import printable

if TYPE_CHECKING:
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
    live_is_shown = is_live(options, as_json=chosen.as_json)
    place, policy = find_proxy_place(chosen)

    # These load the proxy: only now, since all else may fail cheaply.
    from fairwitness.cli.live.face import LiveFace
    from fairwitness.cli.plan import Plan
    from fairwitness.cli.session import keep

    plan = Plan(place=place, policy=policy, options=options, serves_one_command=False)

    live: LiveFace | None = None
    questions = Questions()
    asking: AskingFace | None = None

    def make_face(session: int) -> Face:
        nonlocal live, asking
        if chosen.as_json:
            return JsonFace(Printer(sys.stdout, missed=missed_form), session=session)
        if live_is_shown:
            live = LiveFace(session=session, note=options.note or "", declare=policy.declare)
            return live
        plain = PlainFace(Printer(sys.stdout, missed=missed_line), verbose=options.verbose)
        asking = AskingFace(plain, questions)
        return asking

    async def until_stopped(running: Running) -> int:
        if live is not None:
            return await live.accompany(running)
        if not chosen.as_json:
            _print_banner(plan, running)
        declaration = Declaration(policy.declare, running.note)
        if asking is not None:
            questions.begin()
            asking.keeper = running.witness
        declaration.begin(questions)
        try:
            await running.asked_to_stop.wait()
        finally:
            questions.end()
            declaration.end()
        return 0

    ended = keep(plan, make_face=make_face, companion=until_stopped)
    if ended.fault:
        raise ended.fault
    return ended.code


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
    # One write: the printer of events writes there too.
    print("".join(f"{printable(line)}\n" for line in lines), end="", flush=True)
