"""Stands between a hostile JSON file and its parser: what would cost too much never gets there."""

from __future__ import annotations

import codecs
import re
from typing import BinaryIO

from fairwitness.audit.source import TooMuchError

MOST_TEXT_BYTES = 64 << 20  # 64 MiB a string: the parser must hold each one whole
MOST_TOKENS = 1_000_000  # within one entry; a value of three bytes becomes an object of sixty
MOST_DEPTH = 64  # a HAR has 8; each level makes the parser's path longer
_LARGEST_PIECE = 8 << 20  # 8 MiB
_LONGEST_WORD = 4096  # bytes of a number; no time has more than 30

_REST_OF_TEXT = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_NO_STRUCTURE = bytes(set(range(256)) - set(b"[]{}"))
_BREAKS = [bytes([each]) for each in b" \t\r\n,:[]{}"]


class GuardedJson:
    """A file of JSON, to be read by a parser that trusts it.

    A class, because a string may begin in one piece and end in another.  Bytes that are no UTF-8 are
    replaced, a byte order mark is left out.

    Args:
        file: The recording.
        base_depth: How deep the list of entries lies: what is counted is forgotten whenever the nesting comes
            back to it.
    """

    def __init__(self, file: BinaryIO, *, base_depth: int) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._base = base_depth
        self._in_text = self._is_escaped = False
        self._text_bytes = self._word_bytes = self._tokens = self._depth = 0
        self._held = b""

    @property
    def position(self) -> int:
        """Bytes of the file that were read so far."""
        return self._file.tell()

    def read(self, size: int) -> bytes:
        """The next piece.

        Raises:
            TooMuchError: A string, a number or an entry is too long, or the nesting is too deep.
        """
        if size <= 0:
            return b""
        if (
            self._in_text
        ):  # the parser begins a text anew with each piece: pieces that double keep that linear
            size = max(size, min(self._text_bytes, _LARGEST_PIECE))
        while True:
            raw = self._file.read(size)
            piece = self._decoder.decode(raw, final=not raw).encode()
            if piece or not raw:
                self._check(piece)
                return piece

    def _check(self, piece: bytes) -> None:
        at, outside = 0, []
        while at < len(piece):
            if self._in_text:
                at = self._rest_of_text(piece, at)
                continue
            quote = piece.find(b'"', at)
            if quote < 0:
                outside.append(piece[at:])
                break
            outside.append(piece[at:quote])
            self._in_text, self._text_bytes, self._word_bytes = True, 0, 0
            self._tokens += 1
            at = quote + 1
        self._count(b"".join(outside))

    def _rest_of_text(self, piece: bytes, at: int) -> int:
        """Where the string that *piece* is in at *at* ends, or the piece."""
        began = at
        if self._is_escaped:
            self._is_escaped, at = False, at + 1
        found = _REST_OF_TEXT.match(piece, at)
        assert found
        end = found.end()
        if end == len(piece) - 1 and piece[end] == 0x5C:  # a backslash whose other half is in the next piece
            self._is_escaped, end = True, end + 1
        self._text_bytes += end - began
        if self._text_bytes > MOST_TEXT_BYTES:
            raise TooMuchError(f"a text is longer than {MOST_TEXT_BYTES >> 20} MiB")
        if end < len(piece):
            self._in_text, end = False, end + 1
        return end

    def _count(self, outside: bytes) -> None:
        last = max(outside.rfind(each) for each in _BREAKS)
        self._word_bytes = self._word_bytes + len(outside) if last < 0 else len(outside) - last - 1
        if self._word_bytes > _LONGEST_WORD:
            raise TooMuchError("a number is too long")
        self._tokens += outside.count(b",")
        for bracket in outside.translate(None, _NO_STRUCTURE):
            if bracket in b"[{":
                self._depth += 1
                self._tokens += 1
                if self._depth > MOST_DEPTH:
                    raise TooMuchError(f"it is nested deeper than {MOST_DEPTH}")
            else:
                self._depth -= 1
            if self._depth <= self._base:
                self._tokens = 0
        if self._tokens > MOST_TOKENS:
            raise TooMuchError(f"an entry has more than {MOST_TOKENS} values")
