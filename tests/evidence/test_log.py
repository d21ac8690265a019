"""Tests of fairwitness.evidence.log."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fairwitness.errors import EvidenceError
from fairwitness.evidence import Keep, Log, Reader
from fairwitness.evidence.testing import (
    ALLOWED,
    BLOCKED,
    NOON_US,
    PROGRAM,
    ended,
    make_connection,
    make_exchange,
    make_flag,
    make_request,
)
from fairwitness.model.exchange import Client, Exchange, new_exchange
from fairwitness.model.flag import Answer, AnswerAs
from fairwitness.model.message import Direction, Message
from fairwitness.model.policy import Program
from fairwitness.model.record import ExchangeRow


def _rows(log: Log) -> list[ExchangeRow]:
    log.commit_now()
    with Reader.open(log.folder) as reader:
        return list(reader.exchanges())


def test_numbers_are_given_in_order_of_first_entries(log: Log) -> None:
    """Requests, blocked attempts and tunnels share one sequence from 1; plain dials have no number."""
    numbers = [
        log.append_request(make_request(), verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE),
        log.append_blocked(make_request(host="cdn.other.test"), verdict=BLOCKED, time_us=NOON_US),
    ]
    log.append_connection(make_connection(purpose="http"), verdict=ALLOWED)
    log.append_connection(make_connection(purpose="tunnel"), verdict=ALLOWED)
    numbers.append(log.append_request(make_request(), verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE))

    assert [1, 2, 4] == numbers
    assert [(1, "GET"), (2, "GET"), (3, "CONNECT"), (4, "GET")] == [
        (row.id, row.method) for row in _rows(log)
    ]


def test_numbers_go_on_in_the_next_session(log: Log, open_again: Callable[[], Log]) -> None:
    """An id never changes its meaning."""
    log.append_request(make_request(), verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.close(time_us=NOON_US)
    again = open_again()
    again.append_session([], time_us=NOON_US)
    number = again.append_request(make_request(), verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)

    assert (2, 2) == (number, again.session)
    assert [1, 2] == [row.session for row in _rows(again)]


def test_row_tells_what_happened(log: Log) -> None:
    """Every column of a list, from request and response."""
    client = Client(connection=new_exchange(), address="127.0.0.1", port=5000, label="ffuf", ja4="t13d")
    request = replace(
        make_request(method="POST", body=b"a=1", client=client, page="https://app.example.test/"),
        account="alice",
    )
    verdict = replace(ALLOWED, flags=("f1",))
    log.append_request(request, verdict=verdict, released_us=NOON_US + 7, keep=Keep.WHOLE)
    log.append_response(make_exchange(request, status=404, body=b"no"), body=None, keep=Keep.WHOLE)
    (row,) = _rows(log)

    assert (
        ExchangeRow(
            id=1,
            exchange=request.exchange,
            time_us=NOON_US + 7,
            method="POST",
            url="https://app.example.test/items?page=2&q=abc",
            status=404,
            decision="allow",
            clause="scope.include[0]",
            reason="app.example.test is in scope.include",
            initiator="page",
            page="https://app.example.test/",
            label="ffuf",
            account="alice",
            client="127.0.0.1:5000",
            flags=("f1",),
            request_bytes=3,
            response_bytes=2,
            duration_us=4993,
            session=1,
            outcome="complete",
            host="app.example.test",
            scope_list="include",
        )
        == row
    )


def test_failure_is_told_with_what_came_before_it(log: Log) -> None:
    """A partial response is stored, and the exchange is no complete one."""
    request = make_request()
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    whole = make_exchange(request, body=b"half of i")
    log.append_response(replace(whole, failure="connection reset"), body=None, keep=Keep.WHOLE)
    other = make_request()
    log.append_request(other, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.append_response(
        Exchange(request=other, response=None, failure="client left", ended_us=NOON_US + 1),
        body=None,
        keep=Keep.WHOLE,
    )
    rows = _rows(log)
    with Reader.open(log.folder) as reader:
        record = reader.exchange("1")

    assert ["failed: connection reset", "failed: client left"] == [row.outcome for row in rows]
    assert [200, None] == [row.status for row in rows]
    assert b"half of i" == record.response_body


def test_request_of_a_load_host_keeps_no_secret(log: Log, evidence: Path) -> None:
    """Neither credentials nor query values nor bodies are anywhere in the folder; their hash and size are."""
    body = b"body-s3cr3t" * 100
    request = make_request(
        target=b"/t?code=query-s3cr3t",
        headers=(
            (b"Cookie", b"a=cookie-s3cr3t; b=2"),
            (b"Authorization", b"Bearer auth-s3cr3t"),
            (b"Accept", b"*/*"),
        ),
        body=body,
    )
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.HEAD)
    exchange = make_exchange(
        request, body=body, headers=((b"Set-Cookie", b"answer-s3cr3t"), (b"Server", b"x"))
    )
    log.append_response(exchange, body=None, keep=Keep.HEAD)
    log.append_message(
        Message(
            exchange=request.exchange,
            direction=Direction.RECEIVED,
            kind="text",
            number=1,
            content=b"message-s3cr3t",
            time_us=NOON_US,
        ),
        keep=Keep.HEAD,
    )
    log.checkpoint_full()
    with Reader.open(evidence) as reader:
        record = reader.exchange("1")
        problems = list(reader.problems())

    assert b"s3cr3t" not in b"".join(path.read_bytes() for path in evidence.rglob("*") if path.is_file())
    assert "https://app.example.test/t?code=[not stored: load host]" == record.row.url
    assert b"[not stored: load host]" == dict(record.request_headers)[b"Cookie"]
    assert b"*/*" == dict(record.request_headers)[b"Accept"]
    assert (None, None) == (record.request_body, record.response_body)
    assert (len(body), hashlib.sha256(body).hexdigest()) == (
        record.response_body_bytes,
        record.response_body_sha256,
    )
    assert [] == problems


def test_blocked_request_keeps_no_body_and_no_foreign_credential(log: Log, evidence: Path) -> None:
    """It went nowhere; in the program's own scope its head is kept as it was."""
    foreign = make_request(method="POST", host="cdn.other.test", body=b"body-s3cr3t")
    own = make_request(method="POST", body=b"body-s3cr3t")
    log.append_blocked(foreign, verdict=BLOCKED, time_us=NOON_US)
    log.append_blocked(own, verdict=replace(BLOCKED, scope_list=ALLOWED.scope_list), time_us=NOON_US)
    log.checkpoint_full()
    with Reader.open(evidence) as reader:
        records = [reader.exchange("1"), reader.exchange("2")]

    assert b"body-s3cr3t" not in b"".join(path.read_bytes() for path in evidence.rglob("*") if path.is_file())
    assert [b"[not stored: blocked]", b"Bearer s3cr3t"] == [
        dict(record.request_headers)[b"Authorization"] for record in records
    ]
    assert "https://cdn.other.test/items?page=2&q=abc" == records[0].row.url
    assert [(None, "blocked")] * 2 == [(record.request_body, record.row.outcome) for record in records]


