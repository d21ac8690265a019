"""What is put in the place of mitmproxy's own."""

from __future__ import annotations

import pytest
from mitmproxy.options import Options
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.layers.http import HttpErrorHook
from mitmproxy.proxy.layers.http._events import RequestData, ResponseProtocolError
from mitmproxy.test.tflow import tclient_conn, tflow

from fairwitness.proxy.layers import WatchedStream, watch_layers


def test_an_endless_tls_hello_is_given_up() -> None:
    """Records that promise 16 MiB of hello are refused after 64 KiB, not parsed again with every packet."""
    watch_layers()
    watch_layers()
    record = b"\x16\x03\x01\x40\x00" + b"\xff" * 0x4000

    waiting = tls.parse_client_hello(record)

    assert waiting is None
    with pytest.raises(ValueError, match="too long"):
        tls.parse_client_hello(record * 5)


def test_what_comes_of_an_upload_while_its_failure_is_told_goes_nowhere() -> None:
    """It would meet a body that is finished already: a fault, of which three close the gate."""
    taken: list[bytes] = []
    stream = WatchedStream(Context(tclient_conn(), Options()), 1)
    stream.flow = tflow()
    stream.flow.request.stream = lambda chunk: taken.append(chunk) or b""
    stream.client_state = stream.state_stream_request_body
    stream.server_state = stream.state_wait_for_response_headers

    (hook,) = stream.handle_event(ResponseProtocolError(1, "broken", ResponseProtocolError.code))
    assert isinstance(hook, HttpErrorHook)
    assert [] == list(stream.handle_event(RequestData(1, b"late")))
    list(stream.handle_event(events.HookCompleted(hook)))

    assert [] == taken
