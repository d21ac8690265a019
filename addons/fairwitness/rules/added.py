"""What a form added to a list: the server says no id, but the list has one more than before."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

from fairwitness.model.exchange import Exchange, Request
from fairwitness.rules.bounded import Recent
from fairwitness.rules.objects import Object, place_of

_LISTS = 256
_SHOWN_US = 60_000_000  # how long after the form the list may be shown
_BODY_BYTES = 128 << 10
_MOST = 500  # ids of one list
_REDIRECTS = frozenset([301, 302, 303])
_ID = (
    rb"/([0-9]{1,18}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{24,64})(?![0-9A-Za-z-])"
)

_List = tuple[str, str, str]
"""Site, path, account."""


class Added:
    """Lists that signed-in accounts look at, before and after they add to them.

    A class, because only who saw a list before knows what is new in it.  One new id is believed, several
    are not: others may have added them.
    """

    def __init__(self) -> None:
        self._shown: Recent[_List, frozenset[bytes]] = Recent(_LISTS)
        self._added_us: Recent[_List, int] = Recent(_LISTS)

    def sent(self, site: str, exchange: Exchange) -> None:
        """A form was sent; its answer may lead back to the list."""
        request, response = exchange.request, exchange.response
        if request.account is None or response is None or response.status not in _REDIRECTS:
            return
        try:
            path = urlsplit(urljoin(request.url, (response.header("location") or "")[:2048])).path
        except ValueError:
            return
        if request.path.startswith(path.rstrip("/")):
            self._added_us.put((site, path, request.account), exchange.ended_us)

    def shown(self, site: str, exchange: Exchange, *, is_named: Callable[[Object], bool]) -> Object | None:
        """A page was given; the object in it that its account has just made, where there is one."""
        request, response = exchange.request, exchange.response
        if request.account is None or response is None or request.method != "GET" or response.status != 200:
            return None
        if "html" not in (response.header("content-type") or ""):
            return None
        where = (site, request.path, request.account)
        ids = _ids_in(response.body[:_BODY_BYTES], request)
        before, added_us = self._shown.get(where), self._added_us.pop(where)
        self._shown.put(where, ids)
        if before is None or added_us is None or exchange.ended_us - added_us > _SHOWN_US:
            return None
        new = ids - before
        if len(new) != 1:
            return None
        place = place_of(request.raw_path.rstrip(b"/") + b"/" + next(iter(new)))
        made = place.objects[-1] if place.objects else None
        return made if made is not None and not is_named(made) else None


def _ids_in(body: bytes, request: Request) -> frozenset[bytes]:
    path = request.raw_path.rstrip(b"/")
    found = re.finditer(re.escape(path) + _ID, body)
    return frozenset(each[1] for _, each in zip(range(_MOST), found, strict=False))
