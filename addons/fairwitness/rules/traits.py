"""What a request's headers say about the program that sent it, read in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from fairwitness.model.exchange import Request
from fairwitness.model.head import Head

_READ = (
    b"user-agent",
    b"accept",
    b"referer",
    b"origin",
    b"ping-from",
    b"sec-fetch-site",
    b"sec-fetch-mode",
    b"sec-fetch-dest",
    b"sec-fetch-user",
    b"upgrade",
    b"upgrade-insecure-requests",
    b"accept-language",
    b"accept-encoding",
)
_ORDERED = frozenset((b"user-agent", b"accept-language", b"accept-encoding"))
_SITES = frozenset({b"none", b"same-origin", b"same-site", b"cross-site"})
_MODES = frozenset({b"navigate", b"cors", b"no-cors", b"same-origin", b"websocket"})
_DOCUMENTS = frozenset({b"document", b"iframe", b"frame", b"object", b"embed", b"fencedframe", b"empty"})
_PAGES = _DOCUMENTS - {b"empty", b"object", b"embed"}
_ACCEPTS = {  # what the browser asks for, by the kind of sub-resource, where that is telling
    b"image": b"image/",
    b"style": b"text/css",
}
_URL_BYTES = 8192  # a longer Referer or Origin is no URL that a browser sends


@dataclass(frozen=True)
class Traits:
    """The headers that tell a browser's requests apart; an absent one is empty.

    Without slots, so that what follows from them is worked out once for all requests that have them.
    """

    user_agent: bytes
    accept: bytes
    referer: str
    origin: str
    ping_from: str
    site: bytes
    mode: bytes
    dest: bytes
    user: bytes
    is_secure: bool
    """https, or a host that browsers trust like it: Sec-Fetch-* is sent there and only there."""
    is_websocket: bool
    is_preflight: bool
    upgrades: bool
    """Upgrade-Insecure-Requests: 1, which goes with navigations only."""
    speaks: bool
    """Accept-Language and gzip in Accept-Encoding: browsers send both with all that a page asks for."""
    order: tuple[bytes, ...]
    """Order of User-Agent, Accept-Language and Accept-Encoding: the same in all requests of one browser."""

    @cached_property
    def has_sec_fetch(self) -> bool:
        """Whether any of the three is there."""
        return bool(self.site or self.mode or self.dest)

    @cached_property
    def is_coherent(self) -> bool:
        """Whether the Sec-Fetch headers fit together as a browser sets them."""
        if self.site not in _SITES or self.mode not in _MODES or not self.dest:
            return False
        if self.mode == b"navigate":
            return self.dest in _DOCUMENTS and self.user in {b"", b"?1"}
        if self.user or self.dest in _PAGES:
            return False
        return self.accept.startswith(_ACCEPTS.get(self.dest, b""))

    @property
    def is_html_navigation(self) -> bool:
        """A navigation as it looks without Sec-Fetch."""
        return self.upgrades and self.accept.startswith(b"text/html")


def traits_of(request: Request) -> Traits:
    """Read a request's telling headers; of a repeated one the first counts."""
    head = request.head
    place = (
        request.scheme in {"https", "wss"} or _is_trusted_like_https(request.host),
        request.scheme in {"ws", "wss"},
        request.method == "OPTIONS" and b"access-control-request-method" in head.first_values,
    )
    known = head.of(_by_place)
    traits = known.get(place)
    if traits is None:
        traits = known[place] = _traits(head, *place)
    return traits


def _by_place(_: Head) -> dict[tuple[bool, bool, bool], Traits]:
    """The traits of these headers where they were sent so far."""
    return {}


def _traits(head: Head, is_secure: bool, is_websocket: bool, is_preflight: bool) -> Traits:
    agent, accept, referer, origin, ping_from, site, mode, dest, user, upgrade, upgrades, language, coding = (
        head.first_values.get(name, b"") for name in _READ
    )
    return Traits(
        user_agent=agent,
        accept=accept,
        referer=_url(referer),
        origin=_url(origin),
        ping_from=_url(ping_from),
        site=site,
        mode=mode,
        dest=dest,
        user=user,
        is_secure=is_secure,
        is_websocket=is_websocket or upgrade.lower() == b"websocket",
        is_preflight=is_preflight,
        upgrades=upgrades == b"1",
        speaks=bool(language) and b"gzip" in coding,
        order=tuple([name for name in head.first_values if name in _ORDERED]),
    )


def _url(value: bytes) -> str:
    return value.decode("latin-1") if len(value) <= _URL_BYTES else ""


@lru_cache(maxsize=512)
def _is_trusted_like_https(host: str) -> bool:
    lower = host.lower()
    return lower == "localhost" or lower.endswith(".localhost") or lower.startswith("127.") or lower == "::1"
