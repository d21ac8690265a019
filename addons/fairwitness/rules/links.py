"""Which URLs a page linked, looked up in its bytes only when somebody asks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from fairwitness.model.exchange import STANDARD_PORTS, Exchange

BODIES = 64  # kept an actor
BODY_BYTES = 256 << 10  # of each body: links of a page stand early, and a search costs its length
ACTOR_BYTES = 2 << 20  # of all bodies of one actor
LINKED_US = 60 * 60_000_000  # how long a link counts
FREE_A_LOAD = 300  # requests that one page load gets for free

_TRIES = 64  # occurrences looked at: a page may be full of them on purpose
_KINDS = (b"text/html", b"application/xhtml", b"text/css", b"text/javascript", b"application/javascript")
_BEFORE = frozenset(b"\"'`(= \t\r\n,>;\\")
_AFTER = frozenset(b"\"'`) \t\r\n,><#\\")
_MISSED = 512  # known not to be linked, a load; whoever asks for more builds its URLs, so no search is made


@dataclass(slots=True)
class Load:
    """One load of a page: what it was given, and what it asked for and got for free."""

    url: str
    origin: str
    loaded_us: int
    taken: set[bytes] = field(default_factory=set)
    """URLs that went for free; each goes once a load."""
    bodies: dict[str, Body] = field(default_factory=dict)
    """By URL, the page itself and its style sheets, scripts and frames."""
    missed: set[bytes] = field(default_factory=set)
    """URLs, and last parts of paths, that none of the bodies has; forgotten when another body comes."""

    def take(self, url: bytes) -> bool:
        """Whether the URL may still go for free in this load; yes uses it up."""
        if url in self.taken or len(self.taken) >= FREE_A_LOAD:
            return False
        self.taken.add(url)
        return True

    def links(self, authority: bytes, target: bytes, *, now_us: int, first: str) -> bool:
        """Whether something given in this load links a URL; *first* is the likeliest body's own URL."""
        url = authority + target
        name = target.split(b"?", 1)[0].rsplit(b"/", 1)[-1]
        if url in self.missed or name in self.missed or len(self.missed) >= _MISSED:
            return False
        bodies = [body for body in self.bodies.values() if now_us - body.given_us <= LINKED_US]
        bodies.sort(key=lambda body: body.url != first)
        # Every spelling of a link ends with the last part of its path: one search rules most bodies out.
        likely = [body for body in bodies if not name or name in body.content]
        if any(body.links(authority, target) for body in likely):
            return True
        self.missed.add(url if likely else name)
        return False


@dataclass(frozen=True, slots=True)
class Body:
    """A page, style sheet or script that was given to an actor."""

    url: str
    host: str
    authority: bytes
    directory: bytes
    """Path up to and with the last slash: what its relative links are relative to."""
    content: bytes
    given_us: int
    load: Load

    def links(self, authority: bytes, target: bytes) -> bool:
        """Whether it contains a link to *target* of the host *authority*, in any usual spelling."""
        for form in {target, target.replace(b"&", b"&amp;")}:
            if self._has(b"//" + authority + form, before=b""):
                return True
            if authority != self.authority:
                continue
            if self._has(form, before=_BEFORE):
                return True
            if self._has_relative(form):
                return True
        return False

    def _has_relative(self, target: bytes) -> bool:
        here, there = self.directory.split(b"/")[:-1], target.split(b"?", 1)[0].split(b"/")[:-1]
        shared = 0
        while shared < min(len(here), len(there)) and here[shared] == there[shared]:
            shared += 1
        rest = b"/".join(target.split(b"/")[shared:]) if shared else target
        up = len(here) - shared
        if not rest or rest == target:
            return False
        return self._has(b"../" * up + rest, before=_BEFORE) or (
            not up and self._has(b"./" + rest, before=_BEFORE)
        )

    def _has(self, needle: bytes, *, before: frozenset[int] | bytes) -> bool:
        content = self.content
        place = content.find(needle)
        for _ in range(_TRIES):
            if place < 0:
                return False
            end = place + len(needle)
            is_start = not before or (place > 0 and content[place - 1] in before)
            if is_start and (end == len(content) or content[end] in _AFTER):
                return True
            place = content.find(needle, place + 1)
        return False


def body_of(exchange: Exchange, load: Load) -> Body | None:
    """The body of a response that may hold links; None for other kinds and for empty ones."""
    request, response = exchange.request, exchange.response
    if response is None or not response.body:
        return None
    kind = response.kind.encode("latin-1", "replace")
    if not kind.startswith(_KINDS):
        return None
    path = request.raw_path
    return Body(
        url=request.url,
        host=request.host,
        authority=authority_of(request.scheme, request.host, request.port),
        directory=path[: path.rfind(b"/") + 1] or b"/",
        content=response.body[:BODY_BYTES],
        given_us=exchange.ended_us or response.ended_us,
        load=load,
    )


def authority_of(scheme: str, host: str, port: int) -> bytes:
    """``example.com`` or ``example.com:8443``, as links spell it."""
    bare = f"[{host}]" if ":" in host else host
    is_standard = port == STANDARD_PORTS.get(scheme)
    return (bare if is_standard else f"{bare}:{port}").encode("latin-1", "replace")


class Bookshelf:
    """The bodies of one actor, the oldest dropped first."""

    __slots__ = ("_bodies", "_bytes")

    def __init__(self) -> None:
        self._bodies: dict[str, Body] = {}
        self._bytes = 0

    def put(self, body: Body) -> None:
        """Keep a body; it replaces an older one of the same URL."""
        self._drop(body.url)
        self._bodies[body.url] = body
        self._bytes += len(body.content)
        body.load.bodies[body.url] = body
        body.load.missed.clear()
        while len(self._bodies) > BODIES or self._bytes > ACTOR_BYTES:
            self._drop(next(iter(self._bodies)))

    def get(self, url: str) -> Body | None:
        """What this actor was given last for a URL."""
        return self._bodies.get(url)

    def again(self, url: str, load: Load, *, given_us: int) -> Body | None:
        """The body that a client has still and that was not sent again, now for another load."""
        body = self._bodies.get(url)
        return replace(body, load=load, given_us=given_us) if body is not None else None

    def _drop(self, url: str) -> None:
        body = self._bodies.pop(url, None)
        if body is not None:
            self._bytes -= len(body.content)
            body.load.bodies.pop(url, None)
