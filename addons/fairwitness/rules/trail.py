"""What one actor did lately: the evidence by which a scanner is told from a person, and its score.

No single trait is enough: people mistype paths, try a handful of payloads, and use curl.  What tells a tool
is how much of it comes in how short a time, and in how many kinds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from fairwitness.rules.bounded import Recent

MINUTE_US = 60_000_000
SPAN_US = 10 * MINUTE_US  # what is older tells nothing
WALK_US = 10_000_000
WALK = 15  # different addresses that no person asks for within that
_BURST_US = 3_000_000
_TRIAL_US = 5_000_000  # nobody edits name and value of the next payload within that
_HURRIED = 5  # headers or paths that no hand changes within that
_KEPT = 600  # observations of one kind
HAND_US = 1_000_000  # no hand sends two different payloads within that
READING_US = 300_000  # nor another one so soon after an answer, however late the answer came
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
    DENIED = "requests that the server does not allow"
    SPELLING = "odd spellings of paths"
    PRETENCE = "origins, addresses and paths that headers pretend"
    ASKED = "different addresses"
    UNREFERRED = "linked addresses without the Referer that a browser sends"
    CALLBACK = "call-back hosts"
    FOLLOWED = "linked pages without what belongs to a page"
    PLACE = "kinds of linked pages"


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a score."""

    points: int
    says: str


_Steps = tuple[tuple[int, int], ...]
"""How many, and the points for that; the highest first."""

_SCORES: dict[Kind, tuple[_Steps, _Steps]] = {  # within a minute, within ten
    Kind.MISS: (((20, 8), (12, 5), (8, 3)), ((40, 8), (25, 5), (15, 3))),
    Kind.HURRIED: (((12, 8), (8, 6), (3, 3)), ()),
    Kind.PAYLOAD: (((25, 6), (20, 3)), ((100, 10), (60, 6), (40, 3))),
    Kind.FAMILY: (((5, 3), (3, 1)), ()),
    Kind.CROWDED: (((2, 6), (1, 4)), ()),
    Kind.NAMES: (((3, 10), (2, 7), (1, 4)), ()),
    Kind.NAME: (((40, 9), (20, 6), (12, 3)), ()),
    Kind.VALUE: (((40, 3), (15, 2)), ()),
    Kind.PROBE: (((8, 8), (4, 5), (2, 2)), ((12, 8), (6, 4))),
    Kind.METHOD: (((3, 4), (1, 2)), ()),
    Kind.REFUSED: (((10, 6), (5, 4)), ()),
    Kind.ERROR: (((10, 3), (5, 2)), ()),
    Kind.BAD: (((20, 4), (10, 2)), ()),
    Kind.DENIED: (((30, 6), (15, 3)), ()),
    Kind.SPELLING: (((10, 6), (6, 3)), ()),
    Kind.PRETENCE: (((24, 8), (16, 6), (8, 3)), ()),
    Kind.CALLBACK: (((1, 1),), ()),
}
_CRAWLED = 16  # linked pages in ten minutes: limits slow a crawler down
_CRAWLED_PLACES = 5  # kinds of them; who goes through one list, of own objects say, sees fewer
_FEWEST = {
    kind: min(steps[-1][0] for steps in both if steps) for kind, both in _SCORES.items()
}  # below that a kind is worth nothing

_HASTY = 3  # payloads close upon each other
_WORTH = {**_FEWEST, Kind.PAYLOAD: _HASTY, Kind.ASKED: WALK}  # below all of these nothing is worth anything


class _Seen:
    """The distinct things of one kind, with the time of each one's first sighting in the span."""

    __slots__ = ("things", "times_us")

    def __init__(self) -> None:
        self.times_us: list[int] = []
        self.things: dict[Hashable, None] = {}

    def add(self, what: Hashable, now_us: int) -> None:
        if what in self.things:
            return
        self.things[what] = None
        self.times_us.append(max(now_us, self.times_us[-1]) if self.times_us else now_us)
        if len(self.times_us) > _KEPT or self.times_us[0] < now_us - SPAN_US:
            gone = max(bisect_left(self.times_us, now_us - SPAN_US), len(self.times_us) - _KEPT)
            del self.times_us[:gone]
            for thing in list(islice(self.things, gone)):
                del self.things[thing]

    def within(self, span_us: int, now_us: int) -> int:
        return len(self.times_us) - bisect_left(self.times_us, now_us - span_us)


