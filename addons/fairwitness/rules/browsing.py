"""One actor that may be a browser: the pages it loaded, and whether it behaves as one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from fairwitness.model.exchange import Request
from fairwitness.rules.bounded import Recent
from fairwitness.rules.links import LINKED_US, Bookshelf, Load, authority_of

_LOADS = 32
_REDIRECTS = 256
_HURRIED = 3  # navigations within a second: no person clicks so fast, a page with frames does
_SECOND_US = 1_000_000


@dataclass(slots=True)
class Redirect:
    """Where a response sent a page's request on to."""

    load: Load
    is_free: bool
    until_us: int


@dataclass(slots=True)
class Actor:
    """What is known of one client, User-Agent and TLS stack."""

    loads: deque[Load] = field(default_factory=lambda: deque(maxlen=_LOADS))
    shelf: Bookshelf = field(default_factory=Bookshelf)
    redirects: Recent[str, Redirect] = field(default_factory=lambda: Recent(_REDIRECTS))
    navigated: deque[int] = field(default_factory=lambda: deque(maxlen=_HURRIED))
    proofs: set[bytes] = field(default_factory=set)
    """Linked sub-resources that it fetched as a browser would, until they are enough."""
    is_browser: bool = False

    def load_of(self, url: str) -> Load | None:
        """The load that a Referer or Origin belongs to: that very body's, else its origin's latest.

        However old: a tab that is left open goes on asking.
        """
        body = self.shelf.get(url)
        if body is not None:
            return body.load
        origin = origin_of(url)
        for load in reversed(self.loads):
            if load.origin == origin:
                return load
        return None

    def latest_load(self, now_us: int) -> Load | None:
        """The page that was loaded last, not more than an hour ago."""
        if self.loads and now_us - self.loads[-1].loaded_us <= LINKED_US:
            return self.loads[-1]
        return None

    def open_page(self, request: Request, *, of: Load | None = None) -> Load:
        """A navigation that begins now; one that a page began shares what its page may have for free."""
        origin = (
            f"{request.scheme}://{authority_of(request.scheme, request.host, request.port).decode('latin-1')}"
        )
        load = Load(url=request.url, origin=origin, loaded_us=request.received_us)
        if of is not None:
            load.taken = of.taken
        self.loads.append(load)
        return load

    def is_hurried(self, now_us: int) -> bool:
        """Whether this navigation follows others closer than a person can click; counts it."""
        self.navigated.append(now_us)
        return len(self.navigated) == _HURRIED and now_us - self.navigated[0] < _SECOND_US


def origin_of(url: str) -> str:
    """``https://example.com`` of a URL as browsers write it in headers."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{rest.split('/', 1)[0]}" if mark else ""
