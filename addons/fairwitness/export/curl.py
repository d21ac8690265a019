"""A bash script that sends the requests again with curl."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from fairwitness.export.parts import (
    RequestLine,
    Side,
    header,
    is_blocked,
    is_carrier,
    is_websocket,
    missing,
    origin_of,
    request_line,
    sound,
)
from fairwitness.export.shell import comment, data_lines, is_variable, literal, word
from fairwitness.export.traces import LEFT_OUT
from fairwitness.model.disclosure import Placeholder, Shown
from fairwitness.model.exchange import Headers
from fairwitness.model.printable import printable
from fairwitness.model.record import ExchangeRecord

_HEAD = """\
#!/usr/bin/env bash
# Sends {count} again, straight to the servers. Through fairwitness: fairwitness exec -- bash FILE
set -u
"""
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(rb"/[!-~]*")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-_:\[\]]+")
# curl makes these itself; a second one would be sent beside its own.
_OWN = (b"content-length", b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"te")
_ADDED = ("User-Agent", "Accept")  # curl adds them where they are not switched off
_WORD_BYTES = 1 << 15  # 32 KiB; a kernel takes 128 KiB in one word
_IN_MEMORY = 1 << 20
_VERSIONS = {"HTTP/1.0": "--http1.0", "HTTP/1.1": "--http1.1", "HTTP/2.0": "--http2", "HTTP/2": "--http2"}


class CurlExporter:
    """Writes a command a request; hidden values are variables, all of them demanded at the top."""

    name = "curl"

    def write(self, shown: Iterable[Shown], out: BinaryIO) -> None:
        """Write the script; the commands wait in a file until it is known which values they need."""
        names: set[str] = set()
        count = 0
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as commands:
            for each in shown:
                why = _unsendable(each.record)
                if why is None:
                    count += 1
                    names.update(hidden.name for hidden in each.hidden if is_variable(hidden.name))
                    commands.writelines(line.encode("utf-8") for line in _command(each))
                else:
                    left_out = f"{each.record.row.id} is left out: {why}"
                    commands.write(("\n" + comment(printable(sound(left_out)))).encode("utf-8"))
            said = "1 request" if count == 1 else f"{count} requests"
            out.write(_HEAD.replace("{count}", said).encode("utf-8"))
            if names:
                out.write(b"# What was hidden; give the values in the environment.\n")
            out.writelines(f': "${{{name}:?set {name}}}"\n'.encode() for name in sorted(names))
            commands.seek(0)
            while piece := commands.read(1 << 16):
                out.write(piece)


def _unsendable(record: ExchangeRecord) -> str | None:
    """Why curl cannot send it as it was; None where it can."""
    line = request_line(record)
    if is_blocked(record):
        return "it was blocked, and never sent"
    if is_carrier(record):
        return "it is a tunnel"
    if is_websocket(record):
        return "it is a WebSocket"
    note = missing(record, Side.REQUEST)
    if note is not None:
        return note
    if not _TOKEN.fullmatch(line.method.encode()):
        return "its method is no word"
    if not _ORIGIN.fullmatch(origin_of(record)):
        return "its host is none that curl takes"
    if b"\0" in line.target or b"\n" in line.target or b"\r" in line.target:
        return "its path holds a byte that no path can"
    return None


def _command(shown: Shown) -> Iterator[str]:
    record, line = shown.record, request_line(shown.record)
    body = record.request_body or b""
    sends = bool(body) or header(record.request_headers, "content-length") == "0"
    is_piped = len(body) > _WORD_BYTES or b"\0" in body
    yield "\n" + comment(printable(f"{record.row.id}"))
    if is_piped:
        yield "{\n"
        yield from data_lines(body, shown.hidden)
        yield "} | "
    words = [*_method(line, sends), *_version(line), *_place(record, line, shown.hidden)]
    words += _headers(record, shown.hidden, sends)
    if is_piped:
        words.append("--data-binary @-")
    elif sends:
        words.append(f"--data-raw {word(body, shown.hidden)}")
    yield " \\\n  ".join(["curl --silent --show-error --include", *words]) + "\n"


def _method(line: RequestLine, sends: bool) -> Iterator[str]:
    if line.method == "HEAD" and not sends:
        yield "--head"
    elif line.method != ("POST" if sends else "GET"):
        yield f"--request {literal(line.method.encode())}"


def _version(line: RequestLine) -> Iterator[str]:
    if line.version in _VERSIONS:
        yield _VERSIONS[line.version]


def _place(record: ExchangeRecord, line: RequestLine, hidden: Sequence[Placeholder]) -> Iterator[str]:
    origin = origin_of(record).encode()
    yield "--globoff --path-as-is"
    if _TARGET.fullmatch(line.target) and b"#" not in line.target:
        yield f"--url {word(origin + line.target, hidden)}"
    else:
        yield f"--url {word(origin + b'/')}"
        yield f"--request-target {word(line.target, hidden)}"


def _headers(record: ExchangeRecord, hidden: Sequence[Placeholder], sends: bool) -> Iterator[str]:
    headers = record.request_headers
    for name, value in headers:
        if name.lower() in _OWN or value == LEFT_OUT or _is_own_host(record, name, value):
            continue
        if not _TOKEN.fullmatch(name) or re.search(rb"[\0\r\n]", value):
            continue  # such a line would be another one, or a file to read
        yield f"--header {word(name + b': ' + value if value else name + b';', hidden)}"
    added = (*_ADDED, "Content-Type", "Expect") if sends else _ADDED
    for each in added:
        if header(headers, each.lower()) is None:
            yield f"--header {literal(each.encode() + b':')}"
    if _asks_for_coding(headers):
        yield "--compressed"


def _is_own_host(record: ExchangeRecord, name: bytes, value: bytes) -> bool:
    """Whether curl writes this line itself, from the URL."""
    return name.lower() == b"host" and value.decode("latin-1") == origin_of(record).partition("://")[2]


def _asks_for_coding(headers: Headers) -> bool:
    coding = header(headers, "accept-encoding")
    return coding is not None and coding.strip().lower() != "identity"
