"""The same bytes as others read them: without percent, JSON or HTML escapes, out of base64, hex or UTF-16.

What is searched in every view is found in every spelling, also in partial and mixed ones, without a list of
spellings.  Each view knows where its bytes stand in the content that it was made of.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from binascii import a2b_base64, unhexlify
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from html import unescape

from fairwitness.detect.secret import compiled

_DEPTH = 3  # an escape of an escape of an escape; base64 in base64
_PERCENT = rb"%[0-9A-Fa-f]{2}"
_JSON = (
    rb"\\u\{0{0,4}[0-9A-Fa-f]{1,5}\}|\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}"
    rb"|\\[/\"'\\bfnrt]"
)
_ENTITY = rb"&(?:#[0-9]{1,12};?|#[xX][0-9A-Fa-f]{1,12};?|[A-Za-z]{2,8};)"
_ALL = re.compile(b"|".join((_PERCENT, _JSON, _ENTITY)))
_FOLD = (
    re.compile(  # a break first, then what is before it: a look behind at every byte takes ten times as long
        b"|".join(
            each + rb"(?<=[A-Za-z0-9+/]{60}" + each + rb")[ \t]{0,16}(?=[A-Za-z0-9+/=])"
            for each in (rb"\r\n", rb"\n", rb"\\r\\n", rb"\\n")
        )
    )
)
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{11,}")  # eight bytes without padding
_HEX = re.compile(rb"[0-9A-Fa-f]{16,}")  # eight bytes
_TEXT = re.compile(rb"[\t\n\r\x20-\x7e]{8,}")
_TEXT_BYTES = bytes(range(0x20, 0x7F)) + b"\t\n\r"
_WIDE = re.compile(rb"(?:[\t\n\r\x20-\x7e]\0){8,}")
_WIDE_BIG = re.compile(rb"(?:\0[\t\n\r\x20-\x7e]){8,}")
_IS_WIDE = compiled(
    rb"(?:[\t\n\r\x20-\x7e]\x00){8}|(?:\x00[\t\n\r\x20-\x7e]){8}"
)  # most of what holds \0 is not
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_SHORT = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


class View(ABC):
    """One reading of some content."""

    text: bytes

    @abstractmethod
    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Where in the content the bytes from *start* to *end* of `text` stand; rounded outwards."""

    @property
    def legible(self) -> View:
        """Only the runs of ASCII, where much else would be read as escapes that are none.

        Not kept: views that hold each other would stay in memory until the collector comes.
        """
        if len(self.text.translate(None, _TEXT_BYTES)) * 4 < len(self.text):
            return self
        return Decoded(self, _TEXT, bytes, bits=8)


class Plain(View):
    """The content as it is."""

    def __init__(self, text: bytes) -> None:
        self.text = text

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The same place."""
        return start, end


class Derived(View):
    """A view in which each match of a pattern was replaced; the places are worked out when first asked for.

    Args:
        parent: What it was made of.
        pattern: What was replaced.
        read: What a match became.
    """

    def __init__(self, parent: View, pattern: re.Pattern[bytes], read: Callable[[bytes], bytes]) -> None:
        self._parent = parent
        self._pattern = pattern
        self._read = read
        self._places: tuple[list[int], list[tuple[int, int, int]]] | None = None
        self.text = pattern.sub(lambda match: read(match[0]), parent.text)

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Whole escapes, where an end lies within one."""
        return self._parent.origin(self._before(start)[0], self._before(end - 1)[1])

    def _before(self, offset: int) -> tuple[int, int]:
        """Start and end in the parent of the byte at *offset*."""
        if self._places is None:
            self._places = self._find_places()
        starts, tokens = self._places
        at = bisect_right(starts, offset) - 1
        if at < 0:
            return offset, offset + 1
        view_end, source_start, source_end = tokens[at]
        if offset < view_end:
            return source_start, source_end
        place = source_end + offset - view_end
        return place, place + 1

    def _find_places(self) -> tuple[list[int], list[tuple[int, int, int]]]:
        starts: list[int] = []
        tokens: list[tuple[int, int, int]] = []
        shift = 0
        for match in self._pattern.finditer(self._parent.text):
            width = len(self._read(match[0]))
            view_start = match.start() + shift
            starts.append(view_start)
            tokens.append((view_start + width, match.start(), match.end()))
            shift += width - (match.end() - match.start())
        return starts, tokens


