"""bulk-download: how many records of other people were taken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fairwitness.model.exchange import Exchange, Response
from fairwitness.model.flag import Pointer, Severity, Sighting
from fairwitness.model.policy import Policy
from fairwitness.rules.bounded import Recent
from fairwitness.rules.facets import SHOWS
from fairwitness.rules.rule import Rule
from fairwitness.rules.words import reach_of, span

FREE = 100  # records of a host within the window; a hint from then on
WARN = 1000
WINDOW_US = 24 * 3_600_000_000

_HOSTS = 256
_ANSWERS = 2000  # that are told apart, so that the same list, asked for again, counts once
_LEAST_BYTES = 200
_KEYS = tuple(
    b'"%b"' % key
    for key in (
        b"email",
        b"emailAddress",
        b"phone",
        b"phoneNumber",
        b"phone_number",
        b"iban",
        b"ssn",
        b"date_of_birth",
    )
)
_COLUMNS = re.compile(rb"e-?mail|phone|iban|ssn|birth|first_?name|last_?name|street|address", re.IGNORECASE)
_FILES = ("text/csv", "text/tab-separated", "application/csv")


@dataclass(slots=True)
class _Taken:
    since_us: int
    records: int = 0


class BulkDownload(Rule):
    """Counts records with personal fields, in JSON and in CSV, but not in lists of the researcher's own."""

    name = "bulk-download"
    summary = "takes many records that are not yours"
    answers = SHOWS

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self._taken: Recent[str, _Taken] = Recent(_HOSTS)
        self._answers: Recent[int, int] = Recent(_ANSWERS)

    def on_response(self, exchange: Exchange) -> Iterator[Sighting]:
        """Count the records of the answer."""
        request, response = exchange.request, exchange.response
        if response is None or len(response.body) < _LEAST_BYTES or not 200 <= response.status < 300:
            return
        records = records_in(response)
        if not records or self.known.ownership.lists_own(exchange):
            return
        key = hash((request.host, request.method, request.target, request.body[:4096]))
        fresh = records - (self._answers.get(key) or 0)
        self._answers.put(key, max(records, self._answers.get(key) or 0))
        taken = self._taken.get_or_make(request.host, lambda: _Taken(request.received_us))
        if request.received_us - taken.since_us > WINDOW_US:
            taken.since_us, taken.records = request.received_us, 0
        if fresh <= 0:
            return
        taken.records += fresh
        if taken.records < self.threshold(FREE, request):
            return
        is_loud = taken.records >= self.threshold(WARN, request)
        since = span(max(0, request.received_us - taken.since_us))
        yield Sighting(
            rule=self.name,
            severity=Severity.CHECK if is_loud else Severity.INFO,
            says=f"{taken.records:,} records with personal fields from {request.host} in {since}",
            advice="A few records show the flaw: stop, delete what you took, and report.",
            shown_by=(Pointer(request.exchange, "response-body"),),
            reach=reach_of(request),
            group=f"{request.actor[:160]} {request.host}",
        )


def records_in(response: Response) -> int:
    """How many records with personal fields an answer holds, by their keys or by its lines."""
    kind = response.kind
    body = response.body
    if "json" in kind:
        return max(body.count(key) for key in _KEYS)
    if kind.startswith(_FILES) or "csv" in (response.header("content-disposition") or "").lower():
        head, _, rest = body.partition(b"\n")
        return rest.count(b"\n") if len(_COLUMNS.findall(head[:4096])) else 0
    return 0
