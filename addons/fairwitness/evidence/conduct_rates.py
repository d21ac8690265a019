"""The most requests within one window, against the limit that was in force then."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fairwitness.model.conduct import PolicyChange, TopRate
from fairwitness.model.policy import Rate

ALL_HOSTS = "*"
_SECOND_US = 1_000_000
_LONGEST_US = 3_600_000_000  # a budget a day is no rate: it is counted over an hour


@dataclass(frozen=True, slots=True)
class _Limit:
    """What a meter lets through, and within which window that is counted."""

    text: str | None
    window_us: int
    allowed: int | None
    is_courtesy: bool


_NONE = _Limit(None, _SECOND_US, None, True)


@dataclass(slots=True)
class _Window:
    """What went to one host lately.  Not frozen: it moves."""

    limit: _Limit
    moments: deque[int] = field(default_factory=deque)

    def add(self, time_us: int) -> int:
        """How many there are in the window that ends with this one."""
        moments = self.moments
        if moments and time_us < moments[-1]:
            moments.clear()  # the clock of another session: what lies in its future is not counted with it
        moments.append(time_us)
        oldest = time_us - self.limit.window_us
        while moments[0] <= oldest:
            moments.popleft()
        return len(moments)


def top_rates(
    tested: Iterable[tuple[int, int, int, str]], policies: Sequence[PolicyChange]
) -> tuple[TopRate, ...]:
    """The top of each host and of all together, for each limit that was in force; the fastest first.

    Args:
        tested: Number, time, session and host of each request, in the order of the log.
        policies: All policies of the log, oldest first.
    """
    tops: dict[tuple[str, _Limit], TopRate] = {}
    windows: dict[str, _Window] = {}
    waiting = [each for each in policies if not each.is_waiting and each.digest is not None]
    limits, at = {ALL_HOSTS: _NONE, "": _NONE}, 0
    known_session = 0
    for number, time_us, session, host in tested:
        while at < len(waiting) and (waiting[at].session, waiting[at].time_us) <= (session, time_us):
            limits, at = _limits_of(waiting[at]), at + 1
        if session != known_session:
            windows, known_session = {}, session
        for name in (host, ALL_HOSTS):
            limit = limits[ALL_HOSTS if name == ALL_HOSTS else ""]
            window = windows.get(name)
            if window is None or window.limit != limit:
                window = windows[name] = _Window(limit)
            most = window.add(time_us)
            known = tops.get((name, limit))
            if known is None or most > known.most:
                tops[name, limit] = _top(name, limit, most, time_us, number)
    return tuple(sorted(tops.values(), key=_order))


def _order(top: TopRate) -> tuple[float, str, int]:
    return -top.most / top.window_us, top.host, top.id


def _top(host: str, limit: _Limit, most: int, time_us: int, number: int) -> TopRate:
    return TopRate(
        host=host,
        most=most,
        window_us=limit.window_us,
        at_us=time_us,
        id=number,
        limit=limit.text,
        allowed=limit.allowed,
        is_courtesy=limit.is_courtesy,
    )


def _limits_of(policy: PolicyChange) -> dict[str, _Limit]:
    digest = policy.digest
    assert digest is not None
    return {
        "": _limit(digest.rate_per_host, digest.at_once, digest.is_courtesy),
        ALL_HOSTS: _limit(digest.rate_total, digest.total_at_once, digest.total_is_courtesy),
    }


def _limit(rate: tuple[int, int] | None, at_once: int, is_courtesy: bool) -> _Limit:
    if rate is None:
        return _NONE
    count, per_us = rate
    window_us = min(per_us, _LONGEST_US)
    # What a full bucket lets through at once, and what drains from it meanwhile.
    allowed = at_once + -(-count * window_us // per_us)
    return _Limit(str(Rate(count, per_us)), window_us, allowed, is_courtesy)