class Decoded(View):
    """A view of all runs of an alphabet, each decoded from its character *skip* on, a line a run.

    Args:
        parent: What it was made of.
        runs: What a run is.
        skip: How many characters of each run come before the first whole group.
        decode: What a run says.
        found: The runs, where they are at hand.
        bits: How many bits a character carries: 6 for base64, 4 for hex and UTF-16, 8 for what is picked out.
    """

    def __init__(
        self,
        parent: View,
        runs: re.Pattern[bytes],
        decode: Callable[[bytes], bytes],
        *,
        bits: int,
        skip: int = 0,
        found: list[bytes] | None = None,
    ) -> None:
        self._parent = parent
        self._runs = runs
        self._decode = decode
        self._bits = bits
        self._skip = skip
        self._places: tuple[list[int], list[int]] | None = None
        self.text = b"\n".join([decode(run[skip:]) for run in found or runs.findall(parent.text)])

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Every character that carries a bit of these bytes."""
        if self._places is None:
            self._places = self._find_places()
        return self._parent.origin(self._character(start, 0), self._character(end - 1, 7) + 1)

    def _character(self, offset: int, bit: int) -> int:
        assert self._places is not None
        starts, sources = self._places
        at = bisect_right(starts, offset) - 1
        return sources[at] + self._skip + ((offset - starts[at]) * 8 + bit) // self._bits

    def _find_places(self) -> tuple[list[int], list[int]]:
        starts: list[int] = []
        sources: list[int] = []
        at = 0
        for match in self._runs.finditer(self._parent.text):
            starts.append(at)
            sources.append(match.start())
            at += len(self._decode(match[0][self._skip :])) + 1
        return starts, sources


def views_of(content: bytes) -> Iterator[View]:
    """Every reading of *content* that says something else, itself first.

    Not covered: compression, encryption, other character sets, quoted-printable, base32, what is split over
    two contents.
    """
    yield from _views(Plain(content), _DEPTH)


def _views(base: View, depth: int) -> Iterator[View]:
    yield base
    if depth == 0:
        return
    if b"\0" in base.text and _IS_WIDE.search(base.text):
        for runs in (_WIDE, _WIDE_BIG):
            if runs.search(base.text):
                yield from _views(Decoded(base, runs, _narrow, bits=4), depth - 1)
    legible = base.legible
    if not legible.text:
        return
    read = list(_without_escapes(legible))
    yield from read
    for each in _packed(read[-1] if read else legible):
        yield from _views(each, depth - 1)


def _without_escapes(base: View) -> Iterator[View]:
    view = base
    for _ in range(_DEPTH):
        if not _ALL.search(view.text):
            return
        view = Derived(view, _ALL, _read_escape)
        yield view


def _packed(base: View) -> Iterator[View]:
    """What stands there in base64 and hex."""
    unfolded = Derived(base, _FOLD, _nothing) if _FOLD.search(base.text) else base
    runs = _BASE64.findall(unfolded.text)
    if runs:
        for skip in range(4):
            yield Decoded(unfolded, _BASE64, _from_base64, bits=6, skip=skip, found=runs)
    runs = [each for run in runs for each in _HEX.findall(run)]  # runs of hex are runs of base64
    if runs:
        for skip in range(2):
            yield Decoded(unfolded, _HEX, _from_hex, bits=4, skip=skip, found=runs)


def without_escapes(value: bytes) -> Iterator[bytes]:
    """What a value becomes in the views without escapes, if it looks as if it held some itself."""
    for view in _without_escapes(Plain(value)):
        yield view.text


def _nothing(_: bytes) -> bytes:
    return b""


def _from_base64(run: bytes) -> bytes:
    if len(run) % 4 == 1:
        run = run[:-1]
    return a2b_base64(run.translate(_TO_STANDARD) + b"==")


def _from_hex(run: bytes) -> bytes:
    return unhexlify(run[: len(run) // 2 * 2])


def _narrow(run: bytes) -> bytes:
    return run.replace(b"\0", b"")


@lru_cache(maxsize=4096)
def _read_escape(escape: bytes) -> bytes:
    first = escape[:1]
    if first == b"%":
        return unhexlify(escape[1:])
    if first == b"&":
        return unescape(escape.decode("ascii")).encode("utf-8", "surrogatepass")
    if escape[1:2] in (b"u", b"x"):
        return _read_unicode(escape)
    return _SHORT.get(escape[1:2], escape[1:2])


def _read_unicode(escape: bytes) -> bytes:
    """As UTF-8; a pair of surrogates is one character, a lonely one stays what it is."""
    if escape[2:3] == b"{":
        return chr(int(escape[3:-1], 16)).encode("utf-8", "surrogatepass")
    units = bytes(0).join(int(part, 16).to_bytes(2, "big") for part in re.split(rb"\\[ux]", escape)[1:])
    return units.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")
