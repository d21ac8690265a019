"""What the rules see again at a start."""

from __future__ import annotations

from pathlib import Path

from fairwitness.evidence import Keep
from fairwitness.evidence.testing import ALLOWED, NOON_US, make_exchange, make_request, open_log
from fairwitness.model.exchange import Request
from fairwitness.rules import Knowledge, Runner
from fairwitness.rules.testing import make_policy
from fairwitness.witness import replay


class Forgetful(Knowledge):
    """Has a bug; a class, because it notes who came by."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[bytes] = []

    def who(self, request: Request, *, in_scope: bool) -> Request:
        """Fails for one of them."""
        self.seen.append(request.target)
        if request.target == b"/1":
            raise RecursionError
        return super().who(request, in_scope=in_scope)


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
