"""Raw HTTP messages as tools save them: a head of lines, an empty line, a body."""

from __future__ import annotations

from dataclasses import dataclass

from fairwitness.detect.decode import decoded
from fairwitness.model.exchange import Headers, first_header

_HEADERS = 10_000  # more than any server reads


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A request or a response."""

    start: tuple[str, str, str]
    """The three words of its first line; the last may be empty, or hold blanks."""
    headers: Headers
    """Without HTTP/2's pseudo-headers."""
    authority: str
    """HTTP/2's ``:authority``, or ""."""
    coded: bytes
    """The body as it was sent, without chunks."""
    body: bytes
    """Without its content coding, where that could be removed."""


def raw_message(raw: bytes) -> RawMessage | None:
    """A message that a tool saved; None where it does not even have a first line."""
    head, body = _split(raw)
    lines = head.split(b"\n")
    words = lines[0].decode("latin-1").strip().split(" ", 2)
    if len(words) < 2:
        return None
    headers: list[tuple[bytes, bytes]] = []
    authority = ""
    for line in lines[1 : _HEADERS + 1]:
        name, colon, value = line.rstrip(b"\r").partition(b":")
        if line.startswith(b":"):
            name, _, value = line[1:].rstrip(b"\r").partition(b":")
            authority = value.strip().decode("latin-1") if name == b"authority" else authority
        elif colon:
            headers.append((name, value.strip(b" \t")))
    if "chunked" in (first_header(tuple(headers), "transfer-encoding") or "").lower():
        body = _unchunked(body)
    plain = decoded(body, first_header(tuple(headers), "content-encoding"))
    start = (words[0], words[1], words[2] if len(words) > 2 else "")
    return RawMessage(start, tuple(headers), authority, body, body if plain is None else plain)


def _split(raw: bytes) -> tuple[bytes, bytes]:
    """Head and body; whichever empty line comes first parts them."""
    ends = [(at, len(end)) for end in (b"\r\n\r\n", b"\n\n") if (at := raw.find(end)) >= 0]
    if not ends:
        return raw.rstrip(b"\r\n"), b""
    at, length = min(ends)
    return raw[:at], raw[at + length :]


def _unchunked(body: bytes) -> bytes:
    """Without chunks; as it is where they do not fit, since many tools save the body they showed."""
    parts: list[bytes] = []
    at = 0
    while True:
        end = body.find(b"\r\n", at, at + 64)
        word = body[at:end].split(b";")[0].strip() if end >= 0 else b""
        if not word or len(word) > 8 or word.strip(b"0123456789abcdefABCDEF"):
            return body
        size = int(word, 16)
        if size == 0:
            return b"".join(parts)
        at = end + 2 + size + 2
        if body[at - 2 : at] != b"\r\n":
            return body
        parts.append(body[end + 2 : at - 2])
