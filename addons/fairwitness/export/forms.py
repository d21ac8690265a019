"""Exchanges as JSON: the keys of ``log --json``, ``show --json`` and of the format jsonl."""

from __future__ import annotations

import base64

from fairwitness.model.clock import iso_us
from fairwitness.model.exchange import Headers
from fairwitness.model.record import ExchangeRecord, ExchangeRow

Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]
Form = dict[str, Value]


def exchange_form(row: ExchangeRow) -> Form:
    """A line of ``log --json``."""
    return {
        "id": row.id,
        "exchange": row.exchange,
        "time": iso_us(row.time_us),
        "method": row.method,
        "url": row.url,
        "status": row.status,
        "decision": row.decision,
        "clause": row.clause,
        "reason": row.reason,
        "initiator": row.initiator,
        "page": row.page,
        "label": row.label,
        "account": row.account,
        "client": row.client,
        "flags": list(row.flags),
        "request_bytes": row.request_bytes,
        "response_bytes": row.response_bytes,
        "duration_ms": None if row.duration_us is None else round(row.duration_us / 1000, 3),
        "session": row.session,
        "outcome": row.outcome,
    }


def record_form(record: ExchangeRecord) -> Form:
    """One exchange with everything that is stored of it; bodies are base64."""
    return {
        **exchange_form(record.row),
        "request": {
            "line": _latin(record.request_line),
            "headers": _pairs(record.request_headers),
            "trailers": _pairs(record.request_trailers),
            "body": _base64(record.request_body),
            "bytes": record.request_body_bytes,
            "sha256": record.request_body_sha256,
        },
        "response": None
        if record.response_line is None
        else {
            "line": _latin(record.response_line),
            "headers": _pairs(record.response_headers),
            "trailers": _pairs(record.response_trailers),
            "body": _base64(record.response_body),
            "bytes": record.response_body_bytes,
            "sha256": record.response_body_sha256,
        },
        "messages": [
            {
                "direction": message.direction.value,
                "kind": message.kind,
                "number": message.number,
                "time": iso_us(message.time_us),
                "content": _base64(message.content),
            }
            for message in record.messages
        ],
        "meta": [[name, value] for name, value in record.meta],
    }


def _pairs(headers: Headers) -> list[Value]:
    return [[_latin(name), _latin(value)] for name, value in headers]


def _latin(raw: bytes) -> str:
    return raw.decode("latin-1")


def _base64(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw).decode("ascii")
