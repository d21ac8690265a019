"""How fast: a leaky bucket in which a place is reserved for everything that waits."""

from __future__ import annotations

from bisect import bisect_left

from fairwitness.model.policy import Meter, Rate

_REMEMBERED_US = (
    130_000_000  # longer than a hold and a throttle together: until then a place may be given back
)
_MOMENTS = 4096  # remembered at most; limits that let more through in two minutes wait hardly ever
_RING = 256  # attempts remembered for the share of a limit; above it every k-th one is


def spacing_us(rate: Rate) -> int:
    """Microseconds between two requests at exactly this rate, rounded up: never faster than allowed."""
    return -(-rate.per_us // rate.count)


def at_once(rate: Rate, burst: int | None) -> int:
    """How many may go at once: the burst, or one second's worth where none is written."""
    return max(1, burst if burst is not None else rate.count * 1_000_000 // rate.per_us)


class Bucket:
    """Lets a burst through and then a steady rate.

    In any stretch of time at most ``at_once`` requests plus the rate times the stretch are released.
    A request that must wait reserves the moment of its release.  One that waits for another limit
    takes its place in this one then, not now, and others may still go before it.
    """

    __slots__ = ("_after", "_before", "_full_from", "_full_until", "_gap", "_slots", "_tolerance")

    def __init__(self, meter: Meter) -> None:
        self._after = 0
        """When the bucket will have drained, from all that was released."""
        self._slots: list[int] = []
        """Moments that are reserved, in order."""
        self._before: list[int] = []
        """For each of them: when the bucket will have drained, seen from just before it."""
        self._full_from = 0
        self._full_until = 0
        """Known to have no room in between, so that a queue is not searched again from its head."""
        self._gap = 1
        self.tune(meter, now_us=0)

    def tune(self, meter: Meter, *, now_us: int) -> None:
        """Follow another limit; what is in the bucket stays in it, and what is reserved keeps its place."""
        assert meter.rate is not None
        self.settle(now_us)
        content = -(-max(0, self._after - now_us) // self._gap)
        self._gap = spacing_us(meter.rate)
        self._after = now_us + content * self._gap
        self._tolerance = self._gap * (at_once(meter.rate, meter.burst) - 1)
        self._full_until = 0
        self._recount(0, self._after)

    def settle(self, now_us: int) -> None:
        """Count what was reserved up to now as released."""
        if not self._slots or self._slots[0] > now_us:
            return
        passed = bisect_left(self._slots, now_us + 1)
        last = passed - 1
        self._after = max(self._before[last], self._slots[last]) + self._gap
        del self._slots[:passed], self._before[:passed]

    def earliest(self, from_us: int) -> int:
        """The first moment from *from_us* on at which one more fits and every reserved one stays.

        Call `settle` with the present moment first.
        """
        if not self._slots:
            return max(from_us, self._after - self._tolerance)
        is_known = self._full_from <= from_us < self._full_until
        moment = self._first_gap(self._full_until if is_known else from_us)
        if moment > from_us:
            if not is_known:
                self._full_from = from_us
            self._full_until = moment
        return moment

    def reserve(self, moment_us: int) -> None:
        """Take a place that `earliest` gave."""
        if not self._slots:
            self._slots.append(moment_us)
            self._before.append(self._after)
            return
        place = bisect_left(self._slots, moment_us)
        drained = self._before[place] if place < len(self._slots) else self._end()
        self._slots.insert(place, moment_us)
        self._before.insert(place, drained)
        self._recount(place, drained)

    def give_back(self, moment_us: int) -> None:
        """Free a reserved place again; one whose moment has passed stays counted."""
        place = bisect_left(self._slots, moment_us)
        if place < len(self._slots) and self._slots[place] == moment_us:
            drained = self._before[place]
            del self._slots[place], self._before[place]
            self._full_until = 0  # a gap has opened
            self._recount(place, drained)

    def level(self, now_us: int) -> tuple[int, int]:
        """How many released requests are in it, and how many wait for their place."""
        passed = bisect_left(self._slots, now_us + 1)
        drained = (
            max(self._before[passed - 1], self._slots[passed - 1]) + self._gap if passed else self._after
        )
        return max(0, -(-(drained - now_us) // self._gap)), len(self._slots) - passed

    def _end(self) -> int:
        if not self._slots:
            return self._after
        return max(self._before[-1], self._slots[-1]) + self._gap

    def _recount(self, place: int, drained: int) -> None:
        for index in range(place, len(self._slots)):
            if index > place and self._before[index] == drained:
                return
            self._before[index] = drained
            drained = max(drained, self._slots[index]) + self._gap

    def _first_gap(self, from_us: int) -> int:
        place = bisect_left(self._slots, from_us)
        while place < len(self._slots):
            moment = max(from_us, self._before[place] - self._tolerance)
            blocker = self._blocker(place, moment)
            if blocker is None:
                return moment
            place = blocker + 1  # a later place before the blocker would push it away just as well
        return max(from_us, self._end() - self._tolerance)

    def _blocker(self, place: int, moment: int) -> int | None:
        if moment > self._slots[place]:
            return place
        drained = max(self._before[place], moment) + self._gap
        for index in range(place, len(self._slots)):
            if drained <= self._before[index]:
                return None
            if self._slots[index] < drained - self._tolerance:
                return index
            drained = max(drained, self._slots[index]) + self._gap
        return None


class Attempts:
    """How many requests were tried lately, whether they were released or not.

    Remembers the last *limit* moments; a limit above 256 is watched by every k-th attempt, which is
    exact to that many.  "Near" is four fifths of the limit.
    """

    __slots__ = ("_every", "_near", "_next", "_over", "_since", "_times")

    def __init__(self, limit: int) -> None:
        self._every = -(-limit // _RING)
        self._near = max(2, -(-limit * 4 // 5)) // self._every  # 80 %; a first request is never near anything
        self._over = limit // self._every + 1
        self._times: list[int] = []
        self._next = 0
        self._since = 0

    def add(self, now_us: int) -> None:
        """One more."""
        self._since += 1
        if self._since % self._every:
            return
        if len(self._times) < self._over:
            self._times.append(now_us)
        else:
            self._times[self._next % self._over] = now_us
        self._next += 1

    def is_near(self, since_us: int) -> bool:
        """Whether four fifths of the limit were tried after *since_us*."""
        return self._happened(self._near, since_us)

    def is_over(self, since_us: int) -> bool:
        """Whether more than the limit were tried after *since_us*."""
        return self._happened(self._over, since_us)

    def _happened(self, times: int, since_us: int) -> bool:
        if times > len(self._times):
            return False
        return self._times[(self._next - times) % self._over] > since_us
