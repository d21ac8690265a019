"""Tests of fairwitness.rules.server_distress and health: a host against its own past."""

from __future__ import annotations

import pytest

from fairwitness.model.flag import Severity
from fairwitness.model.verdict import Action
from fairwitness.rules import Judgement, Runner
from fairwitness.rules.server_distress import ServerDistress, is_challenge, retry_after_us
from fairwitness.rules.testing import NOON_US, make_exchange, make_line, make_policy, make_request

SECOND = 1_000_000


class Session:
    """Sends one request a second, or as fast as is said, and says what was decided."""

    def __init__(self, *, pause_us: int = SECOND) -> None:
        self.pause_us = pause_us
        policy = make_policy(rules=[make_line("server-distress", Action.HOLD)])
        self.runner = Runner(policy, next_flag=1, now_us=NOON_US, rules=[ServerDistress])
        self.now_us = NOON_US

    def send(
        self,
        path: str = "/a",
        *,
        status: int = 200,
        took_us: int = 20_000,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        body: bytes = b"",
        waited_us: int = 0,
    ) -> Judgement:
        """A request that the server answers after *took_us*, counted from its release."""
        self.now_us += self.pause_us
        request = make_request(f"https://shop.test{path}", at_us=self.now_us)
        judged = self.runner.judge_request(request, in_scope=True)
        if judged.action < Action.HOLD:
            self.runner.started(request, time_us=self.now_us + waited_us)
            exchange = make_exchange(
                request, status=status, headers=headers, body=body, after_us=waited_us + took_us
            )
            self.runner.judge_response(exchange)
            self.now_us += waited_us + took_us
        return judged

    @property
    def flags(self) -> list[tuple[Severity, Action]]:
        """What was flagged."""
        return [(flag.severity, flag.action) for flag in self.runner.flags]


def test_host_that_errs_after_it_worked_slows_the_test_and_lets_go():
    """Errors at several places that worked: throttled, until three answers are good again."""
    session = Session()
    for i in range(15):
        session.send(f"/p{i % 3}x")
    for i in range(12):
        session.send(f"/p{i % 3}x", status=500)
    sick = session.send("/p0x")
    session.send("/p1x")
    session.send("/p2x")
    well = session.send("/p0x")

    assert (Action.THROTTLE, Action.ALLOW) == (sick.action, well.action)
    assert sick.delay_us > 0


def test_host_that_errs_by_itself_is_only_noted() -> None:
    """Somebody who clicks now and then has not brought it down."""
    session = Session(pause_us=5 * SECOND)
    for i in range(60):
        judged = session.send(f"/p{i % 5}x", status=502 if i > 20 and i % 3 else 200)
        assert judged.action is Action.ALLOW

    assert {Severity.INFO} == {severity for severity, _ in session.flags}


def test_host_that_slows_down_slows_the_test():
    """Twenty milliseconds became two seconds."""
    session = Session()
    for _ in range(20):
        session.send()
    for _ in range(10):
        session.send(took_us=2 * SECOND)

    assert Action.THROTTLE is session.send().action


def test_distress_that_lasts_is_held():
    """Slowed down for a minute and a half, and no better: a person must look."""
    session = Session()
    for _ in range(20):
        session.send()
    judged = [session.send(took_us=4 * SECOND) for _ in range(40)]

    assert Action.HOLD is judged[-1].action
    assert Action.THROTTLE in {each.action for each in judged}


@pytest.mark.parametrize("status", [500, 200])
def test_host_that_was_never_better_is_in_no_distress(status: int):
    """It always errs, or is always slow: that is how it is."""
    session = Session()
    for i in range(60):
        session.send(f"/p{i % 3}x", status=status, took_us=3 * SECOND)

    assert session.flags == []


def test_one_place_that_fails_beside_others_is_no_distress():
    """A report is slow and one page is broken; the rest is as it was."""
    session = Session()
    for i in range(20):
        session.send(f"/p{i % 3}x")
    for i in range(30):
        session.send(f"/p{i % 3}x")
        session.send("/report", took_us=5 * SECOND)
        session.send("/p0x/broken", status=500)

    assert session.flags == []


