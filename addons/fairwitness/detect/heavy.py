"""What in a request makes a server work out of all proportion.

Each function says what it saw in a few words, or None; all are linear in what they look at.
"""

from __future__ import annotations

import re
from itertools import islice

from fairwitness.detect.secret import compiled

_LOOKED_AT_BYTES = 256 << 10
_DEPTH = 200  # of JSON
_QUERY_DEPTH = 15
_ALIASES = 50
_DIRECTIVES = 200
_BATCH = 20
_RANGES = 20
_NAMES = 1000
_SECONDS = 30  # of a delay in SQL; a person's test takes five or ten
_SHORTEST = 25  # that is a repeated pattern
_DELAYS = 1000  # of one value that are read
_ROUNDS = 1_000_000

_BRACKETS = b"[]{}"
_ALIKE = bytes.maketrans(b"{}", b"[]")
_NOT_BRACES = bytes(byte for byte in range(256) if byte not in b"{}")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in _BRACKETS)
_BLANK = b" \t\r\n\xef\xbb\xbf"  # with a byte order mark
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_ALIAS = compiled(rb"\b\w+\s*:\s*[A-Za-z_]\w*\s*[({}\s,]")
_FRAGMENT = re.compile(rb"\bfragment\s++(\w++)\s++on\s++\w++[^{}]{0,200}+\{([^{}]*+(?:\{[^{}]*+\}[^{}]*+)*+)")
_SPREADS = re.compile(rb"\.\.\.\s*+(?!on\b)(\w++)")
_DELAY = compiled(
    rb"(?i)(?:(?:^|[^.\w])(?:pg_)?sleep\s*\(\s*(\d{1,9})|waitfor\s+delay\s+'(\d+):(\d+):(\d+)|receive_message\s*\([^)]{1,80},\s*(\d{1,9}))"
)
_WORK = compiled(
    rb"(?i)(?:^|[^.\w])(?:benchmark|randomblob|generate_series|repeat|rpad|lpad)\s*\([^)\d]{0,60}(?:1\s*,\s*)?(\d{6,18})"
)
_REPEATED = re.compile(  # people draw lines of plus signs, and editors leave empty lines: neither is meant
    rb"((?=[^\s]{0,3}[(\[{]|[^\s]{0,2}\w[+*])[^\s]{1,4})\1{24,}|((?=[^\s]{0,3}<)[^\s]{1,4})\2{199,}"
)


def deep_nesting(body: bytes) -> str | None:
    """JSON that is nested out of all proportion; brackets in its strings, or in a file, are none of its."""
    if body.count(b"[") + body.count(b"{") < _DEPTH or body[:64].lstrip(_BLANK)[:1] not in {b"[", b"{"}:
        return None
    text = _STRING.sub(b"", body[:_LOOKED_AT_BYTES])
    deepest = _depth(text.translate(None, _NOT_BRACKETS))
    return f"JSON nested {deepest} deep" if deepest >= _DEPTH else None


def costly_query(query: bytes) -> str | None:
    """A GraphQL query with many aliases or directives, a great depth, or fragments that spread each other."""
    text = _STRING.sub(b'""', query[:_LOOKED_AT_BYTES])
    depth = _depth(text.translate(None, _NOT_BRACES))
    if depth >= _QUERY_DEPTH:
        return f"GraphQL nested {depth} deep"
    aliases = sum(1 for _ in _ALIAS.finditer(text))
    if aliases >= _ALIASES:
        return f"GraphQL with {aliases} aliases"
    directives = text.count(b"@")
    if directives >= _DIRECTIVES:
        return f"GraphQL with {directives} directives"
    fragments = {found[1]: set(_SPREADS.findall(found[2])) for found in _FRAGMENT.finditer(text)}
    return "GraphQL fragments that spread each other" if _has_ring(fragments) else None


def large_batch(count: int) -> str | None:
    """Many operations in one request."""
    return f"{count} GraphQL operations in one request" if count >= _BATCH else None


def many_ranges(header: str) -> str | None:
    """Very many byte ranges; players and download managers ask for one to five."""
    count = header.count(",") + 1
    return f"{count} byte ranges in one request" if count >= _RANGES else None


def many_names(text: bytes) -> str | None:
    """More parameters than any form has."""
    count = text.count(b"&") + 1
    return f"{count} parameters in one request" if count >= _NAMES else None


def long_delay(text: bytes) -> str | None:
    """SQL that makes the database wait for half a minute and more, or work for as long."""
    for found in islice(_DELAY.finditer(text), _DELAYS):
        if text[max(0, found.start() - 8) : found.start() + 1].rstrip().endswith(b"await"):
            continue  # JavaScript
        simple, hours, minutes, seconds, piped = found.groups()
        total = (
            int(simple or piped or 0) + int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
        )
        if total >= _SECONDS:
            return f"a delay of {total} s in SQL"
    for found in islice(_WORK.finditer(text), _DELAYS):
        if int(found[1]) >= _ROUNDS:
            return f"{int(found[1]):,} rounds of work in SQL"
    return None


def repeated_pattern(text: bytes) -> str | None:
    """A run of brackets or of a regular expression's own signs, as it is made to tie up a matcher."""
    if len(text) < _SHORTEST:
        return None
    found = _REPEATED.search(text[:8192])
    return f"{len(found[0])} bytes of a repeated pattern" if found else None


def _has_ring(fragments: dict[bytes, set[bytes]]) -> bool:
    """Whether some spread each other: what spreads none that are left is taken away, until nothing is."""
    left = {name: spread & fragments.keys() for name, spread in fragments.items()}
    users: dict[bytes, list[bytes]] = {}
    for name, spread in left.items():
        for other in spread:
            users.setdefault(other, []).append(name)
    done = [name for name, spread in left.items() if not spread]
    for name in done:
        for user in users.get(name, ()):
            left[user].discard(name)
            if not left[user]:
                done.append(user)
    return len(done) < len(left)


def _depth(brackets: bytes) -> int:
    depth = deepest = 0
    for opened in brackets.translate(_ALIKE).split(b"]"):
        depth += len(opened)
        if depth > deepest:
            deepest = depth
        if depth:
            depth -= 1
    return deepest
