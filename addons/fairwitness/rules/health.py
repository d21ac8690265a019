"""How a host fares: its answers of late against what it gave before."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median

from fairwitness.rules.bounded import Recent

_ENDPOINTS = 64
_USUAL = 20  # latencies that make up what is usual at an endpoint
_LATE = 6  # the last ones, compared with them: a stall or two is no distress
_BEFORE = 8  # latencies that must be known before any is called slow
_SLOWER = 8.0
_SLOW_US = 1_500_000  # what is quicker is no distress, however quick it was before
_ANSWERS = 20  # of late, for the share of errors
_WELL_BEFORE = 10
_MINUTE_US = 60_000_000
_LASTS_US = 5_000_000  # a host that is slow for a moment only is in no distress
_WELL_AGAIN = 3
_SENT = 512  # requests of which it is known that they were answered well
_PACED, _PACED_US = 10, 10_000_000  # answers within: nobody is that fast by hand
_OVERLOADED = frozenset({0, 429, 502, 503, 504})


@dataclass(slots=True)
class _Pace:
    usual: deque[int] = field(default_factory=lambda: deque(maxlen=_USUAL))
    late: deque[int] = field(default_factory=lambda: deque(maxlen=_LATE))

    def add(self, latency_us: int, *, is_distressed: bool) -> None:
        if len(self.late) == _LATE and not is_distressed:
            self.usual.append(self.late[0])
        self.late.append(latency_us)

    @property
    def is_slow(self) -> bool:
        if len(self.usual) < _BEFORE or len(self.late) < _LATE:
            return False
        now_us = median(self.late)
        return now_us >= _SLOW_US and now_us >= _SLOWER * median(self.usual)


class Health:
    """One host.  A class, because it is measured against its own past; at most 64 endpoints are kept."""

    def __init__(self) -> None:
        self._paces: Recent[str, _Pace] = Recent(_ENDPOINTS)
        self._answers: deque[tuple[int, str, bool]] = deque(maxlen=_ANSWERS)
        self._well: Recent[str, int] = Recent(_ENDPOINTS)
        self._sent: Recent[int, bool] = Recent(_SENT)
        self._times: deque[int] = deque(maxlen=_PACED)
        self._well_in_a_row = 0
        self.distress: str = ""
        """What is wrong, for people; empty while nothing is."""
        self.since_us = 0
        self.last_us = 0
        self._slow_since_us = 0

    def take(self, endpoint: str, *, sent: int | None, status: int, latency_us: int, now_us: int) -> None:
        """An answer; *status* is 0 where none came, *sent* tells requests apart (None: it has no values).

        A bad answer counts where the request does not explain it: it was answered well before, or has no
        values that could be at fault, or a tool sends so many that the server is overloaded.
        """
        self._times.append(now_us)
        failed = status >= 500 or status in _OVERLOADED
        if sent is not None and (failed or latency_us >= _SLOW_US):
            if sent not in self._sent and not self._is_pressed(status if failed else 0):
                return
        elif sent is not None:
            self._sent.put(sent, True)
        pace = self._paces.get_or_make(endpoint, _Pace)
        pace.add(latency_us, is_distressed=bool(self.distress))
        self._answers.append((now_us, endpoint, failed))
        if not failed:
            self._well.put(endpoint, (self._well.get(endpoint) or 0) + 1)
        is_bad = failed or (latency_us >= _SLOW_US and pace.is_slow)
        self._well_in_a_row = 0 if is_bad else self._well_in_a_row + 1
        if not is_bad:
            self._slow_since_us = 0
        if self.distress and self._well_in_a_row >= _WELL_AGAIN:
            self.distress = ""
            self._answers.clear()
        elif is_bad:
            self._look(now_us)

    def _is_pressed(self, status: int) -> bool:
        """Whether it has more to do than it can, as far as an answer tells."""
        is_fast = len(self._times) == _PACED and self._times[-1] - self._times[0] <= _PACED_US
        return status == 429 or (is_fast and status in _OVERLOADED)

    def calm_down(self, now_us: int) -> None:
        """Without any bad answer for a minute, nothing is known to be wrong any more."""
        if self.distress and now_us - self.last_us > _MINUTE_US:
            self.distress = ""
            self._answers.clear()

    def _look(self, now_us: int) -> None:
        says = self._errors(now_us) or self._slowness(now_us)
        if says:
            if not self.distress:
                self.since_us = now_us
            self.distress, self.last_us = says, now_us
        elif self.distress:
            self.last_us = now_us

    def _errors(self, now_us: int) -> str:
        """Half of the last answers failed, at places that worked before."""
        late = [each for each in self._answers if now_us - each[0] <= _MINUTE_US]
        failed = [endpoint for _, endpoint, is_failed in late if is_failed]
        if len(late) < _WELL_BEFORE or len(failed) * 2 < len(late):
            return ""
        if sum(count for _, count in self._well.items()) < _WELL_BEFORE:
            return ""  # it never was any better
        worked = {endpoint for endpoint in failed if endpoint in self._well}
        if not worked or (len(set(failed)) == 1 and len({each for _, each, _ in late}) > 1):
            return ""  # one place that fails by itself, beside others that work
        return f"{len(failed)} of its last {len(late)} answers were errors, at places that worked before"

    def _slowness(self, now_us: int) -> str:
        paces = [pace for _, pace in self._paces.items() if len(pace.usual) >= _BEFORE]
        slow = [pace for pace in paces if pace.is_slow]
        if not slow or len(slow) * 2 < len(paces):
            self._slow_since_us = 0
            return ""  # one slow place beside others that are as quick as ever
        self._slow_since_us = self._slow_since_us or now_us
        if now_us - self._slow_since_us < _LASTS_US:
            return ""
        late_us, usual_us = median(slow[0].late), median(slow[0].usual)
        return f"it answers in {late_us / 1e6:.1f} s, before in {usual_us / 1e6:.2g} s"
