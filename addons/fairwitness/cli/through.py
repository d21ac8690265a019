"""Running something through a proxy: the one that runs already, or one that is started for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairwitness.cli.door import CannotStartError, Door
from fairwitness.cli.faces import Face, JsonFace, PlainFace, missed_form, missed_line
from fairwitness.cli.options import Choices
from fairwitness.cli.place import Place, find_proxy_place
from fairwitness.cli.printer import Printer
from fairwitness.cli.proxy_options import ProxyOptions, is_live
from fairwitness.cli.starting import asking_signals
from fairwitness.cli.steer import running_socket
from fairwitness.cli.text import printable
from fairwitness.control.client import ask, asking
from fairwitness.control.server import JOIN
from fairwitness.control.wire import Question, Value
from fairwitness.errors import EvidenceError, StartError

if TYPE_CHECKING:
    from fairwitness.cli.live.face import LiveFace
    from fairwitness.cli.session import Running
    from fairwitness.model.policy import Policy

JOIN_S = 5.0  # how long a proxy that another command starts at this moment may take until it can be joined
MAX_LABEL = 40  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Through:
    """How work through a proxy went."""

    place: Place
    """Where it was recorded."""
    code: int
    """The work's result."""
    fault: EvidenceError | StartError | None
    """Why nothing passed in its last part; None where the gate was never closed."""

    def exit_code(self) -> int:
        """The work's result.

        Raises:
            EvidenceError: The log failed meanwhile, and the work itself noticed nothing.
            StartError: The gate was closed for another reason, and the work itself noticed nothing.
        """
        if self.fault is None:
            return self.code
        if self.code == 0:
            raise self.fault
        _say(f"fairwitness: error: {self.fault}")
        return self.code


Work = Callable[[Door], Awaitable[int]]


