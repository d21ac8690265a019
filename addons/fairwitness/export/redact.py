"""Hides what must not be shown, before any format is built."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fairwitness.detect import (
    Secret,
    is_placeholder,
    parts_of,
    secrets_by_shape,
    secrets_in_header,
    secrets_in_views,
    views_of,
)
from fairwitness.export.remembered import Remembered, key_of
from fairwitness.export.spans import Span, merged, replaced
from fairwitness.export.texts import walk, without_bulk
from fairwitness.export.traces import without_traces
from fairwitness.export.vault import Vault
from fairwitness.model.disclosure import Placeholder, Shown
from fairwitness.model.record import ExchangeRecord

_TAKEN_APART_TIMES = 8  # secrets that a hostile text nests in one another are not all taken apart
_ALWAYS_TAKEN_APART_BYTES = 2048
_SECRET_BYTES = 200  # of memory, beside its value
_SPAN_BYTES = 150
_WINDOW_BYTES = 1 << 20
_OVERLAP_BYTES = 32768  # a slice of 2 KiB in base64 of double percent escapes


class Redaction:
    """A `Redactor` in memory that grows with the number of different secrets, not of exchanges.

    A value that looks random is hidden wherever it stands, in any of the readings of `views_of`; a short or
    common one only where its name told that it is a secret.
    """

    def __init__(self) -> None:
        self._vault = Vault()
        self._is_learning = True
        self._secrets: Remembered[tuple[Secret, ...]] = Remembered()
        self._spans: Remembered[list[Span]] = Remembered()

    def learn(self, record: ExchangeRecord) -> None:
        """First pass, over every record.

        Raises:
            ExportError: There is more to hide than can be.
            ValueError: Something was shown already.
        """
        if not self._is_learning:
            raise ValueError("learned after something was shown")
        self._vault.publish(record.row.host.encode("utf-8", "surrogatepass"))
        walk(record, self._learn_text)

    def learn_beside(self, record: ExchangeRecord) -> bool:
        """First pass, over exchanges that are not shown: their heads, and bodies that may name a secret."""
        if self._vault.is_half_full:
            return False
        walk(without_bulk(record), self._learn_text)
        return True

    def show(self, record: ExchangeRecord) -> Shown:
        """Second pass.

        Raises:
            ValueError: The record holds something to hide that `learn` never saw.
        """
        self._is_learning = False
        hidden: dict[str, Placeholder] = {}

        def read(content: bytes, header: bytes) -> bytes:
            spans = self._spans_in(content, header)
            hidden.update((placeholder.name, placeholder) for _, _, placeholder in spans)
            return replaced(content, spans)

        shown, hiding = without_traces(record, walk(record, read))
        return Shown(
            record=shown,
            hidden=tuple(sorted(hidden.values(), key=_order)),
            is_redacted=True,
            sizes_hidden=hiding,
        )

    def check(self, finished: Iterable[bytes]) -> str | None:
        """Third pass: which kind of secret is still in the finished file, None: none.

        Looks for every value that is looked for everywhere, and for what can be told by its shape.
        """
        for window in _windows(finished):
            for view in views_of(window):
                for _, _, placeholder in self._vault.literals_in(view.text):
                    return placeholder.kind
                for secret in secrets_by_shape(view.text):
                    if not is_placeholder(secret.value):
                        return secret.kind
        return None

    def _learn_text(self, content: bytes, header: bytes) -> bytes:
        key = key_of(content, header)
        if self._secrets.recall(key) is not None:
            return content
        self._vault.avoid(content)
        left_bytes = _TAKEN_APART_TIMES * len(content) + _ALWAYS_TAKEN_APART_BYTES
        for secret in self._secrets_in(content, header, key):
            self._vault.add(secret)
            left_bytes -= len(secret.value)
            if left_bytes > 0:
                for part in parts_of(secret):
                    self._vault.add(part)
        return content

    def _secrets_in(self, content: bytes, header: bytes, key: bytes) -> tuple[Secret, ...]:
        found = self._secrets.recall(key)
        if found is None:
            named = tuple(secrets_in_header(header, content)) if header else ()
            found = (*named, *secrets_in_views(views_of(content)))
            self._secrets.keep(key, found, sum(_SECRET_BYTES + len(secret.value) for secret in found))
        return found

    def _spans_in(self, content: bytes, header: bytes) -> list[Span]:
        key = key_of(content, header)
        spans = self._spans.recall(key)
        if spans is None:
            found = [
                (each.start, each.end, self._vault.placeholder(each.value))
                for each in self._secrets_in(content, header, key)
            ]
            for view in views_of(content):
                for start, end, placeholder in self._vault.literals_in(view.text):
                    found.append((*view.origin(start, end), placeholder))
            spans = merged(found)
            self._spans.keep(key, spans, len(spans) * _SPAN_BYTES)
        return spans


def _order(placeholder: Placeholder) -> tuple[str, int, str]:
    """By name, AA behind Z."""
    prefix, _, letters = placeholder.name.partition("_")
    return prefix, len(letters), letters


def _windows(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces put together to windows that overlap."""
    kept = bytearray()
    fresh = 0
    for piece in pieces:
        for at in range(0, len(piece), _WINDOW_BYTES):
            part = piece[at : at + _WINDOW_BYTES]
            kept += part
            fresh += len(part)
            if fresh >= _WINDOW_BYTES:
                yield bytes(kept)
                del kept[:-_OVERLAP_BYTES]
                fresh = 0
    if fresh:
        yield bytes(kept)
