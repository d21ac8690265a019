"""HAR 1.2, as browsers' developer tools and other proxies read it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from typing import BinaryIO

from fairwitness import __version__
from fairwitness.export.forms import Form, Value
from fairwitness.export.harhalf import request_form, response_form
from fairwitness.export.parts import Side, is_blocked, meta, meta_number, missing, sound
from fairwitness.model.clock import iso_us
from fairwitness.model.disclosure import Shown
from fairwitness.model.message import Direction, Message
from fairwitness.model.record import ExchangeRecord

_MOST_PAGES = 10_000  # kept in memory until the end; what later pages ask for names no page
_OPCODES = {"text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}


class HarExporter:
    """Writes the entries as they come, and the pages behind them."""

    name = "har"

    def write(self, shown: Iterable[Shown], out: BinaryIO) -> None:
        """Write one log."""
        pages: dict[str, Form] = {}
        head = {"version": "1.2", "creator": {"name": "fairwitness", "version": __version__}}
        out.write(b'{"log":' + _json(head)[:-1] + b',"entries":[')
        separator = b"\n"
        for each in shown:
            out.write(separator + _json(_entry(each, _page(each.record, pages))))
            separator = b",\n"
        out.write(b'\n],"pages":' + _json(list(pages.values())) + b"}}\n")


def _json(form: object) -> bytes:
    return json.dumps(form, separators=(",", ":")).replace("\x7f", "\\u007f").encode()


def _page(record: ExchangeRecord, pages: dict[str, Form]) -> str | None:
    """The name of the page that it belongs to: that which made it, or itself where a person went there."""
    row = record.row
    url = row.page or (row.url if row.initiator == "person" else None)
    if url is None:
        return None
    if url not in pages:
        if len(pages) >= _MOST_PAGES:
            return None
        pages[url] = {
            "startedDateTime": iso_us(_began_us(record)),
            "id": f"page_{len(pages) + 1}",
            "title": sound(url),
            "pageTimings": {"onContentLoad": -1, "onLoad": -1},
        }
    return str(pages[url]["id"])


def _entry(shown: Shown, page: str | None) -> Form:
    record = shown.record
    timings = _timings(record)
    client = (meta(record, "client") or "").rpartition(" ")[2]
    peer = meta(record, "peer")
    notes = [note for side in Side if (note := missing(record, side))]
    if is_blocked(record):
        notes.insert(0, f"blocked by fairwitness, never left: {sound(record.row.reason)}")
    form: Form = {
        "startedDateTime": iso_us(_began_us(record)),
        "time": sum(each for each in timings.values() if each > 0),
        "request": request_form(shown),
        "response": response_form(shown),
        "cache": {},
        "timings": dict(timings),
        "_fairwitness": _own(shown),
    }
    if page is not None:
        form["pageref"] = page
    if client:
        form["connection"] = sound(client)
    if peer:
        form["serverIPAddress"] = sound(peer.rpartition(":")[0].strip("[]"))
    if notes:
        form["comment"] = "; ".join(notes)
    if record.messages:
        form["_resourceType"] = "websocket"
        form["_webSocketMessages"] = [_message(each) for each in record.messages]
    return form


def _began_us(record: ExchangeRecord) -> int:
    """When the request came to the proxy, where that is known."""
    received_us = meta_number(record, "received-us")
    return record.row.time_us if received_us is None else min(received_us, record.row.time_us)


def _timings(record: ExchangeRecord) -> dict[str, float]:
    """In milliseconds; ``blocked`` is what fairwitness took to decide, throttles and holds among it."""
    released_us = record.row.time_us
    first_us = meta_number(record, "started-us")
    ended_us = released_us + (record.row.duration_us or 0)
    first_us = ended_us if first_us is None else min(max(first_us, released_us), ended_us)
    return {
        "blocked": (released_us - _began_us(record)) / 1000,
        "dns": -1,
        "connect": -1,
        "ssl": -1,
        "send": 0,
        "wait": (first_us - released_us) / 1000,
        "receive": (ended_us - first_us) / 1000,
    }


def _own(shown: Shown) -> Form:
    row = shown.record.row
    flags: list[Value] = list(row.flags)
    hidden: list[Value] = [{"name": each.name, "kind": each.kind} for each in shown.hidden]
    sizes_hidden: list[Value] = list(shown.sizes_hidden)
    truncated: list[Value] = [side.value for side in Side if missing(shown.record, side)]
    return {
        "id": row.id,
        "exchange": row.exchange,
        "decision": row.decision,
        "clause": _sound(row.clause),
        "reason": sound(row.reason),
        "initiator": row.initiator,
        "label": _sound(row.label),
        "account": _sound(row.account),
        "flags": flags,
        "outcome": sound(row.outcome),
        "session": row.session,
        "redacted": shown.is_redacted,
        "hidden": hidden,
        "sizes_hidden": sizes_hidden,
        "truncated": truncated,
    }


def _sound(value: str | None) -> str | None:
    return None if value is None else sound(value)


def _message(message: Message) -> Form:
    """As Chromium writes it: the data of what is not text is base64."""
    opcode = _OPCODES.get(message.kind, 2)
    data = message.content.decode("utf-8", "replace") if opcode == 1 else b64encode(message.content).decode()
    return {
        "type": "send" if message.direction is Direction.SENT else "receive",
        "time": message.time_us / 1_000_000,
        "opcode": opcode,
        "data": data,
    }
