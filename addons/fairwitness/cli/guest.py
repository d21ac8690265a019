"""Puts the rooms together for ``addons/fairwitness_addon.py``, under mitmproxy's own programs."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Sequence
from pathlib import Path

from fairwitness.cli.folders import make_private, program_folder
from fairwitness.cli.place import ACCOUNTS_NAME
from fairwitness.cli.text import printable
from fairwitness.control.accounts_file import AccountsFile
from fairwitness.errors import EvidenceError
from fairwitness.evidence import Log
from fairwitness.model.clock import SessionClock
from fairwitness.model.event import Blocked, Event, FlagRaised, StoreState
from fairwitness.policy import PolicyInForce, load_policy, parse_override, site_of
from fairwitness.proxy.chain import Ends
from fairwitness.proxy.guest import Guest
from fairwitness.rules import Knowledge, Runner
from fairwitness.witness import Witness, replay

_STANDING: list[
    tuple[Ends, Witness]
] = []  # a reload runs the script anew; the gates are those of the process
_LOGGER = logging.getLogger("fairwitness")


def guest() -> Guest:
    """The script's addon."""
    return Guest(_make_witness, _STANDING)


def _make_witness(policy_file: Path, evidence: Path | None, resolve: Sequence[str]) -> Witness:
    clock = SessionClock()
    policy = load_policy(policy_file)
    in_force = PolicyInForce(policy, overrides=tuple(map(parse_override, resolve)))
    folder = make_private(evidence or program_folder(policy.program) / "evidence", refused=EvidenceError)
    log = Log.open(folder, program=policy.program, now_us=clock.now_us())
    # After mitmproxy's `done` connections still end, and their ends belong into the log.
    atexit.register(lambda: log.close(time_us=clock.now_us()))
    accounts = AccountsFile(program_folder(policy.program) / ACCOUNTS_NAME, make_private).load()
    runner = Runner(
        policy,
        next_flag=log.next_flag_number(),
        now_us=clock.now_us(),
        known=Knowledge(accounts, site_of=site_of),
    )
    forgotten = replay(log, runner, now_us=clock.now_us())
    if forgotten:
        _LOGGER.warning(printable(forgotten))
    witness = Witness(in_force, runner, log, clock=clock, tell=_say, unattended=True)
    log.append_session(
        [
            ("mode", "script under mitmproxy"),
            ("policy", str(policy_file)),
            *(("resolve", each) for each in resolve),
        ],
        time_us=clock.now_us(),
    )
    log.append_policy(policy, time_us=clock.now_us(), why="start")
    return witness


def _say(event: Event) -> None:
    match event:
        case Blocked():
            _LOGGER.warning(
                printable(f"blocked {event.request.method} {event.request.url}: {event.verdict.reason}")
            )
        case FlagRaised():
            _LOGGER.warning(printable(f"{event.flag.flag} {event.flag.rule}: {event.flag.says}"))
        case StoreState(state="failed" | "gate-closed" | "warning" | "recovered"):
            _LOGGER.error(printable(f"{event.state}: {event.reason}"))
        case _:
            pass
