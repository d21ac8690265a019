"""Which exchanges are meant: numbers, ranges, ``last:N``, a pattern of URLs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from fairwitness.errors import PolicyError
from fairwitness.model.record import ExchangeRow, LogFilter

if TYPE_CHECKING:
    from fairwitness.evidence import Reader

MOST = 10_000  # exchanges of one finding: whoever wants more has not looked at them
_HEX = re.compile(r"[0-9a-fA-F]{32}")
_RANGE = re.compile(r"([0-9]{1,15})(?:-([0-9]{1,15}))?")
_LAST = re.compile(r"last:([0-9]{1,15})")


def choose(reader: Reader, words: Sequence[str], url: str | None) -> tuple[ExchangeRow, ...]:
    """The exchanges that are meant, in order of their ids.

    Args:
        reader: The log.
        words: ``12``, ``12-15``, 32 hex digits, ``last:3``; each must name exchanges that are there.
        url: All whose URL fits this pattern, with ``*`` and ``?``.

    Raises:
        PolicyError: A word means none, or there are too many.
    """
    newest = reader.newest_id()
    ids: set[int] = set()
    for word in words:
        ids.update(_ids(reader, word, newest))
        if len(ids) > MOST:
            raise _too_many()
    rows = reader.rows(ids)
    missing = sorted(ids - {row.id for row in rows})
    if missing:
        raise PolicyError(
            f"there is no exchange {', '.join(map(str, missing[:10]))}{' ...' if missing[10:] else ''}",
            where=str(reader.folder),
            mend="'fairwitness log' lists them with their numbers",
        )
    if url is not None:
        fitting = [row for row in reader.exchanges(LogFilter()) if fnmatchcase(row.url, url)]
        if not fitting:
            raise PolicyError(
                f"no exchange has a URL like {url!r}",
                where="--url",
                mend="'*' stands for anything: 'https://shop.example.com/orders/*'",
            )
        rows = _merged(rows, fitting)
    if len(rows) > MOST:
        raise _too_many()
    return rows


def _ids(reader: Reader, word: str, newest: int) -> Iterable[int]:
    if _HEX.fullmatch(word):
        return [reader.exchange(word).row.id]
    if match := _LAST.fullmatch(word):
        first, last = max(1, newest - int(match[1]) + 1), newest
        if not newest or match[1].strip("0") == "":
            raise PolicyError("it means no exchange", where=word, mend="Use last:1 once something was logged")
    elif match := _RANGE.fullmatch(word):
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or first == 0:
            raise PolicyError("it means no exchange", where=word, mend="Write the lower number first: 12-15")
    else:
        raise PolicyError(
            f"{word[:40]!r} names no exchange",
            where="mark",
            mend="Use numbers as 'fairwitness log' shows them",
        )
    if last - first >= MOST:
        raise _too_many()
    return range(first, last + 1)


def _merged(*rows: Iterable[ExchangeRow]) -> tuple[ExchangeRow, ...]:
    found = {row.id: row for each in rows for row in each}
    return tuple(found[number] for number in sorted(found))


def _too_many() -> PolicyError:
    return PolicyError(
        f"these are more than {MOST} exchanges", where="mark", mend="Mark those that show the finding"
    )
