"""What a judgement is about: the few facts of a request, dial or start that flags need."""

from __future__ import annotations

from dataclasses import dataclass

from fairwitness.model.connection import Callers, Connection
from fairwitness.model.exchange import NO_EXCHANGE, Initiator, Request
from fairwitness.rules.endpoint import endpoint_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who did what, when."""

    exchange: str
    time_us: int
    host: str
    actor: str
    endpoint: str
    initiator: Initiator
    page: str | None = None

    @property
    def is_page_made(self) -> bool:
        """Whether a page asked for it by itself."""
        return self.initiator is Initiator.PAGE


def of_request(request: Request, *, time_us: int | None = None) -> Subject:
    """A request; *time_us* where it is judged later than it was received."""
    return Subject(
        exchange=request.exchange,
        time_us=request.received_us if time_us is None else time_us,
        host=request.host,
        actor=request.actor,
        endpoint=endpoint_of(request),
        initiator=request.initiator,
        page=request.page,
    )


def of_dial(connection: Connection) -> Subject:
    """A dial; nobody knows yet which request wants it."""
    client = connection.client
    return Subject(
        exchange=connection.connection,
        time_us=connection.dialled_us,
        host=connection.host,
        actor=f"label {client.label}" if client.label else client.address,
        endpoint=f"dial {connection.host}:{connection.port}",
        initiator=Initiator.TOOL,
    )


def of_callers(callers: Callers) -> Subject:
    """The connections of one client address."""
    return Subject(
        exchange=NO_EXCHANGE,
        time_us=callers.time_us,
        host="",
        actor=callers.address,
        endpoint=f"connections of {callers.address}",
        initiator=Initiator.TOOL,
    )


def of_start(now_us: int) -> Subject:
    """The session's start."""
    return Subject(
        exchange=NO_EXCHANGE,
        time_us=now_us,
        host="",
        actor="",
        endpoint="",
        initiator=Initiator.PERSON,
    )
