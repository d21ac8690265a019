"""Burp's saved items."""

from __future__ import annotations

import gzip

from tests.audit.conftest import BURP_HEAD, Read, burp_file, burp_item, exchanges

from fairwitness.audit.burp import BURP
from fairwitness.model.clock import parse_iso_us
from fairwitness.model.recording import CutOff, Recorded, Remark, Skipped

TIME_US = parse_iso_us("2026-11-24T09:11:12Z")  # 10:11:12 CET


def test_an_item_becomes_an_exchange(read: Read) -> None:
    """Burp's own DTD is accepted; heads and bodies are those of the raw messages."""
    asked = b"POST /a?b=1 HTTP/1.1\r\nHost: shop.test\r\nX: \xff\r\nContent-Length: 3\r\n\r\na\0b"
    body = gzip.compress(b"hello", mtime=0)
    answered = b"HTTP/1.1 200 All right\r\nContent-Encoding: gzip\r\n\r\n" + body
    [exchange] = exchanges(read(BURP, burp_file([burp_item(asked, answered, path="/a?b=1")])))
    request, response = exchange.request, exchange.response

    assert response
    assert (TIME_US, TIME_US) == (request.received_us, exchange.ended_us)
    assert ("POST", b"/a?b=1", "HTTP/1.1", b"a\0b") == (
        request.method,
        request.target,
        request.http_version,
        request.body,
    )
    assert (b"X", b"\xff") in request.headers
    assert {"dial", "url", "host"} == {each.named_by for each in request.destinations}
    assert (200, "All right", b"hello", len(body)) == (
        response.status,
        response.reason,
        response.body,
        response.body_bytes,
    )


def test_a_host_header_that_lies_is_a_destination(read: Read) -> None:
    """All names of a request must be allowed, in a recording too."""
    asked = b"GET https://third.test/x HTTP/1.1\r\nHost: evil.test\r\n\r\n"
    [exchange] = exchanges(read(BURP, burp_file([burp_item(asked)])))

    assert {"shop.test", "evil.test", "third.test"} == {each.host for each in exchange.request.destinations}


def test_http2_is_read_as_burp_writes_it(read: Read) -> None:
    """A start line with HTTP/2 and plain headers, or pseudo-headers kept."""
    asked = b"GET /x HTTP/2\r\nHost: shop.test\r\n:authority: shop.test\r\n\r\n"
    [exchange] = exchanges(read(BURP, burp_file([burp_item(asked, b"HTTP/2 204 No Content\r\n\r\n")])))

    assert exchange.response
    assert ("HTTP/2.0", "HTTP/2.0", 204) == (
        exchange.request.http_version,
        exchange.response.http_version,
        exchange.response.status,
    )
    assert ((b"Host", b"shop.test"),) == exchange.request.headers


def test_items_without_base64_are_read(read: Read) -> None:
    """Text as it stands, with line ends as XML keeps them."""
    raw = burp_item(b"x").replace(b'request base64="true"', b'request base64="false"')
    raw = raw.replace(b"eA==", b"GET /plain HTTP/1.1\nHost: shop.test\n\nbody", 1)
    [exchange] = exchanges(read(BURP, burp_file([raw])))

    assert (b"/plain", b"body", None) == (
        exchange.request.target,
        exchange.request.body,
        exchange.response,
    )


def test_what_cannot_be_judged_is_counted(read: Read) -> None:
    """Items without request, address or time; zones that nobody knows are told."""
    good = b"GET / HTTP/1.1\r\n\r\n"
    items = [
        burp_item(b""),
        burp_item(good, time="then"),
        burp_item(good).replace(b"https://shop.test", b"gopher://shop.test"),
        b"<other/>",
        burp_item(good, time="Tue Nov 24 10:11:12 CST 2026"),
    ]

    *skipped, remark, last = read(BURP, burp_file(items))

    assert [f"item without a {what}" for what in ("request", "time", "web address")] == [
        each.why for each in skipped if isinstance(each, Skipped)
    ]
    assert Remark("time zone not known, taken as UTC") == remark
    assert isinstance(last, Recorded)
    assert parse_iso_us("2026-11-24T10:11:12Z") == last.exchange.request.received_us


def test_the_end_of_a_cut_file_is_told(read: Read) -> None:
    """Whole items before it are read."""
    items = read(BURP, BURP_HEAD + burp_item(b"GET / HTTP/1.1\r\n\r\n") + b"  <item>\n    <time>Tu")

    assert [Recorded, CutOff] == [type(each) for each in items]
