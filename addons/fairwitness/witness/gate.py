"""Whether anything may leave at all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import StrEnum

from fairwitness.model.verdict import Action, Clause, Verdict

_FAULTS = 3  # the same hook failing this often ...
_FAULTS_WITHIN_US = 60_000_000  # ... within a minute closes the gate


class GateState(StrEnum):
    """Where the gate stands."""

    STARTING = "starting"
    OPEN = "open"
    HALTED = "halted"
    CLOSED = "closed"


class Gate:
    """Open only between a complete start and the first failure.

    A class, because it can be closed from everywhere and must stay closed.
    """

    def __init__(self) -> None:
        self._is_started = False
        self._closed_because: str | None = None
        self._halted_because: str | None = None
        self._faults: dict[str, deque[int]] = {}
        self.when_shut: Callable[[], None] = lambda: None
        """Called once it is halted or closed, for what was let out and is still here."""

    @property
    def state(self) -> GateState:
        """Closed beats halted beats open."""
        if self._closed_because is not None:
            return GateState.CLOSED
        if not self._is_started:
            return GateState.STARTING
        return GateState.HALTED if self._halted_because is not None else GateState.OPEN

    @property
    def reason(self) -> str:
        """Why it is not open; empty while it is."""
        if self._closed_because is not None:
            return self._closed_because
        if not self._is_started:
            return "fairwitness has not finished its start"
        return self._halted_because or ""

    @property
    def is_open(self) -> bool:
        """Whether requests may be released."""
        return self.state is GateState.OPEN

    def open(self) -> None:
        """The start is complete.  A gate that was closed meanwhile stays closed."""
        self._is_started = True

    def close(self, reason: str) -> bool:
        """Let nothing out until the process has been started anew.  Whether this was the first reason."""
        if self._closed_because is not None:
            return False
        self._closed_because = reason
        self.when_shut()
        return True

    def halt(self, reason: str) -> None:
        """Let nothing out until `resume`."""
        self._halted_because = reason
        self.when_shut()

    def resume(self) -> bool:
        """End a halt.  Whether there was one."""
        was_halted = self._halted_because is not None
        self._halted_because = None
        return was_halted

    def fault(self, hook: str, *, now_us: int) -> bool:
        """Count a failure of *hook*.  Whether it has failed too often to go on."""
        times = self._faults.setdefault(hook, deque(maxlen=_FAULTS))
        times.append(now_us)
        return len(times) == _FAULTS and now_us - times[0] <= _FAULTS_WITHIN_US

    def verdict(self) -> Verdict | None:
        """The refusal while the gate is not open, None while it is."""
        state = self.state
        if state is GateState.OPEN:
            return None
        if state is GateState.HALTED:
            return Verdict(
                action=Action.HALT,
                clauses=(Clause("halt", None, "-"),),
                reason=f"everything is halted: {self.reason}",
                mend="fairwitness resume --reason TEXT",
            )
        return Verdict(
            action=Action.BLOCK,
            clauses=(Clause("gate", None, "-"),),
            reason=f"the gate is {state.value}: {self.reason}",
            mend="Stop fairwitness, mend the cause, start it again" if state is GateState.CLOSED else None,
        )
