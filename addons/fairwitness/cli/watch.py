"""Follows the files that a person edits while the proxy runs, and keeps its control socket in place."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from fairwitness.cli.faces import Face
from fairwitness.control.accounts_file import AccountsFile
from fairwitness.control.folder import socket_path
from fairwitness.control.policy_file import PolicyFile
from fairwitness.control.server import Server
from fairwitness.errors import PolicyError, StartError
from fairwitness.evidence import Log
from fairwitness.model.clock import SessionClock
from fairwitness.model.event import PolicyChanged, StoreState
from fairwitness.witness import Witness

_LOOK_S = 0.5  # between two looks


@dataclass(frozen=True, slots=True)
class Watch:
    """What is looked at, and who is told."""

    policy_file: PolicyFile
    book: AccountsFile
    witness: Witness
    face: Face
    clock: SessionClock
    server: Server
    log: Log

    def start(self) -> asyncio.Task[None]:
        """Look until the task is cancelled; where it ends in another way, the gate closes."""
        watching = asyncio.create_task(self._go_on())
        watching.add_done_callback(self._ended)
        return watching

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            await self._look_at_policy()
            self._look_at_accounts()
            await self._look_at_socket()

    def _ended(self, watching: asyncio.Task[None]) -> None:
        if watching.cancelling():
            return  # the session ends
        error = asyncio.CancelledError() if watching.cancelled() else watching.exception()
        # A policy that becomes narrower would not be followed.
        self.witness.close_gate(f"the policy file is not watched any more ({type(error).__name__})")

    async def _look_at_policy(self) -> None:
        try:
            await self.policy_file.look()
        except PolicyError as error:
            now_us = self.clock.now_us()
            self.face.tell(PolicyChanged(time_us=now_us, state="broken", sha256="", summary=str(error)))

    def _look_at_accounts(self) -> None:
        """Take what was written into the file by hand; what is broken is told, and the old ones stay."""
        try:
            accounts = self.book.look()
        except PolicyError as error:
            reason = f"the accounts stay as they were: {error}"
            self.face.tell(StoreState(time_us=self.clock.now_us(), state="warning", reason=reason))
        else:
            if accounts is not None:
                self.witness.adopt_accounts(accounts)

    async def _look_at_socket(self) -> None:
        """Make it again where it is gone or others could have touched it: no `halt` would arrive any more."""
        if self.server.is_in_place():
            return
        was_lost = self.server.is_lost
        try:
            await self.server.start_again(socket_path(Path(self.witness.evidence)))
            self.log.set_socket(str(self.server.path))
        except (StartError, OSError) as error:
            if not was_lost:
                self.witness.incident(
                    f"no halt reaches this proxy any more, only Ctrl-C and SIGTERM: {error}"
                )
        else:
            self.witness.incident(
                f"the control socket was gone or open to others, and is made again: {self.server.path}"
            )
