"""What is done to the proxy, to the origins and to the disk: one function a fault."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable

from fairwitness.testing.hang_up import HANG_UPS
from fairwitness.testing.soak.stage import Stage

Fault = Callable[[Stage, random.Random], None]
"""Does one thing and, where it can be undone, undoes it before it returns."""

_LOG = "log.sqlite3"
_FILLER = "filler"
_NOTICED_S = 5.0


def killed(stage: Stage, _: random.Random) -> None:
    """SIGKILL under load, and a new start."""
    stage.restart(signal.SIGKILL)


def terminated(stage: Stage, _: random.Random) -> None:
    """SIGTERM under load, and a new start."""
    stage.restart(signal.SIGTERM)


def stopped(stage: Stage, luck: random.Random) -> None:
    """SIGSTOP for a while, then SIGCONT."""
    stage.town.proxy.kill(signal.SIGSTOP)
    time.sleep(luck.uniform(0.2, 3))
    stage.town.proxy.kill(signal.SIGCONT)


def origin_died(stage: Stage, luck: random.Random) -> None:
    """The origin cuts all connections and is away for a while."""
    stage.town.inside.die()
    time.sleep(luck.uniform(0.1, 2))
    stage.town.inside.come_back()


def origin_hung_up(stage: Stage, luck: random.Random) -> None:
    """For a while the origin ends every connection at some moment before its first answer."""
    stage.town.inside.hangs_up = luck.choice(HANG_UPS)
    time.sleep(luck.uniform(0.1, 2))
    stage.town.inside.hangs_up = None


def log_locked_for_a_moment(stage: Stage, luck: random.Random) -> None:
    """Another program writes to the database, for less than what is waited for."""
    _lock(stage, luck.uniform(0.05, 0.4))


def log_locked_for_long(stage: Stage, luck: random.Random) -> None:
    """Another program does not let the database go."""
    stage.life.may_close_gate = True
    _lock(stage, luck.uniform(1.5, 2.5))


def policy_broken(stage: Stage, luck: random.Random) -> None:
    """The policy is saved with an error in it, and mended."""
    file = stage.town.proxy.policy_file
    whole = file.read_bytes()
    file.write_bytes(luck.choice((b"scope: [", b"", b"\xff\xfe", whole[: len(whole) // 2], b"- 1\n")))
    time.sleep(luck.uniform(0.2, 1.5))
    file.write_bytes(whole)


def disk_full(stage: Stage, _: random.Random) -> None:
    """Nothing can be written any more, for a while."""
    stage.life.may_close_gate = True
    place = stage.town.proxy.evidence
    filler = place / _FILLER
    try:
        with filler.open("wb") as file:
            held = os.statvfs(place)
            os.posix_fallocate(file.fileno(), 0, max(held.f_bavail * held.f_frsize, 1))
    except OSError:  # traffic took the rest meanwhile
        pass
    ends = time.monotonic() + _NOTICED_S
    while time.monotonic() < ends and not stage.closings():
        time.sleep(0.05)
    filler.unlink(missing_ok=True)


DEADLY: tuple[Fault, ...] = (killed, terminated, log_locked_for_long)
"""After these another life of the proxy begins."""
HARMLESS: tuple[Fault, ...] = (stopped, origin_died, origin_hung_up, log_locked_for_a_moment, policy_broken)
"""These it has to live through."""


def _lock(stage: Stage, seconds: float) -> None:
    connection = sqlite3.connect(stage.town.proxy.evidence / _LOG, isolation_level=None, timeout=5)
    try:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        connection.execute("ROLLBACK")
    finally:
        connection.close()