def test_identical_blocks_are_one_line_with_a_count(log: Log) -> None:
    """A page that asks in a loop gives one entry, and the count reaches the log."""
    client = Client(connection=new_exchange(), address="127.0.0.1", port=5000)
    page = "https://app.example.test/"
    numbers = [
        log.append_blocked(
            make_request(host="cdn.other.test", page=page, client=client),
            verdict=BLOCKED,
            time_us=NOON_US + at,
        )
        for at in range(50)
    ]
    other = make_request(host="cdn.other.test", target=b"/other", page=page, client=client)
    log.append_blocked(other, verdict=BLOCKED, time_us=NOON_US)
    for _ in range(5):
        log.checkpoint_full()
    with Reader.open(log.folder) as reader:
        wanted = list(reader.wanted())

    assert [1] * 50 == numbers
    assert [1, 2] == [row.id for row in _rows(log)]
    assert [("cdn.other.test", page, 51)] == wanted


def test_a_hundred_thousand_identical_blocks_take_little_room(log: Log) -> None:
    """A thousand a second: the log grows by a line a minute and a count every fifth second."""
    client = Client(connection=new_exchange(), address="127.0.0.1", port=5000)
    for second in range(100):
        request = make_request(host="cdn.other.test", page="p", client=client)
        for _ in range(1000):
            log.append_blocked(request, verdict=BLOCKED, time_us=NOON_US + second * 1_000_000)
        log.checkpoint_full()

    log.close(time_us=NOON_US)
    with Reader.open(log.folder) as reader:
        (wanted,) = reader.wanted()

    assert 100_000 == wanted[2]
    assert sum(path.stat().st_size for path in log.folder.iterdir()) < 2 << 20


