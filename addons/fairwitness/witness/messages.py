"""Whether a WebSocket or TCP message may go on."""

from __future__ import annotations

from fairwitness.errors import EvidenceError
from fairwitness.model.message import Direction, Message
from fairwitness.model.verdict import Action
from fairwitness.rules import Runner
from fairwitness.witness.asked import Asked, keep_of
from fairwitness.witness.keeper import Keeper


class Messages:
    """Asks of every message what its exchange was asked.  A class, for what it shares with the conductor."""

    def __init__(self, runner: Runner, keeper: Keeper) -> None:
        self._runner = runner
        self._keeper = keeper
        self._log = keeper.log
        self._gate = keeper.gate

    async def ask(self, asked: Asked, message: Message) -> bool:
        """Record a message.  Whether it may go on; one that is sent is committed before."""
        judgement = self._runner.judge_message(message, asked.request)
        self._keeper.record_judgement(judgement, asked.request.exchange)
        is_sent = message.direction is Direction.SENT
        if is_sent and (judgement.action >= Action.HOLD or not self._gate.is_open):
            self._keeper.note(
                f"message {message.number} was blocked: {judgement.reason or self._gate.reason}",
                exchange=asked.request.exchange,
            )
            return False
        try:
            self._log.append_message(message, keep=keep_of(asked.verdict), flags=judgement.flags)
            if is_sent:
                await self._log.commit()
            else:
                self._keeper.record(lambda: None)
        except EvidenceError as error:
            self._keeper.failed(error)
            return False
        return self._gate.is_open
