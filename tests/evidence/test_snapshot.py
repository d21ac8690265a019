from __future__ import annotations

from pathlib import Path

from fairwitness.evidence import Keep, Log, Reader
from fairwitness.evidence.testing import ALLOWED, NOON_US, make_exchange, make_request, open_log
from fairwitness.model.exchange import Request
from fairwitness.model.message import Direction, Message
from fairwitness.model.record import LogFilter


def _asked(log: Log, *, at_us: int = NOON_US) -> Request:
    request = make_request(at_us=at_us)
    log.append_request(request, verdict=ALLOWED, released_us=at_us, keep=Keep.WHOLE)
    log.commit_now()
    return request


def _answered(log: Log, request: Request, body: bytes = b"late secret") -> None:
    log.append_response(make_exchange(request, body=body), body=None, keep=Keep.WHOLE)
    log.commit_now()


def test_what_comes_later_is_not_in_it(tmp_path: Path) -> None:
    """A response, a message, a request: each reading is the same, though the log and its view grow."""
    log = open_log(tmp_path)
    first, second = _asked(log), _asked(log, at_us=NOON_US + 1)
    _answered(log, first, b"early")
    with Reader.open(tmp_path) as reader:
        snapshot = reader.snapshot(LogFilter(), lambda _: True)
        before = list(snapshot.records())
        _answered(log, second)
        message = Message(
            exchange=first.exchange,
            direction=Direction.SENT,
            kind="text",
            number=1,
            content=b"late secret",
            time_us=NOON_US + 9,
        )
        log.append_message(message, keep=Keep.WHOLE)
        _answered(log, _asked(log, at_us=NOON_US + 2))
        log.checkpoint_full()
        after = list(snapshot.records())
        log.close(time_us=NOON_US + 10)
        closed = list(snapshot.records())

    assert 2 == len(snapshot) == len(before)
    assert before == after == closed
    assert [(200, b"early"), (None, None)] == [(each.row.status, each.response_body) for each in before]
    assert ["complete", "open"] == [each.row.outcome for each in before]


def test_an_exchange_that_ends_later_stays_in_a_selection_by_what_it_was(tmp_path: Path) -> None:
    """What matched when it was taken is in each reading; what matches later is in none."""
    log = open_log(tmp_path)
    first, second = _asked(log), _asked(log, at_us=NOON_US + 1)
    _answered(log, first)
    with Reader.open(tmp_path) as reader:
        snapshot = reader.snapshot(LogFilter(status="200"), lambda _: True)
        _answered(log, second)

        assert [1] == [each.row.id for each in snapshot.records()]
    log.close(time_us=NOON_US + 10)


def test_rows_can_be_left_out(tmp_path: Path) -> None:
    """By what the caller says of them."""
    log = open_log(tmp_path)
    for turn in range(3):
        _asked(log, at_us=NOON_US + turn)
    log.close(time_us=NOON_US + 10)
    with Reader.open(tmp_path) as reader:
        snapshot = reader.snapshot(LogFilter(first_id=2), lambda row: row.id != 3)

        assert [2] == [each.row.id for each in snapshot.records()]
