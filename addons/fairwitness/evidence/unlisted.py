"""What in-scope pages asked for and did not get, since it is on no list."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from fairwitness.evidence.view import View, rows_of
from fairwitness.model.exchange import Initiator

_USUAL_PORTS = (None, 80, 443)


def unlisted_of(view: View) -> Iterator[tuple[str, str, int]]:
    """Host, page URL, count; the host carries its port where that is neither 80 nor 443."""
    where = "decision = 'block' AND scope_list IS NULL AND initiator = :page AND page IS NOT NULL"
    counts: dict[tuple[str, str], int] = {}
    for row in rows_of(view, where, {"page": Initiator.PAGE.value}):
        key = (_with_port(row.host, row.url), row.page or "")
        counts[key] = counts.get(key, 0) + row.times
    for (host, page), count in counts.items():
        yield host, page, count


def _with_port(host: str, url: str) -> str:
    try:
        port = urlsplit(url).port
    except ValueError:
        return host
    return host if port in _USUAL_PORTS else f"{host}:{port}"
