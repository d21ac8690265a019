"""The conduct report's totals are those of a slow count over every line of the log."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from fairwitness.evidence import Keep, Log, Reader
from fairwitness.evidence.conduct import compute_conduct
from fairwitness.evidence.conduct_rates import top_rates
from fairwitness.evidence.testing import ALLOWED, BLOCKED, NOON_US, PROGRAM, make_exchange, make_request
from fairwitness.model.conduct import Conduct, PolicyChange, PolicyDigest, Span
from fairwitness.model.exchange import Initiator, Metered
from fairwitness.model.record import ExchangeRow
from fairwitness.model.verdict import ScopeList

DAY_US = 86_400_000_000
HELPED = ("include", "mine", "load", "tunnel")


@dataclass(frozen=True)
class Step:
    """One line of a random log."""

    after_us: int
    host: str
    scope_list: ScopeList | None
    is_blocked: bool
    status: int | None
    initiator: Initiator
    metered: Metered
    begins_session: bool


STEPS = st.lists(
    st.builds(
        Step,
        after_us=st.one_of(st.integers(0, 2_000_000), st.integers(-DAY_US, DAY_US)),
        host=st.sampled_from(["a.test", "b.test", "xn--bcher-kva.test", "127.0.0.9"]),
        scope_list=st.sampled_from([*ScopeList, None]),
        is_blocked=st.booleans(),
        status=st.sampled_from([None, 101, 200, 302, 404, 503, 999]),
        initiator=st.sampled_from(Initiator),
        metered=st.sampled_from(Metered),
        begins_session=st.sampled_from([False] * 5 + [True]),
    ),
    max_size=30,
)


def _write(folder: Path, steps: list[Step]) -> None:
    now_us = NOON_US
    log = Log.open(folder, program=PROGRAM, now_us=now_us)
    log.append_session([], time_us=now_us)
    for number, step in enumerate(steps):
        now_us += step.after_us
        if step.begins_session:
            log.close(time_us=now_us)
            log = Log.open(folder, program=PROGRAM, now_us=now_us)
            log.append_session([], time_us=now_us)
        request = replace(
            make_request(host=step.host, target=f"/{number}".encode(), at_us=now_us),
            initiator=step.initiator,
            metered=step.metered,
        )
        if step.is_blocked:
            verdict = replace(BLOCKED, scope_list=step.scope_list, host=step.host)
            log.append_blocked(request, verdict=verdict, time_us=now_us)
            continue
        verdict = replace(ALLOWED, scope_list=step.scope_list, host=step.host)
        log.append_request(request, verdict=verdict, released_us=now_us, keep=Keep.WHOLE)
        if step.status is not None:
            log.append_response(make_exchange(request, status=step.status), body=None, keep=Keep.WHOLE)
    log.close(time_us=now_us)


def _of(folder: Path, span: Span) -> tuple[Conduct, list[ExchangeRow]]:
    conduct = compute_conduct(folder, span, digest=lambda text: None, now_us=NOON_US, version="1")
    with Reader.open(folder) as reader:
        rows = [row for row in reader.exchanges() if span.has(row.time_us, row.session)]
    return conduct, rows


def _day(row: ExchangeRow) -> str:
    return f"{datetime.fromtimestamp(row.time_us / 1e6, UTC):%Y-%m-%d}"


@settings(max_examples=60, deadline=None)
@given(
    steps=STEPS,
    session=st.sampled_from([None, None, 1]),
    since_us=st.sampled_from([None, NOON_US + DAY_US // 3]),
)
def test_totals_equal_a_slow_count(steps: list[Step], session: int | None, since_us: int | None) -> None:
    """Per list, per host and day, blocked, strays: each computed in another way from the same log."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "evidence"
        _write(folder, steps)
        conduct, rows = _of(folder, Span(session=session, since_us=since_us))

    left = [row for row in rows if row.outcome != "blocked"]
    lists = Counter(row.scope_list or "none" for row in left)
    assert dict(lists) == {each.scope_list: each.requests for each in conduct.released}
    assert [row.id for row in left if row.scope_list not in HELPED] == [each.id for each in conduct.strays]
    assert conduct.stray_count == len(conduct.strays)
    days = Counter((row.host, _day(row), row.scope_list or "none") for row in left)
    assert dict(days) == {(each.host, each.day, each.scope_list): each.requests for each in conduct.host_days}
    blocked = Counter(row.initiator for row in rows if row.outcome == "blocked")
    assert (blocked["page"], blocked["person"], blocked["tool"]) == (
        conduct.blocked.page,
        conduct.blocked.person,
        conduct.blocked.tool,
    )


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_the_parts_add_up(steps: list[Step]) -> None:
    """Rows of hosts and days, bars, and hosts that were blocked add up to the totals at the head."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "evidence"
        _write(folder, steps)
        conduct, _ = _of(folder, Span())

    total = sum(each.requests for each in conduct.released)
    assert total == sum(each.requests for each in conduct.host_days)
    assert total == sum(sum(each.by_initiator) for each in conduct.host_days)
    assert total == sum(sum(each.by_status) + each.unanswered for each in conduct.host_days)
    assert total == sum(each.page + each.person + each.tool for each in conduct.bars)
    assert conduct.blocked.total == sum(each.blocked for each in conduct.bars)
    assert conduct.blocked.total == sum(each.blocked.total for each in conduct.blocked_hosts)
    assert all(each.recorded_us >= 0 for each in conduct.sessions)


@given(
    gaps=st.lists(st.tuples(st.integers(0, 1_500_000), st.sampled_from("ab")), max_size=40),
    count=st.integers(1, 5),
    per_us=st.sampled_from([1_000_000, 60_000_000]),
)
def test_the_top_rate_is_the_fullest_window(gaps: list[tuple[int, str]], count: int, per_us: int) -> None:
    """No window of the limit's length holds more of a host's requests, and one holds as many."""
    digest = PolicyDigest(
        entries=(),
        rate_per_host=(count, per_us),
        at_once=count,
        is_courtesy=True,
        rate_total=None,
        total_at_once=0,
        total_is_courtesy=True,
        approvals=(),
        identify=(),
        judged=(),
        not_judged=(),
        declare=(),
    )
    policy = PolicyChange(
        time_us=0,
        session=1,
        sha256="",
        why="start",
        is_waiting=False,
        reviewed=None,
        added=(),
        removed=(),
        digest=digest,
    )
    moments: list[tuple[int, int, int, str]] = []
    now_us = NOON_US
    for number, (gap_us, host) in enumerate(gaps):
        now_us += gap_us
        moments.append((number, now_us, 1, host))

    tops = {each.host: each.most for each in top_rates(moments, [policy]) if each.host != "*"}

    slow = {
        host: max(
            sum(1 for _, other, _, name in moments if name == host and end - per_us < other <= end)
            for _, end, _, name in moments
            if name == host
        )
        for host in {host for *_, host in moments}
    }
    assert slow == tops