class Trail:
    """The observations of one actor, or of what its pages asked for by themselves.

    A class, because they add up; at most 600 of each kind are kept.
    """

    def __init__(self, *, is_page: bool = False) -> None:
        self._is_page = is_page
        self._seen: dict[Kind, _Seen] = {}
        self.given: Recent[str, bool] = Recent(_PATHS)
        """Paths that answered as if there were something."""
        self.odd_paths: Recent[str, bool] = Recent(256)
        """Paths that hold a payload."""
        self.alike: Recent[Hashable, set[str]] = Recent(64)
        """Answers that look the same, with the unlinked paths that gave them."""
        self.names: Recent[str, set[str]] = Recent(64)
        """Parameter names by place."""
        self.spelled: Recent[Hashable, set[bytes]] = Recent(64)
        """Odd spellings by the path that they are of."""
        self.traits: set[str] = set()
        """How it differs from the browser that it says it is."""
        self.tool: str | None = None
        """The scanner that it named."""
        self.tried_us = 0
        """When its latest payload came; later, where its answer came late."""
        self.tried_by = ""
        """The exchange of that payload."""
        self.stopped_until_us = 0
        """While its requests for what it was never given are refused."""

    def note(self, kind: Kind, what: Hashable, now_us: int) -> None:
        """One more, unless it was seen before."""
        seen = self._seen.get(kind)
        if seen is None:
            seen = self._seen[kind] = _Seen()
        seen.add(what, now_us)

    def count(self, kind: Kind, now_us: int, *, span_us: int = SPAN_US) -> int:
        """How many different ones within the span until now."""
        seen = self._seen.get(kind)
        return seen.within(span_us, now_us) if seen else 0

    def score(self, now_us: int) -> tuple[Part, ...]:
        """The parts that speak for a tool at work; none where nothing does."""
        if self.tool:
            return (Part(12, f"it names itself {self.tool}"),)
        if not any(len(seen.times_us) >= _WORTH.get(kind, _KEPT + 1) for kind, seen in self._seen.items()):
            return ()
        parts = tuple(self._parts(now_us))
        if parts and self.traits:
            traits = sorted(self.traits)[:2]
            parts += tuple(Part(1, each) for each in traits)
        return parts

    def is_walking(self, now_us: int) -> bool:
        """Whether it asks for one address after another faster than a person can."""
        return self.count(Kind.ASKED, now_us, span_us=WALK_US) >= WALK

    def crawled(self, now_us: int) -> str | None:
        """What it read of a site's pages, where that is one after the other and no list of one kind."""
        followed = self.count(Kind.FOLLOWED, now_us)
        if followed < _CRAWLED:
            return None
        places = self.count(Kind.PLACE, now_us)
        if places < _CRAWLED_PLACES:
            return None
        return f"{followed} {Kind.FOLLOWED.value}, of {places} kinds, in 10 min"

    def _parts(self, now_us: int) -> Iterator[Part]:
        for kind, seen in self._seen.items():
            if self._is_page and kind is Kind.VALUE:
                continue  # pages poll, and ask while somebody types
            if kind in _SCORES and len(seen.times_us) >= _FEWEST[kind]:
                yield from _points(kind, seen, now_us)
        burst = self.count(Kind.PAYLOAD, now_us, span_us=_BURST_US)
        if burst >= _HASTY:
            yield Part(3, f"{burst} payloads within {_BURST_US // 1_000_000} s")
        elif self.count(Kind.CROWDED, now_us, span_us=MINUTE_US):
            tried = self.count(Kind.PAYLOAD, now_us, span_us=MINUTE_US)
            if tried >= 3:
                yield Part(2, f"{tried} payloads in a minute, after several families at once")
        if Kind.CROWDED in self._seen:
            yield from self._fingerprint(now_us)
        for kind in (Kind.PRETENCE, Kind.SPELLING):
            hurried = self.count(kind, now_us, span_us=_BURST_US)
            if hurried >= _HURRIED:
                yield Part(3, f"{hurried} {kind.value} within {_BURST_US // 1_000_000} s")
        if self.is_walking(now_us) and not self._is_page:  # pages have many parts
            asked = self.count(Kind.ASKED, now_us, span_us=WALK_US)
            yield Part(2, f"{asked} different addresses in {WALK_US // 1_000_000} s")
            bare = self.count(Kind.UNREFERRED, now_us, span_us=WALK_US)
            if bare >= WALK:
                yield Part(4, f"{bare} {Kind.UNREFERRED.value}")

    def _fingerprint(self, now_us: int) -> Iterator[Part]:
        """Several families at once, then one by one under made-up names: a filter is tried out."""
        if self.count(Kind.PAYLOAD, now_us, span_us=_TRIAL_US) < 2:
            return
        if all(self.count(kind, now_us, span_us=MINUTE_US) for kind in (Kind.CROWDED, Kind.NAME)):
            within = f"within {_TRIAL_US // 1_000_000} s, in a new name"
            yield Part(5, f"after several families at once, another payload {within}")


def _points(kind: Kind, seen: _Seen, now_us: int) -> Iterator[Part]:
    """The points of the highest step that was reached, be it within a minute or within ten."""
    best = Part(0, "")
    minute, span = _SCORES[kind]
    for steps, span_us, words in ((minute, MINUTE_US, "a minute"), (span, SPAN_US, "10 min")):
        if not steps:
            continue
        count = seen.within(span_us, now_us)
        for least, points in steps:
            if count >= least and points > best.points:
                best = Part(points, f"{count} {kind.value} in {words}")
    if best.points:
        yield best
