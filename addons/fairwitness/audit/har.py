"""HAR, the format of browsers' developer tools (HTTP Archive 1.2), of any size.

Sources:
    http://www.softwareishard.com/blog/har-12-spec/; fields with an underscore as Chromium's developer tools
    write them (``_webSocketMessages``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

import ijson

from fairwitness.audit.address import Address, address_of, destinations_of, secured
from fairwitness.audit.json_guard import GuardedJson
from fairwitness.audit.source import Source, TooMuchError, without_bom
from fairwitness.audit.values import Fields, fields, from_base64, number, rows, text, wire
from fairwitness.model.clock import parse_iso_us
from fairwitness.model.exchange import (
    SEEN_BODY_BYTES,
    Client,
    Exchange,
    Headers,
    Request,
    Response,
    new_exchange,
)
from fairwitness.model.message import Direction, Message
from fairwitness.model.recording import LATEST_US, CutOff, Item, Recorded, Skipped

_DECODED_BYTES = 16 << 20  # 16 MiB: what live traffic keeps of a body that is short as it comes
_BEGINNING = re.compile(rb'\{\s*"log"\s*:')  # the format knows no other key beside it
_ENTRIES_DEPTH = 3  # {"log": {"entries": [
_OTHER_SCHEMES = frozenset({"about", "blob", "chrome", "chrome-extension", "data", "file", "moz-extension"})
_BEFORE_SENDING = ("blocked", "dns", "connect")  # phases after startedDateTime in which nothing was sent yet
_CLIENT = Client(connection="0" * 32, address="recording", port=0)  # a HAR is of one browser
_KINDS = {1.0: "text", 2.0: "binary", 8.0: "close", 9.0: "ping", 10.0: "pong"}
_LABEL = 64  # characters, as live


def read_har(file: BinaryIO) -> Iterator[Item]:
    """The entries of a HAR, in the order of the file."""
    guarded, count = GuardedJson(file, base_depth=_ENTRIES_DEPTH), 0
    try:
        for entry in ijson.items(guarded, "log.entries.item", use_float=True):
            item = _item(fields(entry))
            count += isinstance(item, Recorded)
            yield item
    except (TooMuchError, ijson.JSONError, ValueError, OverflowError) as error:
        is_ours = isinstance(error, TooMuchError)
        why = str(error) if is_ours else "it is no JSON from here on, or ends too early"
        yield CutOff(f"after exchange {count}, before byte {guarded.position}", why)


def _is_like(head: bytes) -> bool:
    return _BEGINNING.match(without_bom(head)) is not None


HAR = Source("HAR", _is_like, read_har)


def _item(entry: Fields) -> Item:
    asked, answered = fields(entry.get("request")), fields(entry.get("response"))
    url = text(asked, "url")
    address = address_of(url)
    if address is None:
        scheme = url.partition(":")[0].lower()
        if scheme in _OTHER_SCHEMES:
            return Skipped(f"{scheme}: URL", is_local=True)
        return Skipped("entry without a web address")
    started_us = _time_us(text(entry, "startedDateTime"))
    if started_us is None:
        return Skipped("entry without a time")
    took_us, before_us = _durations(entry)
    own = fields(entry.get("_fairwitness"))
    if own:
        before_us = 0  # our own export begins when the request came to the proxy
    ended_us = min(started_us + took_us, LATEST_US)
    client = replace(_CLIENT, label=text(own, "label")[:_LABEL] or None)
    request = _request(asked, address, client, received_us=min(started_us + before_us, ended_us))
    response = _response(answered, request, ended_us=ended_us)
    exchange = Exchange(
        request=request,
        response=response,
        failure=None if response else "failed or was blocked, as the recording says",
        ended_us=ended_us,
    )
    return Recorded(exchange=exchange, messages=tuple(_messages(entry, request)))


def _durations(entry: Fields) -> tuple[int, int]:
    """Microseconds that it took, and those of them before anything was sent."""
    timings = fields(entry.get("timings"))
    phases = {name: max(number(timings, name) or 0.0, 0.0) for name in (*_BEFORE_SENDING, "send", "wait")}
    phases["receive"] = max(number(timings, "receive") or 0.0, 0.0)
    took = number(entry, "time")
    if took is None or took < 0:
        took = sum(phases.values())
    before = sum(phases[name] for name in _BEFORE_SENDING)
    return _micros(took), _micros(min(before, took))


def _micros(milliseconds: float) -> int:
    return (
        round(min(milliseconds * 1000, LATEST_US)) if milliseconds == milliseconds else 0
    )  # NaN is not itself


def _time_us(written: str) -> int | None:
    try:
        time_us = parse_iso_us(written)
    except (ValueError, OverflowError):
        return None
    return time_us if 0 <= time_us < LATEST_US else None


def _request(asked: Fields, address: Address, client: Client, *, received_us: int) -> Request:
    headers, authority = _headers(asked)
    scheme = secured(address.scheme, headers)
    body = _sent_body(fields(asked.get("postData")))
    told = number(asked, "bodySize")
    body_bytes = max(len(body), _whole(told))
    return Request(
        exchange=new_exchange(),
        received_us=received_us,
        client=client,
        method=text(asked, "method") or "GET",
        scheme=scheme,
        host=address.host,
        port=address.port,
        target=wire(address.target),
        http_version=_version(text(asked, "httpVersion")),
        headers=headers,
        destinations=destinations_of(address, scheme, headers, authority=authority),
        body=body[:SEEN_BODY_BYTES],
        body_bytes=body_bytes,
        body_is_cut=body_bytes > min(len(body), SEEN_BODY_BYTES),
    )


def _sent_body(post: Fields) -> bytes:
    coded = from_base64(text(post, "_base64")) if text(post, "_base64") else None
    if coded is not None:
        return coded
    written = text(post, "text")
    if written:
        return (from_base64(written) if text(post, "encoding") == "base64" else None) or wire(written)
    pairs = [f"{text(each, 'name')}={text(each, 'value')}" for each in rows(post, "params")]
    return wire("&".join(pairs))


def _response(answered: Fields, request: Request, *, ended_us: int) -> Response | None:
    status = _whole(number(answered, "status"))
    if not 100 <= status <= 999:
        return None
    content = fields(answered.get("content"))
    written = text(content, "text")
    body = (from_base64(written) if text(content, "encoding") == "base64" else None) or wire(written)
    told = _whole(number(answered, "bodySize"))
    body_bytes = told or _whole(number(content, "size")) or len(body)
    limit = _DECODED_BYTES if 0 < told <= SEEN_BODY_BYTES else SEEN_BODY_BYTES
    headers, _ = _headers(answered)
    return Response(
        http_version=_version(text(answered, "httpVersion")),
        status=status,
        reason=text(answered, "statusText"),
        headers=headers,
        started_us=request.received_us,
        ended_us=ended_us,
        body=body[:limit],
        body_bytes=body_bytes,
        body_is_cut=len(body) > limit or (not body and body_bytes > 0),
    )


def _headers(of: Fields) -> tuple[Headers, str]:
    """The headers, and HTTP/2's ``:authority``, which is none."""
    found: list[tuple[bytes, bytes]] = []
    authority = ""
    for each in rows(of, "headers"):
        name, value = text(each, "name"), text(each, "value")
        if name.startswith(":"):
            authority = value if name.lower() == ":authority" else authority
        elif name:
            found.append((wire(name), wire(value)))
    return tuple(found), authority


def _messages(entry: Fields, request: Request) -> Iterator[Message]:
    numbers = {Direction.SENT: 0, Direction.RECEIVED: 0}
    for each in rows(entry, "_webSocketMessages"):
        seconds = number(each, "time")
        time_us = request.received_us if seconds is None else _micros(seconds * 1000)
        direction = Direction.SENT if text(each, "type") == "send" else Direction.RECEIVED
        kind = _KINDS.get(number(each, "opcode") or 0.0, "text")
        data = text(each, "data")
        numbers[direction] += 1
        yield Message(
            exchange=request.exchange,
            direction=direction,
            kind=kind,
            number=numbers[direction],
            content=(from_base64(data) if kind != "text" else None) or wire(data),
            time_us=max(time_us, request.received_us),
        )


def _version(written: str) -> str:
    word = written.strip().upper()
    return {"H2": "HTTP/2.0", "HTTP/2": "HTTP/2.0", "H3": "HTTP/3", "": "HTTP/1.1"}.get(word, word[:16])


def _whole(value: float | None) -> int:
    """A size or status; 0 where it is none."""
    return int(value) if value is not None and 0 <= value < 1 << 53 else 0