def test_block_a_minute_later_is_a_line_of_its_own(log: Log, open_again: Callable[[], Log]) -> None:
    """Folding ends, and what was folded until then is written at the latest when the log is closed."""
    client = Client(connection=new_exchange(), address="127.0.0.1", port=5000)
    times = [0, 1, 59_999_999, 60_000_000, 60_000_001]
    numbers = [
        log.append_blocked(
            make_request(host="cdn.other.test", page="p", client=client),
            verdict=BLOCKED,
            time_us=NOON_US + at,
        )
        for at in times
    ]
    log.close(time_us=NOON_US)
    with Reader.open(log.folder) as reader:
        wanted = list(reader.wanted())

    assert [1, 1, 1, 2, 2] == numbers
    assert [("cdn.other.test", "p", 5)] == wanted


@pytest.mark.slow
def test_endless_different_blocks_are_forgotten_one_by_one(log: Log) -> None:
    """Memory stays bounded, and no count is lost."""
    client = Client(connection=new_exchange(), address="127.0.0.1", port=5000)
    for _ in range(2):
        for number in range(1500):
            request = make_request(target=b"/%d" % number, page="p", client=client, host="cdn.other.test")
            log.append_blocked(request, verdict=BLOCKED, time_us=NOON_US)
            log.append_blocked(request, verdict=BLOCKED, time_us=NOON_US)
    log.close(time_us=NOON_US)
    with Reader.open(log.folder) as reader:
        wanted = list(reader.wanted())

    assert [("cdn.other.test", "p", 6000)] == wanted


def test_tunnel_is_a_line_with_its_bytes(log: Log) -> None:
    """What passes undecrypted is listed as CONNECT, from dial to end."""
    tunnel, raw = make_connection(), make_connection(purpose="tcp", host="2001:db8::7")
    for connection in (tunnel, raw):
        log.append_connection(connection, verdict=ALLOWED)
    log.append_connection_end(ended(tunnel, sent=684, received=2053))
    rows = _rows(log)

    assert [("CONNECT", "sign-in.test:443"), ("TCP", "[2001:db8::7]:443")] == [
        (row.method, row.url) for row in rows
    ]
    assert (684, 2053, 1_000_000, "complete") == (
        rows[0].request_bytes,
        rows[0].response_bytes,
        rows[0].duration_us,
        rows[0].outcome,
    )
    assert "open" == rows[1].outcome


