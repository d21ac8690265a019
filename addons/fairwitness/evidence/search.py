"""Which exchanges may hold words: what the index names, and what it does not know."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from fairwitness.evidence.filters import Choice, rows_chosen
from fairwitness.evidence.view import View
from fairwitness.evidence.viewrow import ViewRow
from fairwitness.evidence.wordfile import WordIndex

_FEW = 20_000  # entries that are gathered at once; of a more frequent word the first are found soon anyway
_PAGE = 500  # exchanges about which the index is asked together
_SPREAD = 20  # entries of others between two of theirs: with more it is quicker to read them


def rows_with_words(
    view: View, index: WordIndex | None, choice: Choice, needles: Sequence[bytes]
) -> Iterator[ViewRow]:
    """The rows of a choice that may hold all needles; each must still be read.

    Args:
        view: Where the exchanges are.
        index: What is known of their words; None: nothing.
        choice: What else is wanted.
        needles: What is looked for.
    """
    if index is None:
        yield from rows_chosen(view, choice)
        return
    choice, left = _narrow(view, index, choice, needles)
    rows = rows_chosen(view, choice)
    while page := list(itertools.islice(rows, _PAGE)):
        yield from _sift(view, index, page, left) if left else page


def _narrow(
    view: View, index: WordIndex, choice: Choice, needles: Sequence[bytes]
) -> tuple[Choice, list[bytes]]:
    """The choice with the exchanges alone that hold the rare needles; and the other needles."""
    unknown = _entries_to_exchanges(view, index.beyond(0, index.size))
    newer = _newer(view, index.size)
    if newer is None:
        return choice, list(needles)
    unknown |= newer
    left: list[bytes] = []
    for needle in needles:
        entries = index.entries_with(needle, first=0, last=index.size - 1, most=_FEW)
        if entries is None:
            left.append(needle)
            continue
        numbers = _entries_to_exchanges(view, entries) | unknown
        if choice.numbers is not None:
            numbers &= set(choice.numbers)
        choice = replace(choice, numbers=sorted(numbers))
    return choice, left


def _sift(
    view: View, index: WordIndex, page: Sequence[ViewRow], needles: Sequence[bytes]
) -> Iterator[ViewRow]:
    """The rows of a page without those that lack a needle, as far as the index knows."""
    numbers = json.dumps([row.id for row in page])
    parts: dict[int, list[int]] = {}
    for schema in view.schemas:
        sql = f"SELECT id, idx FROM {schema}.part WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608
        for number, entry in view.connection.execute(sql, (numbers,)):
            parts.setdefault(number, []).append(entry)
    known = [entry for entries in parts.values() for entry in entries if entry < index.size]
    if not known or max(known) - min(known) > _SPREAD * len(known):
        yield from page
        return
    first, last = min(known), max(known)
    unknown = set(index.beyond(first, last))
    holding = [
        set(found)
        for needle in needles
        if (found := index.entries_with(needle, first=first, last=last, most=_FEW)) is not None
    ]
    for row in page:
        entries = parts.get(row.id, [])
        is_known = all(entry < index.size and entry not in unknown for entry in entries)
        if not is_known or all(not each.isdisjoint(entries) for each in holding):
            yield row


def _newer(view: View, size: int) -> set[int] | None:
    """The exchanges with entries that the index does not know; None where they are not few."""
    found: set[int] = set()
    for schema in view.schemas:
        sql = f"SELECT DISTINCT id FROM {schema}.part WHERE idx >= ? LIMIT {_FEW + 1}"  # noqa: S608
        found.update(number for (number,) in view.connection.execute(sql, (size,)))
    return found if len(found) <= _FEW else None


def _entries_to_exchanges(view: View, entries: Sequence[int]) -> set[int]:
    """The exchanges that entries belong to."""
    found: set[int] = set()
    if not entries:
        return found
    text = json.dumps(entries)
    for schema in view.schemas:
        sql = f"SELECT id FROM {schema}.part WHERE idx IN (SELECT value FROM json_each(?))"  # noqa: S608
        found.update(number for (number,) in view.connection.execute(sql, (text,)))
    return found
