"""Exchanges as a mitmproxy dump, for mitmproxy, mitmweb and whatever else reads one."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from typing import BinaryIO

from mitmproxy import connection, flow, http, websocket
from mitmproxy.io import FlowWriter
from wsproto.frame_protocol import Opcode

from fairwitness.model.disclosure import Shown
from fairwitness.model.exchange import STANDARD_PORTS
from fairwitness.model.message import Direction, Message
from fairwitness.model.record import ExchangeRecord

_DATA = {"text": Opcode.TEXT, "binary": Opcode.BINARY}  # a dump has no place for control frames
_AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]{1,5}))?")


class DumpExporter:
    """The format ``mitm``."""

    name = "mitm"

    def write(self, shown: Iterable[Shown], out: BinaryIO) -> None:
        """Write them, one at a time."""
        write_dump(shown, out)


def write_dump(shown: Iterable[Shown], out: BinaryIO) -> None:
    """Write a dump.

    Tunnels become nothing, since they hold no HTTP.  Bodies whose content coding was removed are coded again.
    """
    writer = FlowWriter(out)
    for each in shown:
        if each.record.request_line and each.record.row.method not in ("CONNECT", "TCP"):
            writer.add(_flow(each))


def _flow(shown: Shown) -> http.HTTPFlow:
    record = shown.record
    row = record.row
    scheme, host, port = _server(row.url)
    made = http.HTTPFlow(_client(row.client, row.time_us), _dialled(host, port, scheme))
    made.id = str(uuid.UUID(hex=row.exchange))
    made.request = _request(record, scheme, host, port)
    made.response = _response(record)
    made.comment = _sound(f"fairwitness {row.id}: {row.decision}: {row.reason}")
    if made.response is None or row.outcome.startswith("failed"):
        made.error = flow.Error(_sound(f"{row.outcome}: {row.reason}"), row.time_us / 1e6)
    data = [message for message in record.messages if message.kind in _DATA]
    if record.messages:
        made.websocket = websocket.WebSocketData(messages=[_message(each) for each in data])
    return made


def _server(url: str) -> tuple[str, str, int]:
    scheme, _, rest = url.partition("://")
    authority = _AUTHORITY.fullmatch(re.split(r"[/?#]", rest, maxsplit=1)[0])
    usual = STANDARD_PORTS.get(scheme, 80)
    if authority is None:
        return scheme, _sound(rest), usual
    return scheme, _sound(authority["host"].strip("[]")), int(authority["port"] or usual)


def _client(peer: str, time_us: int) -> connection.Client:
    host, _, port = peer.rpartition(":")
    number = int(port) if port.isascii() and port.isdecimal() else 0
    return connection.Client(
        peername=(_sound(host.strip("[]")), number), sockname=("", 0), timestamp_start=time_us / 1e6
    )


def _dialled(host: str, port: int, scheme: str) -> connection.Server:
    server = connection.Server(address=(host, port))
    server.tls = scheme in ("https", "wss")
    return server


def _request(record: ExchangeRecord, scheme: str, host: str, port: int) -> http.Request:
    method, _, rest = record.request_line.partition(b" ")
    target, _, version = rest.rpartition(b" ")
    released_us = record.row.time_us
    made = http.Request(
        host=host,
        port=port,
        method=method,
        scheme=b"https" if scheme in ("https", "wss") else b"http",
        authority=b"",
        path=target,
        http_version=version,
        headers=http.Headers(record.request_headers),
        content=record.request_body,
        trailers=http.Headers(record.request_trailers) if record.request_trailers else None,
        timestamp_start=min(_time_us(record, "received-us"), released_us) / 1e6,
        timestamp_end=released_us / 1e6,
    )
    if not _has_true_length(made.headers):
        made.content = record.request_body  # sets its length
    return made


def _response(record: ExchangeRecord) -> http.Response | None:
    if record.response_line is None:
        return None
    version, _, rest = record.response_line.partition(b" ")
    status, _, reason = rest.partition(b" ")
    ended_s = (record.row.time_us + (record.row.duration_us or 0)) / 1e6
    response = http.Response(
        http_version=version,
        status_code=int(status) if re.fullmatch(rb"[0-9]{3}", status) else record.row.status or 0,
        reason=reason,
        headers=http.Headers(record.response_headers),
        content=record.response_body,
        trailers=http.Headers(record.response_trailers) if record.response_trailers else None,
        timestamp_start=_time_us(record, "started-us") / 1e6,
        timestamp_end=ended_s,
    )
    is_coded = any(name == "coded-sha256" for name, _ in record.meta)
    if record.response_body and (is_coded or not _has_true_length(response.headers)):
        response.content = record.response_body  # codes it again, and sets its length
    return response


def _has_true_length(headers: http.Headers) -> bool:
    """Whether its length, where there is one, was not taken out because it told of something hidden."""
    return bool(re.fullmatch(r"[0-9]*", headers.get("content-length", "")))


def _time_us(record: ExchangeRecord, kept_as: str) -> int:
    """A time that the log keeps, else that of the release."""
    value = next((value for name, value in record.meta if name == kept_as), "")
    return int(value) if re.fullmatch(r"[0-9]{1,18}", value) else record.row.time_us


def _message(message: Message) -> websocket.WebSocketMessage:
    return websocket.WebSocketMessage(
        _DATA[message.kind],
        message.direction is Direction.SENT,
        message.content,
        message.time_us / 1e6,
    )


def _sound(value: str) -> str:
    return value.encode("utf-8", "backslashreplace").decode("utf-8")