def test_errors_that_payloads_cause_are_no_distress():
    """Testing for injection by hand makes 500s: that is what it is for."""
    session = Session()
    for i in range(20):
        session.send(f"/p{i % 3}x")
    for i in range(20):
        session.send(f"/p{i % 3}x?id={i}%27%20or%20{i}={i}--", status=500)

    assert session.flags == []


def test_errors_of_odd_values_by_hand_are_no_distress():
    """Fuzzing one field or two, with nothing that looks like an attack: the values are at fault."""
    session = Session()
    for i in range(15):
        session.send(f"/item?id={i}")
        session.send(f"/user?name=n{i}")
    for value in ("abc", "-1", "1.5", "null", "1e9", "[]", "{}", "0x1", "NaN", "true", "9" * 20):
        session.send(f"/item?id={value}", status=500)
        session.send(f"/user?name={value}", status=500)

    assert session.flags == []


def test_slow_answers_to_new_values_are_no_distress():
    """A server that is asked to fetch addresses that do not answer takes its time."""
    session = Session()
    for i in range(20):
        session.send(f"/fetch?from=a{i}")
    for i in range(12):
        session.send(f"/fetch?from=b{i}", took_us=5 * SECOND, status=504)
        session.send(f"/fetch?from=c{i}", took_us=5 * SECOND)

    assert session.flags == []


def test_request_that_worked_before_and_fails_now_is_distress():
    """One place and always the same values: they are not at fault."""
    session = Session()
    for _ in range(20):
        session.send("/item?id=1")
    for _ in range(12):
        session.send("/item?id=1", status=500)

    assert Action.THROTTLE is session.send("/item?id=1").action


def test_overload_by_a_tool_that_never_repeats_itself_is_distress():
    """A load test with a random number in each request."""
    session = Session(pause_us=SECOND // 10)
    for i in range(20):
        session.send(f"/item?id={i}")
    for i in range(12):
        session.send(f"/item?id={100 + i}", status=503)

    assert Action.THROTTLE is session.send("/item?id=999").action


def test_our_own_waiting_is_not_the_servers():
    """A request that we held back for ten seconds was answered at once."""
    session = Session()
    for _ in range(20):
        session.send()
    for _ in range(15):
        session.send(waited_us=10 * SECOND)

    assert session.flags == []


def test_retry_after_is_honoured_to_the_second():
    """Until it is over requests wait; then nothing is left of it."""
    session = Session()
    session.send(status=503, headers=((b"retry-after", b"30"),))
    waits = session.send()
    session.now_us += 30 * SECOND
    after = session.send()

    assert (Action.THROTTLE, Action.ALLOW) == (waits.action, after.action)
    assert 28 * SECOND < waits.delay_us < 30 * SECOND


def test_long_pause_is_answered_with_429_and_a_very_long_one_asks():
    """Nobody's client waits ten minutes; after a quarter of an hour the researcher decides."""
    session, other = Session(), Session()
    session.send(status=429, headers=((b"retry-after", b"600"),))
    other.send(status=429, headers=((b"retry-after", b"86400"),))

    told = session.send()
    assert (Action.BLOCK, True) == (told.action, told.retry_after_us > 500 * SECOND)
    assert Action.HOLD is other.send().action


def test_challenge_of_a_waf_is_no_distress():
    """A page that asks who is there."""
    session = Session()
    for _ in range(30):
        session.send(status=503, headers=((b"cf-mitigated", b"challenge"), (b"retry-after", b"60")))
        session.send(status=403, body=b"<title>Just a moment...</title>")

    assert session.flags == []


def test_retry_after_can_be_a_date():
    """RFC 9110 allows both; nonsense asks for nothing."""
    seen = [
        retry_after_us(
            make_exchange(make_request(), status=503, headers=((b"retry-after", said),)).response,  # type: ignore[arg-type]
            now_us=NOON_US,
        )
        for said in (b"Tue, 24 Nov 2026 12:01:00 GMT", b"120", b"soon", b"-5", b"9" * 400)
    ]

    assert [60 * SECOND, 120 * SECOND, 0, 0] == seen[:4]
    assert seen[4] > 0


def test_challenge_is_told_from_an_error():
    """An ordinary 503 is none."""
    plain = make_exchange(make_request(), status=503, body=b"busy").response

    assert plain is not None
    assert not is_challenge(plain)
