"""Which exchanges are searched for secrets beside those that are exported."""

from __future__ import annotations

from pathlib import Path

from fairwitness.cli.beside import Beside, beside, told
from fairwitness.evidence import Keep, Reader
from fairwitness.evidence.testing import ALLOWED, NOON_US, make_request, open_log
from fairwitness.model.record import LogFilter


def _beside(folder: Path, first: int, last: int) -> tuple[Beside, list[int]]:
    log = open_log(folder)
    for turn in range(4):
        request = make_request(at_us=NOON_US + turn)
        log.append_request(request, verdict=ALLOWED, released_us=NOON_US + turn, keep=Keep.WHOLE)
    log.commit_now()
    log.close(time_us=NOON_US + 9)
    with Reader.open(folder) as reader:
        wanted = LogFilter(first_id=first, last_id=last)
        found = beside(reader, reader.snapshot(wanted, lambda _row: True))
        return found, [each.row.id for each in found.records()]


def test_those_before_and_behind_are_searched(tmp_path: Path) -> None:
    """But not twice those that are shown."""
    found, ids = _beside(tmp_path, 2, 3)

    assert [1, 4] == ids
    assert told(found) is None


def test_nothing_shown(tmp_path: Path) -> None:
    """An empty export is none that needs telling."""
    found, _ = _beside(tmp_path, 99, 99)

    assert told(found) is None


def test_people_are_told_where_the_search_began(tmp_path: Path) -> None:
    """In a long log."""
    found, _ = _beside(tmp_path, 2, 3)
    later = Beside(4711, 9999, found.reader, found.shown)

    assert "Exchanges before 4711 were not searched for secrets that stand in these" == told(later)
