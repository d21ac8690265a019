"""Properties of filters: all of them together, with words, choose what looking at every exchange chooses."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from fairwitness.evidence import Keep, Log, Reader
from fairwitness.evidence.testing import ALLOWED, BLOCKED, NOON_US, make_exchange, make_request, open_log
from fairwitness.evidence.wordfile import WordFiller
from fairwitness.model.finding import Change, FindingChange, Marked
from fairwitness.model.record import ExchangeRow, LogFilter

HOSTS, LABELS, ACCOUNTS = ("a.test", "b.test"), (None, "curl", "ffuf"), (None, "first", "it's \u202e")
BODIES = ("teapot", "kettle teapot", "")
FINDING = "IDOR in orders"

shots = st.lists(
    st.tuples(
        st.sampled_from(HOSTS),
        st.sampled_from(LABELS),
        st.sampled_from(ACCOUNTS),
        st.sampled_from(BODIES),
        st.sampled_from([200, 404, 503, None]),  # None: blocked
        st.booleans(),  # marked
        st.integers(0, 3),  # a new session begins where it is 0
    ),
    max_size=12,
)
maybe = lambda *values: st.sampled_from((None, None, *values))  # noqa: E731 - a name for a strategy
filters = st.builds(
    LogFilter,
    host=maybe(*HOSTS, "*.test"),
    status=maybe("404", "5xx"),
    decision=maybe("allow", "block"),
    finding=maybe(FINDING, FINDING.upper(), "none such"),
    account=maybe(*ACCOUNTS[1:], "FIRST"),
    label=maybe(*LABELS[1:]),
    session=maybe(1, 2, 9),
    first_id=maybe(2),
    last_id=maybe(7),
    words=st.sampled_from(((), ("teapot",), ("kettle", "POT"), ("zz",))),
)


def _write(folder: Path, shots: list[tuple[str, str | None, str | None, str, int | None, bool, int]]) -> None:
    log = open_log(folder)
    log.append_session([], time_us=NOON_US)
    for host, label, account, body, status, is_marked, begins in shots:
        if begins == 0:
            log.close(time_us=NOON_US)
            log = open_log(folder)
            log.append_session([], time_us=NOON_US)
        _write_one(log, host, label, account, body, status, is_marked=is_marked)
    log.close(time_us=NOON_US)


def _write_one(
    log: Log,
    host: str,
    label: str | None,
    account: str | None,
    body: str,
    status: int | None,
    *,
    is_marked: bool,
) -> None:
    request = make_request(host=host, headers=())
    request = replace(request, client=replace(request.client, label=label), account=account)
    if status is None:
        number = log.append_blocked(request, verdict=replace(BLOCKED, host=host), time_us=NOON_US)
    else:
        number = log.append_request(
            request, verdict=replace(ALLOWED, host=host), released_us=NOON_US, keep=Keep.WHOLE
        )
        exchange = make_exchange(request, status=status, body=body.encode())
        log.append_response(exchange, body=None, keep=Keep.WHOLE)
    if is_marked and status is not None:
        mark = Marked(number, request.exchange)
        log.append_remark(
            FindingChange(finding=FINDING, change=Change.MARKED, exchanges=(mark,)), time_us=NOON_US
        )


@settings(max_examples=30, deadline=None)
@given(shots, st.lists(filters, min_size=1, max_size=12), st.integers(0, 40))
def test_filters_together_choose_what_looking_at_each_chooses(
    shots: list[tuple[str, str | None, str | None, str, int | None, bool, int]],
    asked: list[LogFilter],
    known: int,
) -> None:
    """Sessions, accounts, labels, findings, with words and an index that knows a part."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder, shots)
        filler = WordFiller(folder)
        with Reader.open(folder) as reader:
            filler.fill(min(known, reader.counts().entries))
            filler.close()
            every = [(row, _text(reader, row)) for row in reader.exchanges(LogFilter())]
            found = reader.finding(FINDING)
            marked = {each.id for each in found.exchanges} if found else set()
            expected = [[row.id for row, text in every if _fits(row, text, each, marked)] for each in asked]
            given_ids = [[row.id for row in reader.exchanges(each)] for each in asked]

    assert expected == given_ids


def _text(reader: Reader, row: ExchangeRow) -> bytes:
    record = reader.exchange(str(row.id))
    return (row.url.encode() + (record.response_body or b"")).lower()


def _fits(row: ExchangeRow, text: bytes, wanted: LogFilter, marked: set[int]) -> bool:
    """Whether an exchange is wanted, one question after the other."""
    return all(
        (
            wanted.host in (None, "*.test", row.host),
            wanted.status in (None, str(row.status)) or (wanted.status == "5xx" and row.status == 503),
            wanted.decision in (None, row.decision),
            wanted.finding is None or (wanted.finding != "none such" and row.id in marked),
            wanted.account in (None, row.account),
            wanted.label in (None, row.label),
            wanted.session in (None, row.session),
            wanted.first_id is None or row.id >= wanted.first_id,
            wanted.last_id is None or row.id <= wanted.last_id,
            all(word.lower().encode() in text for word in wanted.words),
        )
    )
