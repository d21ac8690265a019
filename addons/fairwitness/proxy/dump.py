"""mitmproxy's own dumps (.mitm): what its tools save, read flow by flow."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterator
from typing import BinaryIO

from mitmproxy import exceptions, http, tcp
from mitmproxy.flow import Error, Flow
from mitmproxy.io import FlowReader
from wsproto.frame_protocol import Opcode

from fairwitness.detect.decode import decoded
from fairwitness.model.exchange import SEEN_BODY_BYTES, Destination, Exchange, Response
from fairwitness.model.message import Direction, Message
from fairwitness.model.recording import LATEST_US, CutOff, Item, Recorded, Skipped
from fairwitness.proxy.translate import bare_request, request_of, response_of, strip_proxy_headers
from fairwitness.proxy.wiring import Caller

MOST_FLOW_BYTES = 128 << 20  # 128 MiB: a flow is whole in memory, several times while it is read
_MOST_DIGITS = 12  # of a length, as mitmproxy writes them
# What mitmproxy raises on a flow that was made to harm: FlowReader passes on more than its own.
_DAMAGE = (
    exceptions.FlowReadException,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,  # RecursionError and NotImplementedError too
    TypeError,
    ValueError,
)


def read_dump(file: BinaryIO) -> Iterator[Item]:
    """The flows of a dump in the order of the file, those of older versions of mitmproxy too.

    A flow that is damaged is skipped, the next one is found by the damaged one's length.
    """
    size, count, at = os.fstat(file.fileno()).st_size, 0, 0
    while True:
        length, why = _length(file, left=size - at)
        if length is None:
            if why:
                yield CutOff(f"after exchange {count}, at byte {at}", why)
            return
        if length > MOST_FLOW_BYTES:
            yield Skipped(f"flow of more than {MOST_FLOW_BYTES >> 20} MiB")
            file.seek(length, os.SEEK_CUR)
        else:
            item = _item(b"%d:%s" % (length - 1, file.read(length)))
            count += isinstance(item, Recorded)
            yield item
        at = file.tell()


def _length(file: BinaryIO, *, left: int) -> tuple[int | None, str]:
    """How many bytes the next flow has behind its length; None and why (or "": the end) without one."""
    digits = b""
    while (each := file.read(1)) and each.isdigit() and len(digits) < _MOST_DIGITS:
        digits += each
    if not each and not digits:
        return None, ""
    if not each:
        return None, "it ends within a flow"
    if each != b":" or not digits:
        return None, "no flow begins here"
    length = int(digits) + 1
    if length > left - len(digits) - 1:
        return None, "it ends within a flow"
    return length, ""


def _item(frame: bytes) -> Item:
    try:
        flow = next(iter(FlowReader(io.BytesIO(frame)).stream()), None)
        if isinstance(flow, http.HTTPFlow):
            return _http(flow)
        if isinstance(flow, tcp.TCPFlow):
            return _tcp(flow)
    except _DAMAGE:
        return Skipped("damaged flow")
    return Skipped("no HTTP" if flow is None else f"{flow.type} flow")


def _http(flow: http.HTTPFlow) -> Item:
    request, response = flow.request, flow.response
    received_us = _micros(request.timestamp_start)
    if received_us is None:
        return Skipped("flow without a time")
    strip_proxy_headers(flow)
    body = request.raw_content or b""
    asked = request_of(
        flow,
        _caller(flow, received_us),
        received_us=received_us,
        host="",
        body=body[:SEEN_BODY_BYTES],
        body_bytes=len(body),
    )
    answered = _response(response, not_before_us=received_us) if response else None
    ended_us = answered.ended_us if answered else _ended_us(flow.error, received_us)
    failure = None
    if flow.error is not None or answered is None:
        failure = flow.error.msg if flow.error else "no answer"
    exchange = Exchange(request=asked, response=answered, failure=failure, ended_us=ended_us)
    told = _websocket(flow, asked.exchange, received_us) if flow.websocket else ()
    return Recorded(exchange=exchange, messages=tuple(told))


def _response(response: http.Response, *, not_before_us: int) -> Response:
    coded = response.raw_content or b""
    started_us = max(_micros(response.timestamp_start) or 0, not_before_us)
    plain = None
    if len(coded) <= SEEN_BODY_BYTES:
        plain = decoded(coded, response.headers.get("content-encoding"))
    return response_of(
        response,
        started_us=started_us,
        ended_us=max(_micros(response.timestamp_end) or 0, started_us),
        body=coded[:SEEN_BODY_BYTES] if plain is None else plain,
        body_bytes=len(coded),
        is_cut=len(coded) > SEEN_BODY_BYTES,
    )


def _websocket(flow: http.HTTPFlow, exchange: str, not_before_us: int) -> Iterator[Message]:
    assert flow.websocket is not None
    numbers = {Direction.SENT: 0, Direction.RECEIVED: 0}
    for each in flow.websocket.messages:
        kind = "text" if each.type == Opcode.TEXT else "binary"
        yield _message(exchange, each.content, each.timestamp, numbers, kind, each.from_client, not_before_us)


def _message(
    exchange: str,
    content: bytes,
    seconds: float,
    numbers: dict[Direction, int],
    kind: str,
    from_client: bool,
    not_before_us: int,
) -> Message:
    direction = Direction.SENT if from_client else Direction.RECEIVED
    numbers[direction] += 1
    return Message(
        exchange=exchange,
        direction=direction,
        kind=kind,
        number=numbers[direction],
        content=content,
        time_us=max(_micros(seconds) or 0, not_before_us),
    )


def _tcp(flow: tcp.TCPFlow) -> Item:
    address = flow.server_conn.address
    received_us = _micros(flow.client_conn.timestamp_start)
    if received_us is None and flow.messages:
        received_us = _micros(flow.messages[0].timestamp)
    if address is None or received_us is None:
        return Skipped("flow without a time" if address else "flow without an address")
    host, port = address[:2]
    request = bare_request(
        _caller(flow, received_us),
        method="TCP",
        scheme="tcp",
        host=host,
        port=port,
        destinations=(Destination("connect", "tcp", host, port),),
    )
    numbers = {Direction.SENT: 0, Direction.RECEIVED: 0}
    told = [
        _message(
            request.exchange, each.content, each.timestamp, numbers, "tcp", each.from_client, received_us
        )
        for each in flow.messages
    ]
    ended_us = max([message.time_us for message in told], default=_ended_us(flow.error, received_us))
    failure = flow.error.msg if flow.error else None
    exchange = Exchange(request=request, response=None, failure=failure, ended_us=ended_us)
    return Recorded(exchange=exchange, messages=tuple(told))


def _caller(flow: Flow, received_us: int) -> Caller:
    peer = flow.client_conn.peername
    address, port = peer[:2] if peer else ("recording", 0)
    return Caller(secrets.token_hex(16), address, port, connect_us=received_us)


def _ended_us(error: Error | None, started_us: int) -> int:
    return max(_micros(error.timestamp) or 0, started_us) if error else started_us


def _micros(seconds: float | None) -> int | None:
    """Microseconds; None where there is no time, or none that can be."""
    if seconds is None or not 0 <= seconds * 1e6 < LATEST_US:
        return None
    return round(seconds * 1e6)