@pytest.mark.parametrize(("method", "purpose"), [("CONNECT", "tunnel"), ("TCP", "tcp")])
def test_dial_of_a_tunnel_belongs_to_its_request(log: Log, method: str, purpose: str) -> None:
    """One tunnel is one line, with the bytes that its dial carried."""
    client = Client(connection=new_exchange(), address="127.0.0.1", port=5000)
    request = make_request(method=method, host="sign-in.test", client=client)
    dial = replace(make_connection(purpose=purpose), client=client)
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.append_connection(dial, verdict=ALLOWED)
    log.append_connection_end(ended(dial, sent=684, received=2053))
    end = Exchange(request=request, response=None, ended_us=NOON_US + 9)
    log.append_response(end, body=None, keep=Keep.WHOLE)
    later = replace(make_connection(purpose=purpose), client=client)
    log.append_connection(later, verdict=ALLOWED)
    rows = _rows(log)
    with Reader.open(log.folder) as reader:
        record = reader.exchange("1")

        assert [] == list(reader.problems())
    assert (None, None) == (record.request_body, record.response_body)
    assert [(1, 684, 2053, 9, "complete"), (2, None, None, None, "open")] == [
        (row.id, row.request_bytes, row.response_bytes, row.duration_us, row.outcome) for row in rows
    ]
    assert ("peer", "192.0.2.7:443") in record.meta


def test_messages_come_back_in_order(log: Log) -> None:
    """Both directions, any bytes, also after the handshake's response."""
    request = make_request()
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.append_response(make_exchange(request, status=101), body=None, keep=Keep.WHOLE)
    messages = [
        Message(
            exchange=request.exchange,
            direction=(Direction.SENT, Direction.RECEIVED)[number % 2],
            kind="binary",
            number=number // 2 + 1,
            content=bytes(range(256)) * number,
            time_us=NOON_US + number,
        )
        for number in range(40)
    ]
    for message in messages:
        log.append_message(message, keep=Keep.WHOLE)
    log.commit_now()
    with Reader.open(log.folder) as reader:
        assert tuple(messages) == reader.exchange("1").messages


def test_large_message_is_stored_up_to_one_mebibyte(log: Log, evidence: Path) -> None:
    """Its size and hash are of the whole."""
    content = b"m" * ((1 << 20) + 1)
    request = make_request()
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.append_message(
        Message(
            exchange=request.exchange,
            direction=Direction.RECEIVED,
            kind="binary",
            number=1,
            content=content,
            time_us=NOON_US,
        ),
        keep=Keep.WHOLE,
    )
    log.commit_now()
    with Reader.open(evidence) as reader:
        record = reader.exchange("1")

        assert [] == list(reader.problems())
    assert ("body", f"{len(content)} {hashlib.sha256(content).hexdigest()}") in record.meta
    assert ("body-stored", f"the first {1 << 20} bytes") in record.meta


def test_notes_flags_and_answers_come_back(log: Log, open_again: Callable[[], Log]) -> None:
    """The rules runner learns at the next start what was answered, and which number comes next."""
    request = make_request()
    assert (1, ()) == (log.next_flag_number(), log.answers())
    log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    flag = make_flag("f12", request.exchange)
    log.append_flag(flag)
    log.append_flag(make_flag("f13", request.exchange, rule="budget"))
    early = Answer(flag="f12", answered_as=AnswerAs.ACCIDENT, note="oh", time_us=NOON_US)
    answer = Answer(flag="f12", answered_as=AnswerAs.FALSE_ALARM, note="no\\ \nreally", time_us=NOON_US + 5)
    log.append_answer(early)
    log.append_answer(answer)
    log.append_note("remember", time_us=NOON_US, exchange=request.exchange)
    log.close(time_us=NOON_US)
    again = open_again()
    with Reader.open(again.folder) as reader:
        rows = list(reader.flags())
        open_rows = [row.flag.flag for row in reader.flags(open_only=True)]

    assert (14, (answer,)) == (again.next_flag_number(), again.answers())
    assert [(flag, answer, 1, 1, 1, (1,))] == [
        (row.flag, row.answer, row.count, row.first, row.last, row.exchanges) for row in rows[:1]
    ]
    assert ["f13"] == open_rows


