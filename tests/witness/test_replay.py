"""What the rules see again at a start."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from fairwitness.evidence import Keep
from fairwitness.evidence.testing import ALLOWED, NOON_US, make_exchange, make_request, open_log
from fairwitness.model.exchange import Request
from fairwitness.model.flag import Severity, Sighting
from fairwitness.model.verdict import Action
from fairwitness.rules import Knowledge, Rule, Runner
from fairwitness.rules.knowledge import Ask, straight
from fairwitness.rules.testing import make_line, make_policy
from fairwitness.witness import replay


class Forgetful(Knowledge):
    """Has a bug; a class, because it notes who came by."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[bytes] = []

    def who(self, request: Request, *, in_scope: bool, ask: Ask = straight) -> Request:
        """Fails for one of them."""
        self.seen.append(request.target)
        if request.target == b"/1":
            raise RecursionError
        return super().who(request, in_scope=in_scope, ask=ask)


class Strict(Rule):
    """Flags whatever it sees."""

    name = "window"
    summary = "for a test"

    def on_request(self, request: Request) -> Iterable[Sighting]:
        """One sighting each."""
        yield Sighting(
            rule=self.name, severity=Severity.CHECK, says="seen", advice="-", shown_by=(), reach="here"
        )


def test_flags_are_raised_although_the_log_could_not_be_read_again(tmp_path: Path) -> None:
    """A replay that ends before it began is over."""
    log = open_log(tmp_path / "evidence")
    log.commit_now()
    log._journal.store.fail(OSError("broken"))
    policy = make_policy(rules=[make_line("window", Action.WARN)])
    runner = Runner(policy, next_flag=7, now_us=NOON_US, rules=[Strict])

    said = replay(log, runner, now_us=NOON_US)
    judgement = runner.judge_request(make_request(), in_scope=True)

    log.close(time_us=NOON_US)
    assert "without what was seen before" in (said or "")
    assert ["f7"] == [flag.flag for flag in judgement.new_flags]


def test_a_bug_in_the_replay_costs_one_exchange_and_is_told(tmp_path: Path) -> None:
    """The start goes on, with what the others teach."""
    log = open_log(tmp_path / "evidence")
    for number in range(3):
        request = make_request(target=b"/%d" % number, at_us=NOON_US + number)
        log.append_request(request, verdict=ALLOWED, released_us=NOON_US + number, keep=Keep.WHOLE)
        log.append_response(make_exchange(request), body=None, keep=Keep.WHOLE)
    log.commit_now()
    known = Forgetful()
    runner = Runner(make_policy(), next_flag=1, now_us=NOON_US + 9, known=known)

    said = replay(log, runner, now_us=NOON_US + 9)

    log.close(time_us=NOON_US + 9)
    assert [b"/0", b"/1", b"/2"] == known.seen
    assert "without 1 of the exchanges that were seen before (the first: a bug at exchange 2)" in (said or "")


def test_a_bug_in_what_is_known_is_told_of_the_replay_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one lesson could not learn again is missing afterwards."""

    def broken(*_: object, **__: object) -> None:
        raise KeyError("secret of the traffic")

    log = open_log(tmp_path / "evidence")
    request = make_request(at_us=NOON_US)
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.append_response(make_exchange(request), body=None, keep=Keep.WHOLE)
    log.commit_now()
    runner = Runner(make_policy(), next_flag=1, now_us=NOON_US + 9)
    monkeypatch.setattr(runner.known.initiators, "judge", broken)

    said = replay(log, runner, now_us=NOON_US + 9)

    log.close(time_us=NOON_US + 9)
    assert "a bug at exchange 1" in (said or "")
