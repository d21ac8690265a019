"""Requests for the REST clients of editors (``.http``), with the responses as comments."""

from __future__ import annotations

import re
import tempfile
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO
from urllib.parse import quote_from_bytes

from fairwitness.export.facts import body_lines, head_text
from fairwitness.export.parts import (
    Side,
    body_text,
    is_blocked,
    is_carrier,
    missing,
    origin_of,
    request_line,
    sound,
)
from fairwitness.export.traces import LEFT_OUT
from fairwitness.model.disclosure import Placeholder, Shown
from fairwitness.model.printable import printable, printable_bytes

_SAFE = "".join(map(chr, range(0x21, 0x7F)))
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# What an editor obeys instead of sending: separators, comments, files to put in, scripts, variables.
_OBEYED = re.compile(r"^[ \t]*(?:###|#|//|<(?:@\S*|>)?\s|>|@[\w-]+\s*=|\?\?)|\{\{|\{%", re.MULTILINE)
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_OWN = (b"content-length", b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding")
_IN_MEMORY = 1 << 20


class HttpExporter:
    """Writes a request an exchange, each below a ``###`` line; hidden values are variables of the file."""

    name = "http"

    def write(self, shown: Iterable[Shown], out: BinaryIO) -> None:
        """Write the variables that are needed, and the requests."""
        names: set[str] = set()
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as requests:
            for each in shown:
                names.update(hidden.name for hidden in each.hidden)
                requests.writelines(f"{line}\n".encode() for line in _lines(each))
            out.writelines(f"@{name} = fill-in\n".encode() for name in sorted(names))
            requests.seek(0)
            while piece := requests.read(1 << 16):
                out.write(piece)


def _lines(shown: Shown) -> Iterator[str]:
    record = shown.record
    row = record.row
    outcome = str(row.status) if row.status is not None else row.outcome.partition(":")[0]
    yield f"### {row.id}: {printable(sound(outcome))}"
    if is_blocked(record) or is_carrier(record):
        why = row.reason if is_blocked(record) else "a tunnel"
        yield from _comments(f"not sent: {row.method} {row.url}: {why}")
        yield ""
        return
    yield from _request(shown)
    yield ""
    if record.response_line is not None:
        yield f"### {row.id}: its response"
        yield from _comments(head_text(record.response_line, record.response_headers))
        body, note = body_lines(record, Side.RESPONSE)
        if body:
            yield from _comments("\n" + body)
        if note:
            yield from _comments(f"\n({note})")
        yield ""


def _request(shown: Shown) -> Iterator[str]:
    record, line = shown.record, request_line(shown.record)
    url = _with_variables(origin_of(record).encode() + line.target, shown.hidden, in_url=True)
    if url is None or not _TOKEN.fullmatch(line.method.encode()):
        yield from _comments("left out, an editor would read it otherwise:")
        yield from _comments(head_text(record.request_line, record.request_headers))
        return
    body, note = _body(shown)
    yield from note
    kept = []
    for name, value in record.request_headers:
        if name.lower() in _OWN or value == LEFT_OUT:
            continue
        written = _with_variables(value, shown.hidden, in_url=False)
        if written is None or not _TOKEN.fullmatch(name):
            yield from _comments(
                "left out, an editor would read it otherwise: " + printable_bytes(name + b": " + value)
            )
        else:
            kept.append(f"{name.decode('ascii')}: {written}")
    yield f"{line.method} {url} HTTP/1.1"
    yield from kept
    if body:
        yield ""
        yield body


def _body(shown: Shown) -> tuple[str, list[str]]:
    """The body as it is written, and comments on what cannot be."""
    body = shown.record.request_body
    note = missing(shown.record, Side.REQUEST)
    if not body:
        return "", list(_comments(note)) if note else []
    readable = body_text(body)
    if readable is not None and not _OBEYED.search(readable) and not _UNSEEN.search(readable):
        return _replaced(readable, shown.hidden), []
    why = "the body is binary, or an editor would obey a line of it; as base64:"
    return "", list(_comments(f"{why}\n{b64encode(body).decode()}"))


def _with_variables(raw: bytes, hidden: Sequence[Placeholder], *, in_url: bool) -> str | None:
    """On one line; None where the editor would take it for something else."""
    if in_url:
        raw = quote_from_bytes(raw, safe=_SAFE).encode()
    if re.search(rb"[\0-\x08\x0a-\x1f\x7f]|\{\{|\{%", raw):
        return None
    return _replaced(raw.decode("utf-8", "replace"), hidden)


def _replaced(text: str, hidden: Sequence[Placeholder]) -> str:
    for each in hidden:
        text = text.replace(each.text, "{{" + each.name + "}}")
    return text


def _comments(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        yield f"# {_defused(printable(sound(line), keep=chr(9)))}".rstrip()


def _defused(line: str) -> str:
    """Some editors read names and variables in comments too."""
    return re.sub(r"^\s*@", "(at) ", line.replace("{{", "{ {").replace("{%", "{ %"))
