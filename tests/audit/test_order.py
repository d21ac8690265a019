"""Moments come in the order of their times, and nothing of an exchange is lost on the way."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairwitness.audit import InOrder
from fairwitness.errors import RecordingError
from fairwitness.model.exchange import Client, Destination, Exchange, Request, Response, new_exchange
from fairwitness.model.message import Direction, Message
from fairwitness.model.recording import Asked, Ended, Moment, Recorded, Told
from fairwitness.rules.testing import NOON_US, make_request

_headers = st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), max_size=3).map(tuple)
_any_text = st.text(st.characters(), max_size=9)  # surrogates too
_us = st.integers(0, 2**57)


@st.composite
def _recorded(draw: st.DrawFn) -> Recorded:
    started_us = draw(_us)
    request = Request(
        exchange=new_exchange(),
        received_us=started_us,
        client=Client(connection="0" * 32, address=draw(_any_text), port=1, label=draw(_any_text)),
        method=draw(_any_text),
        scheme="https",
        host=draw(_any_text),
        port=draw(st.integers(0, 65_535)),
        target=draw(st.binary(max_size=20)),
        http_version=draw(_any_text),
        headers=draw(_headers),
        destinations=(Destination("url", "https", draw(_any_text), 443, draw(st.none() | _any_text)),),
        body=draw(st.binary(max_size=20)),
        body_bytes=draw(st.none() | st.integers(0, 2**62)),
        body_is_cut=draw(st.booleans()),
        trailers=draw(_headers),
    )
    response = Response(
        http_version=draw(_any_text),
        status=draw(st.integers(100, 999)),
        reason=draw(_any_text),
        headers=draw(_headers),
        started_us=started_us,
        ended_us=started_us,
        body=draw(st.binary(max_size=20)),
        body_bytes=draw(st.integers(0, 2**62)),
        trailers=draw(_headers),
    )
    exchange = Exchange(
        request=request,
        response=draw(st.none() | st.just(response)),
        failure=draw(st.none() | _any_text),
        ended_us=started_us + draw(st.integers(0, 1000)),
    )
    message = Message(
        exchange=request.exchange,
        direction=draw(st.sampled_from(Direction)),
        kind="text",
        number=1,
        content=draw(st.binary(max_size=20)),
        time_us=started_us + draw(st.integers(0, 1000)),
    )
    return Recorded(exchange=exchange, messages=draw(st.sampled_from([(), (message,)])))


def _moments(recorded: list[Recorded]) -> list[Moment]:
    with InOrder("test") as order:
        for each in recorded:
            order.add(each)
        return list(order)


def _time_us(moment: Moment) -> int:
    if isinstance(moment, Asked):
        return moment.request.received_us
    return moment.message.time_us if isinstance(moment, Told) else moment.exchange.ended_us


@settings(max_examples=60, deadline=None)
@given(st.lists(_recorded(), max_size=4))
def test_everything_comes_back_once_in_order(recorded: list[Recorded]) -> None:
    """Any bytes and any text survive; times never go back; the last moment of each is marked."""
    moments = _moments(recorded)

    times = [_time_us(each) for each in moments]
    assert sorted(times) == times
    for position, each in enumerate(recorded, start=1):
        own = [moment for moment in moments if moment.position == position]
        assert [False] * (len(own) - 1) + [True] == [moment.is_last for moment in own]
        assert [each.exchange.request] == [moment.request for moment in own if isinstance(moment, Asked)]
        assert [each.exchange] == [moment.exchange for moment in own if isinstance(moment, Ended)]
        assert list(each.messages) == [moment.message for moment in own if isinstance(moment, Told)]


def test_within_one_moment_each_is_over_before_the_next() -> None:
    """A clock of whole seconds must not make it look as if all of a second had been open at once."""
    requests = [make_request(f"https://shop.test/{at}") for at in range(3)]
    recorded = [
        Recorded(exchange=Exchange(request=each, response=None, ended_us=each.received_us))
        for each in requests
    ]

    kinds = [(each.position, type(each)) for each in _moments(recorded)]

    assert [(at, kind) for at in (1, 2, 3) for kind in (Asked, Ended)] == kinds


def test_an_end_before_its_start_is_at_its_start() -> None:
    """A recording may say so; a request is never over before it was made."""
    request = make_request()
    recorded = Recorded(exchange=Exchange(request=request, response=None, ended_us=NOON_US - 5_000_000))
    later = replace(request, exchange=new_exchange(), received_us=request.received_us - 1)

    moments = _moments([recorded, Recorded(exchange=Exchange(request=later, response=None, ended_us=0))])

    assert [(2, Asked), (2, Ended), (1, Asked), (1, Ended)] == [(m.position, type(m)) for m in moments]


def test_a_full_disk_is_told() -> None:
    """Where there is no room for the sorting, the error says where to make some."""
    big = replace(make_request(), body=b"x" * (1 << 20))
    with InOrder("big.har") as order:
        store: sqlite3.Connection = order._store
        store.execute("PRAGMA max_page_count=20")

        with pytest.raises(RecordingError, match=r"big\.har: there is no room to sort it"):
            order.add(Recorded(exchange=Exchange(request=big, response=None, ended_us=big.received_us)))