def label_of(command: str) -> str:
    """The label of a command: its name, as a proxy URL can carry it."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", Path(command).name)[:MAX_LABEL].strip("-") or "command"


def through_proxy(chosen: Choices, options: ProxyOptions, work: Work, *, has_screen: bool = False) -> Through:
    """Do *work* through the running proxy if it follows the same policy, else through one of its own.

    *has_screen*: a proxy of its own may show the live screen, since the work needs no terminal.

    Raises:
        CannotStartError: The running proxy cannot be joined.
        FairwitnessError: The policy, the evidence folder or the proxy is in the way.
    """
    if options.ui == "live" and not has_screen:
        raise click.UsageError("--ui live is for run and browser: here the terminal belongs to the command")
    place, policy = find_proxy_place(chosen)
    socket = running_socket(place)
    if socket is None:
        try:
            shows_live = has_screen and is_live(options, as_json=chosen.as_json)
            return _start(chosen, place, policy, options, work, shows_live=shows_live)
        except EvidenceError:
            socket = _await_socket(place)
            if socket is None:
                raise
    if chosen.program and not chosen.as_json:  # chosen elsewhere than here: it is said what it is
        words = f"fairwitness: {policy.program.name}: joins its running proxy, evidence {place.evidence}"
        _say(words)
    return _join(socket, place, policy, options, work)


def _await_socket(place: Place) -> Path | None:
    """The socket of a proxy that another command has just begun to start."""
    from time import monotonic, sleep

    from fairwitness.evidence import holder_of

    end = monotonic() + JOIN_S
    holder = holder_of(place.evidence)
    while holder is not None and holder.pid != os.getpid() and monotonic() < end:
        socket = running_socket(place)
        if socket:
            return socket
        sleep(0.05)
        holder = holder_of(place.evidence)
    return None


def _join(socket: Path, place: Place, policy: Policy, options: ProxyOptions, work: Work) -> Through:
    _refuse_own_options(options, place)
    with asking(socket, Question(JOIN)) as reply:
        assert isinstance(reply, dict)
        if reply.get("policy_sha256") != policy.sha256:
            raise CannotStartError(
                f"the running proxy follows another policy than {place.policy_file}",
                where=str(place.evidence),
                mend="Confirm the changed file ('fairwitness status' shows its hash), or stop that proxy",
            )
        code = asyncio.run(_work_joined(reply, place, policy, work))
    fault = None
    # It may have ended meanwhile; what it recorded is committed then.
    with contextlib.suppress(EvidenceError):
        fault = _fault_of(ask(socket, Question("status")))
        ask(socket, Question("commit"))
    return Through(place=place, code=code, fault=fault)


def _fault_of(status: Value) -> StartError | None:
    if not isinstance(status, dict) or status.get("gate") != "closed":
        return None
    return StartError(
        f"the gate of the running proxy is closed, and nothing passes: {status.get('reason')}",
        where="fairwitness",
        mend="Stop that proxy and start it again",
    )


async def _work_joined(reply: dict[str, Value], place: Place, policy: Policy, work: Work) -> int:
    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # the command gets it from the terminal as well
    for each in asking_signals():
        loop.add_signal_handler(each, asked_to_stop.set)
    password = reply.get("password")
    door = _door(
        str(reply.get("listen")),
        Path(str(reply.get("ca"))),
        str(password) if password else None,
        place=place,
        policy=policy,
        asked_to_stop=asked_to_stop,
    )
    return await work(door)


def _start(
    chosen: Choices,
    place: Place,
    policy: Policy,
    options: ProxyOptions,
    work: Work,
    *,
    shows_live: bool,
) -> Through:
    from fairwitness.cli.live.face import LiveFace
    from fairwitness.cli.plan import Plan
    from fairwitness.cli.session import keep

    live: LiveFace | None = None

    def make_face(session: int) -> Face:
        nonlocal live
        if shows_live:
            live = LiveFace(session=session, note=options.note or "", declare=policy.declare)
            return live
        # stdout belongs to the command
        if chosen.as_json:
            return JsonFace(Printer(sys.stderr, missed=missed_form), session=session)
        return PlainFace(Printer(sys.stderr, missed=missed_line), verbose=options.verbose)

    async def accompany(running: Running) -> int:
        joining = running.joining
        if live is None and not chosen.as_json:
            words = f"fairwitness: {policy.program.name}: proxy {joining.listen}, evidence {joining.evidence}"
            words += f", policy {place.policy_file}" if chosen.program else ""
            _say(words)
        for rule in policy.declare if live is None else ():
            running.note(f"declare {rule}: not asked")
        door = _door(
            joining.listen,
            Path(joining.ca),
            joining.password,
            place=place,
            policy=policy,
            asked_to_stop=running.asked_to_stop,
            is_alone=live is None,
        )
        return await (_beside(live, running, work(door)) if live else work(door))

    plan = Plan(place=place, policy=policy, options=options, serves_one_command=True)
    ended = keep(plan, make_face=make_face, companion=accompany)
    return Through(place=place, code=ended.code, fault=ended.fault)


async def _beside(live: LiveFace, running: Running, work: Awaitable[int]) -> int:
    """The work, with the live screen for as long as it goes on."""
    showing = asyncio.ensure_future(live.accompany(running))
    working = asyncio.ensure_future(work)
    try:
        await asyncio.wait({showing, working}, return_when=asyncio.FIRST_COMPLETED)
        if showing.done():
            running.asked_to_stop.set()
        code = await working
    finally:
        showing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await showing  # a fault of the screen is told as one
    return code


def _door(
    listen: str,
    ca: Path,
    password: str | None,
    *,
    place: Place,
    policy: Policy,
    asked_to_stop: asyncio.Event,
    is_alone: bool = True,
) -> Door:
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return Door(
        host=reachable,
        port=int(port),
        ca=ca,
        password=password,
        place=place,
        policy=policy,
        asked_to_stop=asked_to_stop,
        is_alone=is_alone,
    )


def _say(words: str) -> None:
    """A line on stderr in one write: the printer of events writes there too."""
    sys.stderr.write(f"{printable(words)}\n")
    sys.stderr.flush()


def _refuse_own_options(options: ProxyOptions, place: Place) -> None:
    """What a running proxy was started without cannot be had by joining it."""
    given = {
        "--listen": options.listen,
        "--resolve": options.resolve,
        "--upstream-ca": options.upstream_ca,
        "--ca-dir": options.ca_dir,
        "--set": options.options,
        "--note": options.note,
        "--ui live": options.ui == "live",
        "--allow-remote": options.allow_remote,
    }
    names = [name for name, value in given.items() if value]
    if names:
        raise CannotStartError(
            f"a proxy runs already, and {', '.join(names)} would need one of its own",
            where=str(place.evidence),
            mend="Leave it out, or stop the running proxy",
        )
