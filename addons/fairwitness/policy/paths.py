"""Paths in one spelling, and the paths that two servers would read differently."""

from __future__ import annotations

import re
import string
import unicodedata

_UNRESERVED = frozenset((string.ascii_letters + string.digits + "-._~").encode())
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
# No path at all (HTTP/2 carries whole URLs in its place), what no request line may carry, and in disguise: a
# slash or backslash, a control character, IIS's %uXXXX, more octets of UTF-8 than a character needs.
# Servers cut, drop or decode them differently.
_AMBIGUOUS = re.compile(
    r"^(?!/|\*?$)|[\\?#]|[^\x21-\x7e]|%(?:25)*(?:2[Ff]|5[Cc]|[01][0-9A-Fa-f]|7[Ff]|[Uu][0-9A-Fa-f]{4}"
    r"|[Cc][01]%|[Ee]0%(?:25)*[89]|[Ff]0%(?:25)*8)"
)
_CUT = re.compile(rb"[?#\x00]")


def canonical_path(path: bytes) -> str:
    """RFC 3986: unreserved characters decoded, all else encoded in upper case, dot segments removed."""
    return _without_dots(_ESCAPE.sub(_decode_unreserved, path))


def loose_path(path: bytes) -> str:
    """As lenient servers read it: decoded thrice, upper and lower case and look-alikes one, parameters and
    what Windows drops at a name's end taken off, slashes merged, then dots removed."""
    return _without_dots(_loosened(path))


def dotted_path(path: bytes) -> str:
    """The same, as servers read it that leave dots where they are: ``/admin/../x`` is below ``/admin``."""
    return "/".join(map(_encode, _loosened(path).split(b"/")))


def _loosened(path: bytes) -> bytes:
    text = path
    for _ in range(3):
        text = _ESCAPE.sub(lambda escape: bytes([int(escape.group(1), 16)]), text)
    text = _CUT.split(_folded(text).replace(b"\\", b"/"))[0]
    segments = [_bare(segment.split(b";")[0]) for segment in text.split(b"/")]
    merged = b"/" + b"/".join(segment for segment in segments if segment)
    closing = b"/" if text.endswith(b"/") and merged != b"/" else b""
    return merged + closing


def _folded(text: bytes) -> bytes:
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text.decode("utf-8", "surrogateescape")).upper().lower()
    return folded.encode("utf-8", "surrogateescape")


def _bare(segment: bytes) -> bytes:
    """Without dots and blanks at its end, as Windows opens it."""
    return segment.rstrip(b". ") or segment.strip(b" ")


def relative_path(path: bytes) -> bytes:
    """As servers read it that resolve the target like a link: what stands behind two slashes is a host."""
    return b"/" + path.lstrip(b"/").partition(b"/")[2] if path.startswith(b"//") else path


def is_ambiguous(path: str) -> bool:
    """Whether servers may read it differently: an encoded slash or backslash, or what is no path at all.

    ``*`` is none either, but nobody takes it for one; nothing at all is the root.
    """
    return _AMBIGUOUS.search(path) is not None


def prefixes(path: str, depth: int) -> list[str]:
    """The prefixes of a canonical path that end at a segment, down to *depth* segments, longest first."""
    found: list[str] = []
    end = 0
    while len(found) < depth and end < len(path):
        following = path.find("/", end + 1)
        end = len(path) if following < 0 else following
        if end > 1:
            found.append(path[:end])
        if end == len(path) - 1:
            break
    return found[::-1]


def segment_count(prefix: str) -> int:
    """How many segments a canonical prefix has."""
    return prefix.count("/")


def _decode_unreserved(escape: re.Match[bytes]) -> bytes:
    octet = int(escape.group(1), 16)
    return bytes([octet]) if octet in _UNRESERVED else escape.group().upper()


def _without_dots(path: bytes) -> str:
    kept: list[bytes] = []
    segments = path.split(b"/")[1:] if path.startswith(b"/") else path.split(b"/")
    for place, segment in enumerate(segments):
        last = place == len(segments) - 1
        if segment == b"..":
            if kept:
                kept.pop()
        elif segment != b".":
            kept.append(segment)
            continue
        if last:
            kept.append(b"")
    return "".join(f"/{_encode(segment)}" for segment in kept) or "/"


def _encode(segment: bytes) -> str:
    """Printable ASCII stays; so both spellings of a character outside it are one."""
    return "".join(chr(octet) if 0x20 < octet < 0x7F else f"%{octet:02X}" for octet in segment)
