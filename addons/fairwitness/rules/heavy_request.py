"""heavy-request: one request that costs the server very much, or the same one again and again."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from fairwitness.detect import SURE, bombs, heavy
from fairwitness.model.connection import SILENT_US, Callers
from fairwitness.model.exchange import Exchange, Initiator, Request
from fairwitness.model.flag import Pointer, Severity, Sighting
from fairwitness.model.policy import Policy
from fairwitness.model.verdict import Action
from fairwitness.rules.bounded import Recent
from fairwitness.rules.facets import FAILED
from fairwitness.rules.fields import Field
from fairwitness.rules.reading import Reading
from fairwitness.rules.rule import Rule
from fairwitness.rules.words import head_of, reach_of, span

_HUGE_BYTES = 100_000_000
_ROWS = 100_000
_FEW_FIELDS = 20
_SECOND_US = 1_000_000
_AGAIN = ((200, 30 * _SECOND_US, Severity.STOP), (80, 10 * _SECOND_US, Severity.CHECK))
_FEWEST = min(count for count, _, _ in _AGAIN)
_JOBS = 10
_HOUR_US = 3600 * _SECOND_US
_UNFINISHED = 10
_MINUTE_US = 60 * _SECOND_US
_KEPT = 512
_SILENT, _TOO_SILENT = 40, 100  # connections; browsers keep up to 32 to a proxy
_LIMIT_NAMES = frozenset(
    {
        "limit",
        "pagelimit",
        "pagesize",
        "perpage",
        "itemsperpage",
        "hitsperpage",
        "maxresults",
        "take",
        "first",
    }
)
_SIDES = frozenset({"w", "h", "width", "height"})
_PIXELS = 20_000  # a side; screens and prints have fewer
_COUNT_NAMES = frozenset({"size", "count", "rows", "top", "last"})  # of pages, and of much else
_PAGE_NAMES = frozenset(
    {
        "q",
        "query",
        "search",
        "filter",
        "sort",
        "page",
        "offset",
        "skip",
        "from",
        "start",
        "cursor",
        "after",
        "before",
    }
)
_JOB_WORDS = re.compile(r"export|report|pdf|thumbnail|render|backup|convert|screenshot")
_NO_JOBS = ("csp-report", "reports+json")  # a browser's own reports
_SQL_WORDS = re.compile(rb"\(|%28|aitfor|AITFOR|query=")  # what the fields of a query are read for


class HeavyRequest(Rule):
    """Looks for what works out of proportion, and for load tests.

    A person who tests for a delay of five seconds, or sends a request twenty times to see a race, passes.
    """

    name = "heavy-request"
    summary = "one request that costs the server very much, or one sent again and again"
    answers = FAILED

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._again: Recent[tuple[object, ...], deque[int]] = Recent(_KEPT)
        self._jobs: Recent[tuple[str, bool, str], deque[int]] = Recent(_KEPT)
        self._unfinished: Recent[str, deque[int]] = Recent(_KEPT)

    def on_request(self, request: Request) -> Iterator[Sighting]:
        """Look at the request, and at how often it was sent."""
        says = self._heavy(request)
        if says is not None:
            part = "body" if request.body else "head"
            yield self._sighting(request, Severity.STOP, says, part=part)
        says = self._large(request)
        if says is not None:
            yield self._sighting(request, Severity.CHECK, says)
        yield from self._repeats(request)

    def on_callers(self, callers: Callers) -> Iterator[Sighting]:
        """Many connections that open and then say nothing: a browser keeps a few, a slow attack hundreds."""
        if callers.silent < _SILENT:
            return
        yield Sighting(
            rule=self.name,
            severity=Severity.STOP if callers.silent >= _TOO_SILENT else Severity.CHECK,
            says=f"{callers.silent} of {callers.open} connections of {callers.address} sent no whole request "
            f"for {span(SILENT_US)}",
            advice="Stop the tool; nothing of an unfinished request has left this machine.",
            shown_by=(),
            reach=f"connections of {callers.address}",
        )

    def on_response(self, exchange: Exchange) -> Iterator[Sighting]:
        """Count uploads that never came to an end."""
        request = exchange.request
        if exchange.response is not None or not exchange.failure or not _is_unfinished(request):
            return
        times = self._unfinished.get_or_make(request.actor, lambda: deque(maxlen=_UNFINISHED))
        times.append(exchange.ended_us)
        if len(times) == _UNFINISHED and times[-1] - times[0] <= _MINUTE_US:
            yield self._sighting(
                request, Severity.CHECK, f"{len(times)} uploads within a minute that never came to an end"
            )

    def _heavy(self, request: Request) -> str | None:
        body, target = request.body, request.target
        ranges = request.first_values.get(b"range")
        says = (heavy.many_ranges(ranges.decode("latin-1")) if ranges else None) or heavy.many_names(target)
        if says or not (body or (b"?" in target and _SQL_WORDS.search(target))):
            return says
        return (self._in_body(request, body) if body else None) or self._by_fields(request)

    def _in_body(self, request: Request, body: bytes) -> str | None:
        kind, coding = self._header(request, b"content-type"), self._header(request, b"content-encoding")
        says = bombs.expanding_entities(body) or heavy.deep_nesting(body)
        if says is None and "urlencoded" in kind:
            says = heavy.many_names(body)
        if says is None and kind.startswith("application/graphql"):
            says = heavy.costly_query(body)
        if says is None and (coding or b"PK\x03\x04" in body[:4096]):
            says = bombs.bomb(body, coding)
        return says

    def _header(self, request: Request, name: bytes) -> str:
        return self.known.reading(request).headers.get(name, b"").decode("latin-1")

    def _by_fields(self, request: Request) -> str | None:
        reading = self.known.reading(request)
        first = request.body[:64].lstrip()[:1]
        if not (first.isalnum() or first == b"{") and isinstance(reading.json, list):
            says = heavy.large_batch(sum(isinstance(each, dict) and "query" in each for each in reading.json))
            if says:
                return says
        for field in reading.fields[:_FEW_FIELDS]:
            if len(field.value) < 10:
                continue
            text = field.value.encode("utf-8", "surrogatepass")
            says = heavy.long_delay(text) if b"(" in text or b"'" in text else None
            if says and not _has_sql(reading):
                says = None  # code that somebody posts waits too
            says = says or heavy.repeated_pattern(text)
            if says is None and field.name == "query" and b"{" in text:
                says = heavy.costly_query(text)
            if says:
                return says
        return None

    def _large(self, request: Request) -> str | None:
        if (request.body_bytes or 0) > _HUGE_BYTES:
            return f"an upload of {(request.body_bytes or 0) // 1_000_000:,} MB"
        if b"=" not in request.target and not request.body:
            return None
        fields = self.known.reading(request).fields
        if len(fields) > _FEW_FIELDS:
            return None
        sides = [field for field in fields if _plain(field.name) in _SIDES and field.value.isascii()]
        lengths = [int(field.value) for field in sides if field.value.isdigit() and len(field.value) <= 20]
        if len(lengths) >= 2 and min(lengths) >= _PIXELS:
            return f"a picture of {lengths[0]:,} x {lengths[1]:,}"
        for field in fields:
            value = field.value
            if not (3 <= len(value) <= 20 and value[0].isdigit()):
                continue
            rows = _number(value)
            if rows >= _ROWS and _is_page_size(
                field, {_plain(each.name) for each in fields}, method=request.method
            ):
                return f"{field.name[:40]} of {rows:,.0f}"
        return None

    def _repeats(self, request: Request) -> Iterator[Sighting]:
        now_us = request.received_us
        is_pages = request.initiator is Initiator.PAGE  # it must not use up the researcher's free ones
        key = (
            request.actor,
            is_pages,
            request.method,
            request.host,
            request.target,
            hash(request.body),
            request.first_values.get(b"authorization"),
        )
        times = self._again.get_or_make(key, _times)
        times.append(now_us)
        for count, span_us, severity in _AGAIN if len(times) >= _FEWEST else ():
            least = self.threshold(count, request)
            if len(times) >= least and now_us - times[-least] <= span_us:
                says = f"the same request {least} times within {span_us // _SECOND_US} s"
                yield self._sighting(request, severity, says)
                break
        if _is_job(request):
            jobs = self._jobs.get_or_make(
                (request.actor, is_pages, request.path), lambda: deque(maxlen=_JOBS + 1)
            )
            jobs.append(now_us)
            if len(jobs) > _JOBS and now_us - jobs[0] <= _HOUR_US:
                yield self._sighting(request, Severity.CHECK, f"more than {_JOBS} costly jobs within an hour")

    def _sighting(self, request: Request, severity: Severity, says: str, *, part: str = "") -> Sighting:
        return Sighting(
            rule=self.name,
            severity=severity,
            says=says,
            advice="Show the weakness with the smallest request that shows it, or ask the program first.",
            shown_by=(Pointer(request.exchange, part),) if part else head_of(request),
            reach=reach_of(request),
            calls_for=Action.WARN if severity is Severity.CHECK else None,
        )


def _times() -> deque[int]:
    return deque(maxlen=_AGAIN[0][0])


def _is_unfinished(request: Request) -> bool:
    length = request.header("content-length") or ""
    return length.isdigit() and len(length) < 16 and int(length) > len(request.body)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0


def _has_sql(reading: Reading) -> bool:
    return any(tried.attack.family == "sql" and tried.attack.weight >= SURE for tried in reading.attacks)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name[:64].lower()))


def _is_page_size(field: Field, names: set[str], *, method: str) -> bool:
    """Whether it says how many rows are wanted: `size` is a file's too, and `limit` a card's."""
    name = _plain(field.name)
    if name in _LIMIT_NAMES:
        return field.place == "query" or not names.isdisjoint(_PAGE_NAMES)
    return name in _COUNT_NAMES and method in {"GET", "POST"} and not names.isdisjoint(_PAGE_NAMES)


def _is_job(request: Request) -> bool:
    if request.method != "POST":
        return False
    if not _JOB_WORDS.search(request.path.lower()):
        return False
    kind = request.header("content-type") or ""
    return not any(each in kind for each in _NO_JOBS)
