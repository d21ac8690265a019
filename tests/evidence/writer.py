"""A process that writes a log until it is killed, and says on stdout what its commits returned for.

Run as ``python writer.py FOLDER MODE``; it prints one line when the lock is held, then one a commit.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from pathlib import Path

from fairwitness.errors import EvidenceError
from fairwitness.evidence import Keep, Log
from fairwitness.evidence.testing import ALLOWED, NOON_US, make_exchange, make_request, open_log
from fairwitness.evidence.wordfile import WordFiller
from fairwitness.model.message import Direction


def say(text: str) -> None:
    """In one write, so that a kill never cuts a line."""
    os.write(1, text.encode() + b"\n")


async def exchanges(log: Log, number: int) -> None:
    """Requests and responses without end; says the name of each request whose commit returned."""
    for turn in range(1_000_000):
        request = make_request(at_us=NOON_US + turn, body=b"%d" % number)
        log.append_request(request, verdict=ALLOWED, released_us=NOON_US + turn, keep=Keep.WHOLE)
        await log.commit()
        say(request.exchange)
        if turn % 7 == 0:
            log.checkpoint_full()
        if turn % 3:
            body = os.urandom(3000 + 2000 * (turn % 5))
            log.append_response(make_exchange(request, body=body), body=None, keep=Keep.WHOLE)


async def load(log: Log) -> None:
    """Eight connections at once."""
    await asyncio.gather(*(exchanges(log, number) for number in range(8)))


def bodies(log: Log) -> None:
    """Large bodies that stream both ways; says the exchanges whose end was committed."""
    for turn in range(1_000_000):
        request = make_request(method="PUT", at_us=NOON_US + turn)
        log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
        log.commit_now()
        for direction in (Direction.SENT, Direction.RECEIVED):
            writer = log.open_body(request.exchange, direction, keep=Keep.WHOLE)
            for _ in range(5):
                writer.write(os.urandom(30_000) * 2)
            if direction is Direction.SENT:
                log.append_body(request.exchange, writer, time_us=NOON_US, failure=None)
            else:
                log.append_response(make_exchange(request), body=writer, keep=Keep.WHOLE)
        log.commit_now()
        say(request.exchange)


def upload(log: Log) -> None:
    """One upload that never ends; says how many bytes were taken."""
    request = make_request(method="PUT")
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.commit_now()
    say(request.exchange)
    writer = log.open_body(request.exchange, Direction.SENT, keep=Keep.WHOLE)
    while True:
        writer.write(b"0123456789" * 1000)
        say(str(writer.bytes))


def fill(log: Log) -> None:
    """Write until the disk is full; says what happened, and what a second try says."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, resource.RLIM_INFINITY))
    for _ in range(2):
        try:
            while True:
                request = make_request()
                log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
                log.append_note(os.urandom(50_000).hex(), time_us=NOON_US)
                log.commit_now()
                say(request.exchange)
        except EvidenceError as error:
            say(f"error {error}")
    say(f"failure {log.failure}")


def index(folder: Path) -> None:
    """Fill the full-text index; says when a portion is written."""
    filler = WordFiller(folder)
    for stop in range(100, 10_000, 100):
        filler.fill(stop)
        say(str(filler.size))


def main() -> None:
    """Open the log and do what the mode says."""
    folder, mode = Path(sys.argv[1]), sys.argv[2]
    if mode == "index":
        index(folder)
        return
    try:
        log = open_log(folder)
    except EvidenceError as error:
        say(f"error {error}")
        raise SystemExit(3) from None
    log.append_session([("mode", mode)], time_us=NOON_US)
    log.commit_now()
    say("open")
    if mode == "load":
        asyncio.run(load(log))
    elif mode == "bodies":
        bodies(log)
    elif mode == "upload":
        upload(log)
    elif mode == "fill":
        fill(log)
    else:
        log.set_socket("/run/example.sock")
        say("told")
        while True:
            time.sleep(60)


if __name__ == "__main__":
    main()
