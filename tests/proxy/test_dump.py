"""mitmproxy dumps become exchanges, by the same translation as live traffic."""

from __future__ import annotations

import io
import tempfile

from mitmproxy import flow, http
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from fairwitness.model.exchange import SEEN_BODY_BYTES
from fairwitness.model.message import Direction
from fairwitness.model.recording import CutOff, Item, Recorded, Skipped
from fairwitness.proxy import dump
from fairwitness.proxy.dump import read_dump

START_S = 1_795_500_000.25


def _dump(*flows: flow.Flow) -> bytes:
    out = io.BytesIO()
    for each in flows:
        FlowWriter(out).add(each)
    return out.getvalue()


def _read(raw: bytes) -> list[Item]:
    with tempfile.TemporaryFile() as file:
        file.write(raw)
        file.seek(0)
        return list(read_dump(file))


def _one(made: flow.Flow) -> Recorded:
    [item] = _read(_dump(made))
    assert isinstance(item, Recorded)
    return item


def _flow(**request: object) -> http.HTTPFlow:
    made = tflow.tflow(resp=True)
    made.request = http.Request.make("POST", "https://shop.test:8443/a?b", b"body")
    made.request.headers["Host"] = "Other.test"
    made.request.timestamp_start = made.request.timestamp_end = START_S
    made.response = http.Response.make(200, b"hello", {"content-encoding": "gzip"})  # makes it coded
    made.response.timestamp_start, made.response.timestamp_end = START_S + 0.5, START_S + 0.75
    for name, value in request.items():
        setattr(made.request, name, value)
    return made


def test_a_flow_becomes_an_exchange() -> None:
    """Times, names, client, bodies; what was meant for a proxy is left out, as live."""
    made = _flow()
    made.client_conn.peername = ("192.0.2.9", 1234)
    made.client_conn.sni = "sni.test"
    made.client_conn.tls = True
    made.request.headers["Proxy-Authorization"] = "Basic c2VjcmV0"
    exchange = _one(made).exchange
    request, response = exchange.request, exchange.response

    assert response
    assert (round(START_S * 1e6), round((START_S + 0.75) * 1e6)) == (request.received_us, exchange.ended_us)
    assert ("POST", "https", "shop.test", 8443, b"/a?b", b"body") == (
        request.method,
        request.scheme,
        request.host,
        request.port,
        request.target,
        request.body,
    )
    assert {"dial": "shop.test", "sni": "sni.test", "host": "Other.test"} == {
        each.named_by: each.host for each in request.destinations if each.named_by != "authority"
    }
    assert "192.0.2.9" == request.client.address
    assert request.header("proxy-authorization") is None
    assert made.response
    assert made.response.raw_content
    assert (b"hello", len(made.response.raw_content)) == (response.body, response.body_bytes)


def test_long_bodies_are_cut_as_live() -> None:
    """A body over 1 MiB is its first MiB, and not decoded."""
    long = b"a" * (SEEN_BODY_BYTES + 1)
    made = _flow(content=long)
    made.response = http.Response.make(200, long)
    exchange = _one(made).exchange

    assert exchange.response
    for each in (exchange.request, exchange.response):
        assert (SEEN_BODY_BYTES, len(long), True) == (len(each.body), each.body_bytes, each.body_is_cut)


def test_a_flow_without_an_answer_failed() -> None:
    """With mitmproxy's word for it, at its time; without one, at once."""
    broken, open_ = _flow(), _flow()
    broken.response = open_.response = None
    broken.error = flow.Error("reset", START_S + 3)

    ends = [_one(each).exchange for each in (broken, open_)]

    assert [("reset", 3_000_000), ("no answer", 0)] == [
        (each.failure, each.ended_us - each.request.received_us) for each in ends
    ]


def test_messages_are_told() -> None:
    """Those of a WebSocket with its handshake, those of raw TCP with a request that stands for it."""
    socket, raw = _one(tflow.twebsocketflow()), _one(tflow.ttcpflow())

    assert "ws" == socket.exchange.request.scheme
    assert [("binary", b"hello binary"), ("text", b"hello text"), ("text", b"it's me")] == [
        (each.kind, each.content) for each in socket.messages
    ]
    assert ("TCP", "tcp", Direction.SENT, b"hello") == (
        raw.exchange.request.method,
        raw.exchange.request.scheme,
        raw.messages[0].direction,
        raw.messages[0].content,
    )


def test_what_is_no_http_is_counted() -> None:
    """DNS and UDP are skipped by name; flows with impossible times too."""
    when = _flow(timestamp_start=1e300), _flow(timestamp_start=-1.0), _flow(timestamp_start=float("nan"))

    items = _read(_dump(tflow.tdnsflow(), tflow.tudpflow(), *when))

    assert [Skipped("dns flow"), Skipped("udp flow"), *[Skipped("flow without a time")] * 3] == items


def test_a_flow_that_is_too_long_is_stepped_over() -> None:
    """Its bytes are not read, and the next flow is."""
    raw = _dump(_flow(), _flow(content=b"x" * 50_000), _flow())
    was, dump.MOST_FLOW_BYTES = dump.MOST_FLOW_BYTES, 20_000
    try:
        items = _read(raw)
    finally:
        dump.MOST_FLOW_BYTES = was

    assert [Recorded, Skipped, Recorded] == [type(each) for each in items]


def test_a_damaged_flow_is_stepped_over() -> None:
    """The length of the damaged one leads to the next; a cut one ends the recording."""
    one = _dump(_flow())
    damaged = one.replace(b"7:request", b"7:rXquest")

    items = _read(one + damaged + one + one[: len(one) // 2])

    assert [Recorded, Skipped, Recorded, CutOff] == [type(each) for each in items]
    assert CutOff(f"after exchange 2, at byte {len(one) * 3}", "it ends within a flow") == items[-1]
