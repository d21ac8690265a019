"""Request and response as HAR writes them."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, urlsplit

from fairwitness.export.forms import Form, Value
from fairwitness.export.parts import (
    Side,
    body_text,
    header,
    is_blocked,
    missing,
    request_line,
    sound,
    status_line,
    text,
)
from fairwitness.model.disclosure import Shown
from fairwitness.model.exchange import Headers
from fairwitness.model.record import ExchangeRecord

_FORM = "application/x-www-form-urlencoded"
_NO_TYPE = "x-unknown"  # what Chromium writes where a server names no type
_MOST_PARAMS = 10_000


def request_form(shown: Shown) -> Form:
    """The request."""
    record = shown.record
    line = request_line(record)
    size = record.row.request_bytes
    form: Form = {
        "method": line.method,
        "url": sound(record.row.url),
        "httpVersion": line.version,
        "cookies": _request_cookies(record.request_headers),
        "headers": _headers(record.request_headers),
        "queryString": _pairs(_query(record.row.url)),
        "headersSize": _head_size(shown, record.request_line, record.request_headers),
        "bodySize": 0 if is_blocked(record) else -1 if size is None else size,
    }
    if record.request_body or record.request_body_bytes:
        form["postData"] = _post_data(record)
    if record.request_trailers:
        form["_trailers"] = _headers(record.request_trailers)
    note = missing(record, Side.REQUEST)
    if note:
        form["comment"] = note
    return form


def response_form(shown: Shown) -> Form:
    """The response; where there was none, the status is 0, as browsers write it."""
    record = shown.record
    line = status_line(record)
    if line is None:
        return {
            "status": 0,
            "statusText": "",
            "httpVersion": "",
            "cookies": [],
            "headers": [],
            "content": {"size": 0, "mimeType": _NO_TYPE},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": -1,
            "_error": sound(record.row.reason if is_blocked(record) else record.row.outcome),
        }
    on_wire = record.row.response_bytes
    form: Form = {
        "status": line.status,
        "statusText": line.reason,
        "httpVersion": line.version,
        "cookies": cookies_of(record.response_headers),
        "headers": _headers(record.response_headers),
        "content": _content(record),
        "redirectURL": header(record.response_headers, "location") or "",
        "headersSize": _head_size(shown, record.response_line or b"", record.response_headers),
        "bodySize": -1 if on_wire is None else on_wire,
    }
    if record.response_trailers:
        form["_trailers"] = _headers(record.response_trailers)
    return form


def cookies_of(headers: Headers) -> list[Value]:
    """What Set-Cookie headers set."""
    return [_set_cookie(text(value)) for name, value in headers if name.lower() == b"set-cookie"]


def _headers(headers: Headers) -> list[Value]:
    return [{"name": text(name), "value": text(value)} for name, value in headers]


def _head_size(shown: Shown, line: bytes, headers: Headers) -> int:
    """Bytes of the head as HTTP/1 writes it; -1 where something in it is hidden."""
    if shown.hidden:
        return -1
    return len(line) + sum(len(name) + len(value) + 4 for name, value in headers) + 4


def _query(url: str) -> str:
    try:
        return urlsplit(url).query
    except ValueError:
        return url.partition("#")[0].partition("?")[2]


def _pairs(query: str) -> list[Value]:
    """Names and values, decoded; what cannot be taken apart is left out, the URL has it."""
    try:
        found = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMS, errors="replace")
    except ValueError:
        return []
    return [{"name": sound(name), "value": sound(value)} for name, value in found]


def _post_data(record: ExchangeRecord) -> Form:
    kind = header(record.request_headers, "content-type") or _NO_TYPE
    form: Form = {"mimeType": kind, "params": [], "text": ""}
    if record.request_body is None:
        form["_truncated"] = missing(record, Side.REQUEST)
        return form
    readable = body_text(record.request_body)
    if readable is None:
        form |= {"_encoding": "base64", "_base64": b64encode(record.request_body).decode()}
        form["comment"] = "binary: the bytes are in _base64"
        return form
    form["text"] = readable
    if kind.partition(";")[0].strip().lower() == _FORM:
        form["params"] = _pairs(readable)
    return form


def _content(record: ExchangeRecord) -> Form:
    kind = header(record.response_headers, "content-type") or _NO_TYPE
    body, on_wire = record.response_body, record.row.response_bytes
    size = record.response_body_bytes
    form: Form = {"size": size if size is not None else len(body or b""), "mimeType": kind}
    if size is not None and on_wire is not None and size != on_wire:
        form["compression"] = size - on_wire
    if body is not None:
        readable = body_text(body)
        if readable is None:
            form |= {"text": b64encode(body).decode(), "encoding": "base64"}
        else:
            form["text"] = readable
    note = missing(record, Side.RESPONSE)
    if note:
        form |= {"comment": note, "_truncated": note}
    return form


def _request_cookies(headers: Headers) -> list[Value]:
    found: list[Value] = []
    for name, value in headers:
        if name.lower() == b"cookie":
            for pair in filter(None, map(str.strip, text(value).split(";"))):
                key, _, content = pair.partition("=")
                found.append({"name": key.strip(), "value": content.strip()})
    return found


def _set_cookie(line: str) -> Form:
    pair, *attributes = line.split(";")
    name, _, value = pair.partition("=")
    form: Form = {"name": name.strip(), "value": value.strip(), "httpOnly": False, "secure": False}
    for attribute in attributes:
        key, _, content = (part.strip() for part in attribute.partition("="))
        match key.lower():
            case "path" | "domain":
                form[key.lower()] = content
            case "httponly":
                form["httpOnly"] = True
            case "secure":
                form["secure"] = True
            case "samesite":
                form["sameSite"] = content
            case "expires":
                _put_expires(form, content)
            case "max-age":
                form["_maxAge"] = content
    return form


def _put_expires(form: Form, content: str) -> None:
    try:
        moment = parsedate_to_datetime(content)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        form["comment"] = f"Expires could not be read: {content}"
        return
    form["expires"] = moment.replace(microsecond=0).isoformat()
