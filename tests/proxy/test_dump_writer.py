from __future__ import annotations

import io

from mitmproxy import http
from mitmproxy.io import FlowReader

from fairwitness.export.testing import make_message, make_record, shown
from fairwitness.model.record import ExchangeRecord
from fairwitness.proxy.dump_writer import write_dump


def _flows(*records: ExchangeRecord) -> list[http.HTTPFlow]:
    out = io.BytesIO()
    write_dump(map(shown, records), out)
    out.seek(0)
    return [flow for flow in FlowReader(out).stream() if isinstance(flow, http.HTTPFlow)]


def test_requests_and_responses_come_back_as_they_were() -> None:
    """Byte for byte, with their times."""
    record = make_record(
        request=b"POST /a\xff?b HTTP/1.1",
        url="http://[2001:db8::1]:8080/a\xff?b",
        method="POST",
        request_headers=((b"Host", b"[2001:db8::1]:8080"), (b"X-Odd", b"\xff\xfe")),
        request_body=b"\x00\xff",
        response=b"HTTP/1.1 404 Not There",
        response_body=b"\x80",
        duration_us=2500,
    )
    (flow,) = _flows(record)

    assert ("POST", "2001:db8::1", 8080) == (flow.request.method, flow.request.host, flow.request.port)
    assert b"/a\xff?b" == flow.request.data.path
    assert record.request_headers == tuple(flow.request.headers.fields)
    assert b"\x00\xff" == flow.request.raw_content
    assert flow.response is not None
    assert (404, "Not There", b"\x80") == (
        flow.response.status_code,
        flow.response.reason,
        flow.response.raw_content,
    )
    assert record.row.time_us == round(flow.request.timestamp_end * 1e6)
    assert ("received-us", str(round(flow.request.timestamp_start * 1e6))) in record.meta
    assert "fairwitness 1: allow: shop.example.com is in scope" == flow.comment


def test_a_coding_that_was_removed_is_put_back() -> None:
    """mitmproxy decodes it to what was stored."""
    headers = ((b"Content-Encoding", b"gzip"), (b"Content-Length", b"999"))
    (flow,) = _flows(make_record(response_headers=headers, meta=(("coded-sha256", "0" * 64),)))

    assert flow.response is not None
    assert b"ok" == flow.response.content
    assert flow.response.raw_content is not None
    assert flow.response.raw_content.startswith(b"\x1f\x8b")
    assert str(len(flow.response.raw_content)) == flow.response.headers["content-length"]


def test_a_coding_that_was_kept_stays() -> None:
    """What could not be decoded is as it came."""
    (flow,) = _flows(make_record(response_headers=((b"Content-Encoding", b"br"),), response_body=b"\xff"))

    assert flow.response is not None
    assert b"\xff" == flow.response.raw_content


def test_websockets_keep_their_messages() -> None:
    """Both ways, text and binary; pings have no place there."""
    (flow,) = _flows(
        make_record(
            url="wss://shop.example.com/ws",
            messages=(
                make_message(b"hi"),
                make_message(b"\x00", kind="binary", sent=False),
                make_message(b"", kind="ping"),
            ),
        )
    )

    assert flow.websocket is not None
    assert [(True, b"hi"), (False, b"\x00")] == [
        (message.from_client, message.content) for message in flow.websocket.messages
    ]


def test_blocks_and_failures_carry_their_reason() -> None:
    """Tunnels are not in it."""
    blocked = make_record(outcome="blocked", decision="block", reason="not listed", response=None)
    tunnel = make_record(2, method="CONNECT", request=b"CONNECT a.test:443 HTTP/1.1", url="a.test:443")
    (flow,) = _flows(blocked, tunnel)

    assert flow.error is not None
    assert "blocked: not listed" == flow.error.msg
