"""window: nothing leaves outside the dates for which the program gave its permission."""

from __future__ import annotations

from collections.abc import Iterator

from fairwitness.model.clock import iso_us
from fairwitness.model.connection import Connection
from fairwitness.model.exchange import Request
from fairwitness.model.flag import Pointer, Severity, Sighting
from fairwitness.model.policy import Policy
from fairwitness.model.verdict import Clause
from fairwitness.rules.rule import Rule, Where
from fairwitness.rules.words import head_of, reach_of


class Window(Rule):
    """Compares each dial's and each request's own time with the permitted dates."""

    name = "window"
    summary = "request or dial outside the permitted dates"
    where = Where.EVERYWHERE
    acts_without_says = True
    judges_afresh = True

    @classmethod
    def for_policy(cls, policy: Policy) -> Window | None:
        """None where the policy names no dates."""
        return cls(policy) if policy.window is not None else None

    @classmethod
    def clause(cls, policy: Policy) -> Clause:
        """The line with the dates."""
        return policy.window.clause if policy.window is not None else super().clause(policy)

    def at_start(self, now_us: int) -> Iterator[Sighting]:
        """Say at once that nothing will pass."""
        yield from self._see(now_us, reach="all requests", shown_by=())

    def on_connection(self, connection: Connection) -> Iterator[Sighting]:
        """A dial."""
        where = f"{connection.host}:{connection.port}"
        shown_by = (Pointer(connection.connection, "connection"),)
        yield from self._see(connection.dialled_us, reach=f"dials to {where}", shown_by=shown_by)

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """A request."""
        if self._outside(request.received_us) is not None:
            yield from self._see(request.received_us, reach=reach_of(request), shown_by=head_of(request))

    def _see(self, time_us: int, *, reach: str, shown_by: tuple[Pointer, ...]) -> Iterator[Sighting]:
        outside = self._outside(time_us)
        if outside is None:
            return
        yield Sighting(
            rule=self.name,
            severity=Severity.STOP,
            says=f"{iso_us(time_us)} is {outside}",
            advice="Wait for the permitted dates, or ask the program for others.",
            shown_by=shown_by,
            reach=reach,
            group=outside,
        )

    def _outside(self, time_us: int) -> str | None:
        window = self.policy.window
        if window is None:
            return None
        if window.from_us is not None and time_us < window.from_us:
            return f"before the permitted dates, which begin {iso_us(window.from_us)}"
        if window.until_us is not None and time_us >= window.until_us:
            return f"after the permitted dates, which ended {iso_us(window.until_us)}"
        return None