def test_waiters_of_one_turn_share_one_commit(log: Log) -> None:
    """Twenty requests that wait together cost one commit, and each is there when its wait ends."""
    statements: list[str] = []
    log.commit_now()
    log._journal.store.connection.set_trace_callback(statements.append)

    async def release() -> int:
        number = log.append_request(make_request(), verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
        await log.commit()
        with Reader.open(log.folder) as reader:
            return reader.exchange(str(number)).row.id

    async def all_at_once() -> list[int]:
        return await asyncio.gather(*(release() for _ in range(20)))

    assert list(range(1, 21)) == asyncio.run(all_at_once())
    assert 1 == statements.count("COMMIT")


def test_cancelled_waiter_takes_nobody_with_it(log: Log) -> None:
    """A client that leaves cancels its own wait alone."""

    async def release() -> str:
        log.append_request(make_request(), verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
        await log.commit()
        return "released"

    async def with_one_cancelled() -> list[object]:
        tasks = [asyncio.ensure_future(release()) for _ in range(3)]
        asyncio.get_running_loop().call_soon(tasks[1].cancel)
        return [str(result) for result in await asyncio.gather(*tasks, return_exceptions=True)]

    assert ["released", "", "released"] == asyncio.run(with_one_cancelled())
    assert 3 == len(_rows(log))


def test_commit_without_anything_new_returns_at_once(log: Log) -> None:
    """Nobody waits for a commit that has nothing to do."""
    log.commit_now()

    asyncio.run(asyncio.wait_for(log.commit(), timeout=60))


def test_full_commit_in_a_thread_is_a_full_commit(log: Log) -> None:
    """The loop goes on while the disk is waited for."""
    log.append_note("x", time_us=NOON_US)

    asyncio.run(log.checkpoint())

    with Reader.open(log.folder) as reader:
        assert 3 == reader.counts().entries


def test_folder_of_another_program_is_refused(log: Log, evidence: Path) -> None:
    """One program, one folder; the error says whose it is."""
    log.close(time_us=NOON_US)
    other = Program(name="Other", policy_url="https://other.test/")
    with pytest.raises(EvidenceError, match=r"another program, Example \(https://example\.test/policy\)"):
        Log.open(evidence, program=other, now_us=NOON_US)

    Log.open(evidence, program=PROGRAM, now_us=NOON_US).close(time_us=NOON_US)


def test_closed_log_can_be_closed_again(log: Log) -> None:
    """Whoever cleans up twice does no harm."""
    log.close(time_us=NOON_US)
    log.close(time_us=NOON_US)

    assert log.failure is None


def test_large_folder_warns_at_80_and_95_per_cent(evidence: Path) -> None:
    """The sentence says how much is taken, and of what."""
    shares = []
    for quota in (1 << 40, 1 << 20, 1):
        log = Log.open(evidence, program=PROGRAM, now_us=NOON_US, quota_bytes=quota)
        log.append_note(os.urandom(450_000).hex(), time_us=NOON_US)
        log.checkpoint_full()
        shares.append([warning.split(",")[0] for warning in log.warnings])
        log.close(time_us=NOON_US)

    assert [] == shares[0]
    assert [1, 1] == [len(found) for found in shares[1:]]
    assert "the evidence takes" in shares[1][0]


def test_thousands_of_headers_cookies_and_flags_survive(log: Log) -> None:
    """What is too much for segments of its own is one segment, and comes back line by line."""
    headers = tuple((b"x-%d" % number, b"v" * (number % 50)) for number in range(3000))
    cookies = ((b"cookie", b"; ".join(b"c%d=%d" % (number, number) for number in range(2000))),)
    query = b"/?" + b"&".join(b"q%d=%d" % (number, number) for number in range(2000))
    request = replace(make_request(target=query, headers=cookies + headers), trailers=headers[:100])
    flags = tuple(f"f{number}" for number in range(1, 201))
    log.append_request(request, verdict=replace(ALLOWED, flags=flags), released_us=NOON_US, keep=Keep.WHOLE)
    log.commit_now()
    with Reader.open(log.folder) as reader:
        record = reader.exchange("1")

        assert [] == list(reader.problems())
    assert request.headers == record.request_headers
    assert request.url == record.row.url
    assert flags == record.row.flags


@pytest.mark.parametrize(
    "text", ["a\r\nb: c", "allow include; x\nverdict: block -; y", "\x1b[2J\udc80\ud800", "\\n"]
)
def test_hostile_text_stays_in_its_line(log: Log, text: str) -> None:
    """A label, a page or an account that holds line breaks adds no line of its own."""
    client = Client(connection=new_exchange(), address="127.0.0.1", port=5000, label=text, ja4=text)
    request = replace(make_request(client=client, page=text), account=text)
    log.append_request(request, verdict=replace(ALLOWED, reason=text), released_us=NOON_US, keep=Keep.WHOLE)
    (row,) = _rows(log)

    shown = text.encode("utf-8", "backslashreplace").decode()

    assert (shown, shown, shown, shown) == (row.label, row.page, row.account, row.reason)
    assert ("allow", "include") == (row.decision, row.scope_list)


@pytest.mark.parametrize("change", [{"at_us": 10**30}, {"at_us": -(10**30)}])
def test_impossible_time_is_refused_and_the_log_goes_on(log: Log, change: dict[str, int]) -> None:
    """A mistake of the caller leaves neither an entry nor a gap."""
    with pytest.raises((ValueError, OverflowError)):
        log.append_note("x", time_us=change["at_us"])
    with pytest.raises(ValueError, match="hexadecimal"):
        log.append_note("x", time_us=NOON_US, exchange="no hex")
    number = log.append_request(make_request(), verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
    log.commit_now()
    with Reader.open(log.folder) as reader:
        assert [] == list(reader.problems())
    assert 1 == number


def test_write_ahead_log_stays_small_under_load(
    log: Log, evidence: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is moved into the database again and again, while entries keep coming."""
    monkeypatch.setattr("fairwitness.evidence.store.WAL_BYTES", 1 << 20)
    sizes = []
    for _ in range(60):
        for _ in range(40):
            log.append_note(os.urandom(2000).hex(), time_us=NOON_US)
            log.commit_now()
        log.checkpoint_full()
        mover = log._journal.store._mover
        if mover is not None:
            mover.join()
        sizes.append((evidence / "log.sqlite3-wal").stat().st_size)

    assert max(sizes[30:]) == max(sizes[:30])
    assert max(sizes) < 8 << 20


def test_load_of_twenty_connections_is_committed_in_order(log: Log) -> None:
    """Waits and answers interleaved as they like, every entry is where its number says."""

    async def connection(number: int) -> None:
        for turn in range(20):
            request = make_request(target=b"/%d/%d" % (number, turn))
            log.append_request(request, verdict=ALLOWED, released_us=NOON_US, keep=Keep.WHOLE)
            await log.commit()
            log.append_response(make_exchange(request), body=None, keep=Keep.WHOLE)
            if turn % 10 == number % 10:
                await log.checkpoint()

    async def all_at_once() -> None:
        await asyncio.gather(*(connection(number) for number in range(20)))

    asyncio.run(all_at_once())
    log.close(time_us=NOON_US)
    with Reader.open(log.folder) as reader:
        assert [] == list(reader.problems())
        assert 400 == sum(row.outcome == "complete" for row in reader.exchanges())


def test_growth_tells_what_waits_and_what_a_power_cut_could_take(log: Log) -> None:
    """An entry waits until it is committed, and is not durable until the full commit."""
    log.checkpoint_full()
    before = log.growth
    log.append_note("one", time_us=NOON_US)
    appended = log.growth
    log.commit_now()
    committed = log.growth
    asyncio.run(log.checkpoint())
    durable = log.growth

    assert [(1, 1), (0, 1), (0, 0)] == [
        (each.waiting, each.not_durable) for each in (appended, committed, durable)
    ]
    assert before.entries + 1 == durable.entries
    assert 0 < durable.stored_bytes <= sum(each.stat().st_size for each in log.folder.iterdir())
