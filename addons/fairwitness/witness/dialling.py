"""Whether a connection may be made, beneath and beside the exchanges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fairwitness.errors import EvidenceError
from fairwitness.model.connection import Connection
from fairwitness.model.exchange import Destination
from fairwitness.model.verdict import Action, ScopeList, Verdict
from fairwitness.policy import PolicyInForce
from fairwitness.rules import Runner
from fairwitness.witness.combine import combine
from fairwitness.witness.keeper import Keeper


class Dialling:
    """Asks of every dial what is asked of a request.

    A class, because policy, rules, gate and log must be asked together.
    """

    def __init__(self, policy: PolicyInForce, runner: Runner, keeper: Keeper) -> None:
        self._policy = policy
        self._runner = runner
        self._keeper = keeper
        self._log = keeper.log
        self._gate = keeper.gate

    async def ask(self, connection: Connection, destinations: Sequence[Destination]) -> Verdict:
        """Whether to connect.  A yes is in the log, committed, before a name is looked up."""
        verdict = self._gate.verdict() or self._policy.decide(destinations)
        if verdict.is_released:
            connection = replace(
                connection, scope_list=verdict.scope_list.value if verdict.scope_list else ""
            )
            judgement = self._runner.judge_dial(connection)
            self._keeper.record_judgement(judgement, connection.connection)
            verdict = combine(verdict, judgement)
        if verdict.action >= Action.HOLD:
            return replace(verdict, action=max(verdict.action, Action.BLOCK))
        try:
            self._log.append_connection(connection, verdict=verdict)
            await self._log.commit()
        except EvidenceError as error:
            return self._keeper.failed(error)
        again = self._gate.verdict() or self._policy.decide(destinations)
        return verdict if again.is_released else again

    def ended(self, connection: Connection) -> None:
        """A connection closed or failed."""
        self._keeper.record(lambda: self._log.append_connection_end(connection))

    def refuse_addresses(
        self, host: str, port: int, scope_list: ScopeList | None, addresses: Sequence[str]
    ) -> str | None:
        """Why a name that resolves to these addresses must not be dialled; None: it may."""
        return self._policy.refuse_addresses(host, port, scope_list, addresses)

    def override(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses that --resolve gives; none: ask DNS."""
        return self._policy.override(host, port)
