"""Whether anything may leave at all."""

from fairwitness.model.verdict import Action
from fairwitness.witness.gate import Gate, GateState

SECOND_US = 1_000_000


def test_nothing_leaves_before_the_start_is_complete() -> None:
    """A new gate refuses, and says why."""
    gate = Gate()
    verdict = gate.verdict()

    assert GateState.STARTING == gate.state
    assert verdict is not None
    assert Action.BLOCK == verdict.action
    assert "start" in verdict.reason


def test_a_closed_gate_does_not_open_again() -> None:
    """Neither by the end of the start nor by a resume; the first reason stays."""
    gate = Gate()
    assert gate.close("the store failed")
    assert not gate.close("another reason")
    gate.open()
    gate.halt("x")
    gate.resume()

    assert (GateState.CLOSED, "the store failed") == (gate.state, gate.reason)


def test_a_halt_blocks_until_resume() -> None:
    """The verdict is halt, and names how to end it."""
    gate = Gate()
    gate.open()
    gate.halt("phone rang")
    verdict = gate.verdict()

    assert verdict is not None
    assert (Action.HALT, "fairwitness resume --reason TEXT") == (verdict.action, verdict.mend)
    assert gate.resume()
    assert gate.verdict() is None
    assert not gate.resume()


def test_three_faults_of_one_hook_within_a_minute_are_too_many() -> None:
    """The third within 60 s counts; slower ones, and those of other hooks, do not."""
    gate = Gate()

    assert [False, False, True] == [gate.fault("request", now_us=at * SECOND_US) for at in (0, 30, 60)]
    assert [False, False, False] == [gate.fault("response", now_us=at * SECOND_US) for at in (0, 31, 62)]
    assert not gate.fault("error", now_us=62 * SECOND_US)
