"""HAR as browsers write it, and as they should not."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.addons.savehar import SaveHar
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow
from tests.audit.conftest import Read, exchanges

from fairwitness.audit import Source
from fairwitness.audit.har import HAR
from fairwitness.model.clock import parse_iso_us
from fairwitness.model.exchange import SEEN_BODY_BYTES, Exchange
from fairwitness.model.message import Direction
from fairwitness.model.recording import CutOff, Recorded, Skipped
from fairwitness.proxy.dump import read_dump

START_US = parse_iso_us("2026-11-24T10:11:12.345Z")


def _entry(url: str = "https://shop.test/a?b=1#c", **changes: Any) -> dict[str, Any]:
    request = {
        "method": "POST",
        "url": url,
        "httpVersion": "http/2.0",
        "headers": [
            {"name": ":authority", "value": "shop.test"},
            {"name": ":method", "value": "POST"},
            {"name": "Content-Type", "value": "text/plain"},
        ],
        "postData": {"mimeType": "text/plain", "text": "naïve"},
        "bodySize": 6,
    }
    response = {
        "status": 201,
        "statusText": "Created",
        "httpVersion": "h2",
        "headers": [{"name": "x", "value": "é"}],
        "content": {"size": 4, "mimeType": "image/png", "text": "iVBORw==", "encoding": "base64"},
        "bodySize": 3,
    }
    timings = {"blocked": 5, "dns": -1, "connect": 15, "ssl": 10, "send": 1, "wait": 60, "receive": 19}
    made = {
        "startedDateTime": "2026-11-24T11:11:12.345+01:00",
        "time": 100.25,
        "request": request | changes.pop("request", {}),
        "response": response | changes.pop("response", {}),
        "timings": timings,
        "serverIPAddress": "192.0.2.7",
        "_initiator": {"type": "parser", "url": "https://shop.test/"},
    }
    return made | changes


def _file(*entries: object) -> bytes:
    return json.dumps({"log": {"version": "1.2", "pages": [], "entries": entries}}).encode()


def test_an_entry_becomes_an_exchange(read: Read) -> None:
    """Times less queue and connection, names, headers without pseudo-headers, bodies as bytes."""
    exchange = exchanges(read(HAR, _file(_entry())))[0]
    request, response = exchange.request, exchange.response

    assert response
    assert (START_US + 20_000, START_US + 100_250) == (request.received_us, exchange.ended_us)
    assert ("POST", "https", "shop.test", 443) == (request.method, request.scheme, request.host, request.port)
    assert (b"/a?b=1", "HTTP/2.0") == (request.target, request.http_version)
    assert ((b"Content-Type", b"text/plain"),) == request.headers
    assert {("url", "shop.test"), ("authority", "shop.test")} == {
        (each.named_by, each.host) for each in request.destinations
    }
    assert ("naïve".encode(), 6, False) == (request.body, request.body_bytes, request.body_is_cut)
    assert (201, "Created", b"\x89PNG", 3) == (
        response.status,
        response.reason,
        response.body,
        response.body_bytes,
    )


@pytest.mark.parametrize(
    ("post", "body"),
    [
        ({"text": "a=b"}, b"a=b"),
        ({"params": [{"name": "a", "value": "b"}, {"name": "c", "value": "d"}]}, b"a=b&c=d"),
        ({"text": "", "_encoding": "base64", "_base64": base64.b64encode(b"\0\xff").decode()}, b"\0\xff"),
        ({"text": "x", "_base64": "no base64!"}, b"x"),
        (None, b""),
    ],
    ids=["text", "params", "ours", "broken", "none"],
)
def test_a_body_is_taken_from_where_it_is(read: Read, post: object, body: bytes) -> None:
    """Text, parameters, or our own field for bytes."""
    found = exchanges(read(HAR, _file(_entry(request={"postData": post, "bodySize": -1}))))

    assert [body] == [each.request.body for each in found]


def test_long_bodies_are_cut_as_live(read: Read) -> None:
    """Rules see the first MiB, and are told that there was more."""
    long = "a" * (SEEN_BODY_BYTES + 5)
    entry = _entry(
        request={"postData": {"text": long}}, response={"content": {"text": long}, "bodySize": len(long)}
    )
    exchange = exchanges(read(HAR, _file(entry)))[0]

    assert exchange.response
    for each in (exchange.request, exchange.response):
        assert (SEEN_BODY_BYTES, len(long), True) == (len(each.body), each.body_bytes, each.body_is_cut)


def test_what_had_no_answer_failed(read: Read) -> None:
    """Status 0 is how browsers write a blocked or broken request."""
    found = exchanges(read(HAR, _file(_entry(response={"status": 0}), _entry(response={"status": "x"}))))

    assert [(None, True)] * 2 == [(each.response, bool(each.failure)) for each in found]


def test_websocket_messages_are_told(read: Read) -> None:
    """With direction, number, kind and time; the handshake is one of ws or wss."""
    messages = [
        {"type": "send", "time": START_US / 1e6 + 1, "opcode": 1, "data": "hi"},
        {"type": "receive", "time": START_US / 1e6 + 2, "opcode": 2, "data": "AP8="},
        {"type": "send", "time": START_US / 1e6 + 3, "opcode": 1, "data": "bye"},
        "odd",
    ]
    [item] = read(HAR, _file(_entry("wss://shop.test/ws", _webSocketMessages=messages)))

    assert isinstance(item, Recorded)
    assert "wss" == item.exchange.request.scheme
    assert [
        (Direction.SENT, 1, "text", b"hi", START_US + 1_000_000),
        (Direction.RECEIVED, 1, "binary", b"\0\xff", START_US + 2_000_000),
        (Direction.SENT, 2, "text", b"bye", START_US + 3_000_000),
    ] == [(each.direction, each.number, each.kind, each.content, each.time_us) for each in item.messages]


def test_what_is_no_web_request_is_counted(read: Read) -> None:
    """data:, blob:, extensions, entries without a time or an address."""
    urls = ["data:text/html,x", "blob:https://shop.test/1", "chrome-extension://abc/x", "shop.test:443", ""]
    entries = [*map(_entry, urls), _entry(startedDateTime="yesterday"), "x", 1, None, []]

    items = read(HAR, _file(*entries, _entry()))

    nothing = Skipped("entry without a web address")
    assert [
        Skipped("data: URL", is_local=True),
        Skipped("blob: URL", is_local=True),
        Skipped("chrome-extension: URL", is_local=True),
        nothing,
        nothing,
        Skipped("entry without a time"),
        *[nothing] * 4,
    ] == items[:-1]
    assert isinstance(items[-1], Recorded)


@pytest.mark.parametrize(
    ("written", "us"),
    [
        ("2026-11-24T10:11:12.345Z", START_US),
        ("2026-11-24T10:11:12.3450000Z", START_US),
        ("2026-11-24T05:11:12.345-05:00", START_US),
        ("2026-11-24T10:11:12.345", START_US),
    ],
)
def test_times_have_many_forms(read: Read, written: str, us: int) -> None:
    """Offsets, seven digits, none: UTC."""
    entry = _entry(startedDateTime=written, timings=None)

    assert [us] == [each.request.received_us for each in exchanges(read(HAR, _file(entry)))]


def test_odd_durations_do_no_harm(read: Read) -> None:
    """Missing, negative or absurd: the end is never before the start, nor beyond the last day."""
    for time in (None, -1, 1e300, "x", [], True):
        [exchange] = exchanges(read(HAR, _file(_entry(time=time))))
        assert exchange.request.received_us <= exchange.ended_us


def test_the_nested_end_of_a_file_is_told(read: Read, tmp_path: Path) -> None:
    """Entries before the cut are read, and the place is told."""
    whole = _file(*[_entry()] * 5)
    items = read(HAR, whole[: len(whole) * 7 // 10])

    assert 3 == len(exchanges(items))
    assert CutOff(f"after exchange 3, before byte {len(whole) * 7 // 10}", items[-1].why) == items[-1]  # type: ignore[union-attr]


def test_our_own_export_begins_when_the_request_came(read: Read) -> None:
    """There `blocked` is what fairwitness took to decide, after the attempt; the label names the actor."""
    [exchange] = exchanges(read(HAR, _file(_entry(_fairwitness={"label": "ffuf"}))))

    assert (START_US, "label ffuf") == (exchange.request.received_us, exchange.request.actor)


def test_a_har_of_another_tool_tells_what_its_dump_tells(read: Read) -> None:
    """mitmproxy writes both of the same flows; both give the same exchanges, in the same order."""
    flows, dump = [], io.BytesIO()
    for at in range(5):
        flow = tflow.tflow(resp=True)
        body = b"a=%d" % at if at % 2 else b""
        flow.request = http.Request.make("POST", f"https://shop.test/{at}?q=%20", body, {"X": "y"})
        flow.request.timestamp_start = flow.request.timestamp_end = START_US / 1e6 + at
        flow.response = http.Response.make(200 + at, b"\x89PNG" + b"\0\xff" * (50 + at))
        flow.response.timestamp_start = flow.response.timestamp_end = START_US / 1e6 + at + 0.25
        flow.server_conn.timestamp_start = flow.server_conn.timestamp_tcp_setup = None
        flows.append(flow)
        FlowWriter(dump).add(flow)
    har = json.dumps(SaveHar().make_har(flows)).encode()

    of_har = exchanges(read(HAR, har))
    of_dump = exchanges(read(Source("dump", lambda head: True, read_dump), dump.getvalue()))

    assert 5 == len(of_har)
    assert [_told(each) for each in of_dump] == [_told(each) for each in of_har]


def _told(exchange: Exchange) -> tuple[object, ...]:
    request, response = exchange.request, exchange.response
    answer = (response.status, response.body) if response else None
    return request.method, request.url, request.body, request.received_us // 1000, answer
