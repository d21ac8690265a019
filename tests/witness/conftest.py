"""A conductor over a real log and a real policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fairwitness.evidence import Log
from fairwitness.model.clock import SessionClock
from fairwitness.model.event import Event
from fairwitness.model.exchange import Client, Destination, Request, new_exchange
from fairwitness.policy import PolicyInForce, read_policy
from fairwitness.rules import Runner
from fairwitness.witness import Witness

POLICY = """version: 1
program: {name: unit, policy_url: "https://in.test/policy"}
scope: {include: [in.test]}
"""


class Session:
    """A witness with what it was made of."""

    def __init__(self, folder: Path, policy: str, *, unattended: bool = False) -> None:
        self.clock = SessionClock()
        read = read_policy(policy.encode(), path="policy.yaml")
        self.folder = folder
        self.log = Log.open(folder, program=read.program, now_us=self.clock.now_us())
        self.told: list[Event] = []
        self.witness = Witness(
            PolicyInForce(read),
            Runner(read, next_flag=1, now_us=self.clock.now_us()),
            self.log,
            clock=self.clock,
            tell=self.told.append,
            unattended=unattended,
        )

    def request(self, host: str = "in.test", path: str = "/") -> Request:
        """A request that has just come."""
        destination = Destination("dial", "https", host, 443, path)
        return Request(
            exchange=new_exchange(),
            received_us=self.clock.now_us(),
            client=Client(connection="0" * 32, address="127.0.0.1", port=1),
            method="GET",
            scheme="https",
            host=host,
            port=443,
            target=path.encode(),
            http_version="HTTP/1.1",
            headers=((b"Host", host.encode()),),
            destinations=(destination,),
        )


@pytest.fixture
def make_session(tmp_path: Path) -> Iterator[Callable[..., Session]]:
    """Makes sessions, and closes their logs."""
    made: list[Session] = []

    def make(policy: str = POLICY, *, unattended: bool = False) -> Session:
        made.append(Session(tmp_path / f"evidence{len(made)}", policy, unattended=unattended))
        return made[-1]

    yield make
    for each in made:
        each.log.close(time_us=each.clock.now_us())
