"""What one actor did lately: the evidence by which a scanner is told from a person, and its score.

No single trait is enough: people mistype paths, try a handful of payloads, and use curl.  What tells a tool
is how much of it comes in how short a time, and in how many kinds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from fairwitness.rules.bounded import Recent

MINUTE_US = 60_000_000
SPAN_US = 10 * MINUTE_US  # what is older tells nothing
WALK_US = 10_000_000
WALK = 15  # different addresses that no person asks for within that
_BURST_US = 2_000_000
_KEPT = 600  # observations of one kind
HAND_US = 1_000_000  # no hand sends two different payloads within that
_PATHS = 2048  # that an actor has been given


class Kind(StrEnum):
    """What was seen."""

    MISS = "paths that miss"
    PAYLOAD = "payloads"
    HURRIED = "payloads less than a second after another"
    FAMILY = "families of payloads"
    CROWDED = "requests with payloads of several families at once"
    NAME = "new parameter names at one place"
    NAMES = "requests with dozens of parameters"
    VALUE = "values of one parameter"
    PROBE = "paths that scanners look for"
    METHOD = "unusual methods"
    REFUSED = "methods that a path refuses"
    ERROR = "server errors"
    BAD = "requests that make no sense to the server"
    ASKED = "different addresses"
    UNREFERRED = "linked addresses without the Referer that a browser sends"
    CALLBACK = "call-back hosts"


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a score."""

    points: int
    says: str


@dataclass(slots=True)
class _Seen:
    """The distinct things of one kind, with the time of each one's first sighting in the span."""

    times: dict[Hashable, int] = field(default_factory=dict)
    order: deque[tuple[int, Hashable]] = field(default_factory=deque)

    def add(self, what: Hashable, now_us: int) -> None:
        while self.order and (now_us - self.order[0][0] > SPAN_US or len(self.order) >= _KEPT):
            _, oldest = self.order.popleft()
            self.times.pop(oldest, None)
        if what not in self.times:
            self.times[what] = now_us
            self.order.append((now_us, what))

    def within(self, span_us: int, now_us: int) -> int:
        count = 0
        for time_us, _ in reversed(self.order):
            if now_us - time_us > span_us:
                break
            count += 1
        return count


class Trail:
    """The observations of one actor.  A class, because they add up; at most 600 of each kind are kept."""

    def __init__(self) -> None:
        self._seen: dict[Kind, _Seen] = {}
        self.given: Recent[str, bool] = Recent(_PATHS)
        """Paths that answered as if there were something."""
        self.alike: Recent[Hashable, set[str]] = Recent(64)
        """Answers that look the same, with the unlinked paths that gave them."""
        self.names: Recent[str, set[str]] = Recent(64)
        """Parameter names by place."""
        self.traits: set[str] = set()
        """How it differs from the browser that it says it is."""
        self.tool: str | None = None
        """The scanner that it named."""
        self.tried_us = 0
        """When its latest payload came."""
        self.stopped_until_us = 0
        """While its requests for what it was never given are refused."""

    def note(self, kind: Kind, what: Hashable, now_us: int) -> None:
        """One more, unless it was seen before."""
        self._seen.setdefault(kind, _Seen()).add(what, now_us)

    def count(self, kind: Kind, now_us: int, *, span_us: int = SPAN_US) -> int:
        """How many different ones within the span until now."""
        seen = self._seen.get(kind)
        return seen.within(span_us, now_us) if seen else 0

    def score(self, now_us: int) -> tuple[Part, ...]:
        """The parts that speak for a tool at work; none where nothing does."""
        if self.tool:
            return (Part(12, f"it names itself {self.tool}"),)
        parts = tuple(self._parts(now_us))
        if parts and self.traits:
            traits = sorted(self.traits)[:2]
            parts += tuple(Part(1, each) for each in traits)
        return parts

    def _parts(self, now_us: int) -> Iterator[Part]:
        yield from self._steps(
            Kind.MISS, now_us, minute=((20, 8), (12, 5), (8, 3)), span=((40, 8), (25, 5), (15, 3))
        )
        yield from self._steps(Kind.HURRIED, now_us, minute=((12, 8), (8, 6), (3, 3)))
        yield from self._steps(Kind.PAYLOAD, now_us, minute=(), span=((60, 6), (40, 3)))
        burst = self.count(Kind.PAYLOAD, now_us, span_us=_BURST_US)
        if burst >= 3:
            yield Part(3, f"{burst} payloads within {_BURST_US // 1_000_000} s")
        yield from self._steps(Kind.FAMILY, now_us, minute=((5, 3), (3, 1)))
        yield from self._steps(Kind.CROWDED, now_us, minute=((2, 6), (1, 4)))
        yield from self._steps(Kind.NAMES, now_us, minute=((3, 10), (2, 7), (1, 4)))
        yield from self._steps(Kind.NAME, now_us, minute=((40, 9), (20, 6), (12, 3)))
        yield from self._steps(Kind.VALUE, now_us, minute=((40, 3), (15, 2)))
        yield from self._steps(Kind.PROBE, now_us, minute=((8, 8), (4, 5), (2, 2)), span=((12, 8), (6, 4)))
        yield from self._steps(Kind.METHOD, now_us, minute=((3, 4), (1, 2)))
        yield from self._steps(Kind.REFUSED, now_us, minute=((10, 6), (5, 4)))
        yield from self._steps(Kind.ERROR, now_us, minute=((10, 3), (5, 2)))
        yield from self._steps(Kind.BAD, now_us, minute=((20, 4), (10, 2)))
        yield from self._steps(Kind.CALLBACK, now_us, minute=((1, 1),))
        asked = self.count(Kind.ASKED, now_us, span_us=WALK_US)
        if asked >= WALK:
            yield Part(2, f"{asked} different addresses in {WALK_US // 1_000_000} s")
            bare = self.count(Kind.UNREFERRED, now_us, span_us=WALK_US)
            if bare >= WALK:
                yield Part(4, f"{bare} {Kind.UNREFERRED.value}")

    def is_walking(self, now_us: int) -> bool:
        """Whether it asks for one address after another faster than a person can."""
        return self.count(Kind.ASKED, now_us, span_us=WALK_US) >= WALK

    def _steps(
        self,
        kind: Kind,
        now_us: int,
        *,
        minute: tuple[tuple[int, int], ...],
        span: tuple[tuple[int, int], ...] = (),
    ) -> Iterator[Part]:
        """The points of the highest step that was reached, be it within a minute or within ten."""
        if kind not in self._seen:
            return
        best = Part(0, "")
        for steps, span_us, words in ((minute, MINUTE_US, "a minute"), (span, SPAN_US, "10 min")):
            count = self.count(kind, now_us, span_us=span_us)
            for least, points in steps:
                if count >= least and points > best.points:
                    best = Part(points, f"{count} {kind.value} in {words}")
        if best.points:
            yield best
