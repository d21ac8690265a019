"""Who left which trail: observes every exchange of every actor, once for all rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from fairwitness.detect import ToolKind, probe_in, tool_in
from fairwitness.model.exchange import Exchange, Initiator, Request
from fairwitness.model.head import Head
from fairwitness.rules.bounded import Recent
from fairwitness.rules.endpoint import skeleton
from fairwitness.rules.given import Given
from fairwitness.rules.hello import contradicts
from fairwitness.rules.hints import Hint, hints_in
from fairwitness.rules.reading import Reading, Tried
from fairwitness.rules.trail import HAND_US, READING_US, WALK_US, Kind, Trail

_TRAILS = 64
_OPEN = 1024  # exchanges whose trail is known
_STACKS = 64
_DISGUISES = 5  # User-Agents of one and the same program; from then on they are one actor
_ALL = b"\0"  # stands for every User-Agent of such a program
_MISSING = frozenset({404, 410})
_REFUSED = frozenset({405, 501})
_DENIED = frozenset({401, 403})
_BAD = frozenset({400, 406, 414, 422, 431})
_ODD = re.compile(rb"//|/\.|\.\.|[;\\]|%(?:2[ef]|5c|0|20|25)|[.~*]/?$", re.IGNORECASE)
_BETWEEN = re.compile(rb"[/.;~*\\\s\x00]+")
_SPELLINGS = 64
_NO_FIELD = re.compile(
    rb"Cannot query field|Unknown (?:argument|type|field)|undefinedField|doesn't exist on type"
)
_PRETENDING = frozenset(  # headers that say from where, for whom or to what a request goes
    b"""
    client-ip origin true-client-ip x-client-ip x-custom-ip-authorization x-forwarded x-forwarded-by
    x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-server x-host x-http-method-override
    x-original-url x-originating-ip x-override-url x-real-ip x-remote-addr x-remote-ip x-rewrite-url
    """.split()
)
_ALIKE = 8  # different unlinked paths with one and the same answer: it means "no such thing"
_PATH_BYTES = 512  # of a path whose spelling is looked at
_MANY_NAMES = 40
_STROLL = 8  # addresses in 10 s: below that nobody looks whether pages link them
_NAMES = 200
_UNUSUAL = frozenset({"TRACE", "TRACK", "DEBUG", "QUERY"})
_USUAL = re.compile(
    r"GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|PROPFIND|PROPPATCH|MKCOL|COPY|MOVE|LOCK|UNLOCK|REPORT"
    r"|SEARCH|MKCALENDAR|ACL|BIND|REBIND|UNBIND|CHECKOUT|MERGE|PURGE|LINK|UNLINK"
)
_SECRET_NAMES = ("pass", "pwd", "otp", "pin", "code", "token", "csrf", "nonce", "user", "mail", "login")
_BROWSERS = (b"Chrome/", b"Firefox/", b"Safari/")
_LOCAL = ("127.", "localhost", "[::1]")


class Trails:
    """The trails of the actors that were seen last, what pages asked for apart.

    A class, because a trail grows from exchange to exchange.
    """

    def __init__(self) -> None:
        self._trails: Recent[tuple[str, bool], Trail] = Recent(_TRAILS)
        self._stacks: Recent[object, dict[bytes, str]] = Recent(_STACKS)
        self._of: Recent[str, tuple[str, Trail]] = Recent(_OPEN)
        self._latest: tuple[str, tuple[str, Trail]] | None = None
        self.given = Given()

    def of(self, request: Request) -> Trail:
        """The trail of who makes a request."""
        latest = self._latest
        if latest is not None and latest[0] == request.exchange:
            return latest[1][1]
        return self._found(request)[1]

    def name_of(self, request: Request) -> str:
        """The actor; a program that changes its User-Agent again and again is one."""
        return self._found(request)[0]

    def _found(self, request: Request) -> tuple[str, Trail]:
        latest = self._latest
        if latest is not None and latest[0] == request.exchange:
            return latest[1]
        found = self._of.get(request.exchange)
        if found is None:
            name = self._name(request)
            is_page = request.initiator is Initiator.PAGE
            trail = self._trails.get_or_make((name, is_page), lambda: Trail(is_page=is_page))
            found = name, trail
            self._of.put(request.exchange, found)
        self._latest = request.exchange, found
        return found

    def look(self, request: Request, reading: Reading) -> None:
        """Observe a request, whatever becomes of it."""
        trail, now_us = self.of(request), request.received_us
        tool = reading.tool
        if tool is not None and tool.kind is ToolKind.SCANNER:
            trail.tool = tool.name
        label = request.client.label
        if label and trail.tool is None:
            named = tool_in(((b"user-agent", label.encode("utf-8", "replace")),))
            if named is not None and named.kind is ToolKind.SCANNER:
                trail.tool = named.name
        self._look_at_names(trail, request, reading)
        sure = reading.sure_attacks
        if sure:
            self._look_at_payloads(trail, request, sure)
        if Hint.CALLS_BACK in hints_in(request.target) or (
            request.body and Hint.CALLS_BACK in hints_in(request.body)
        ):
            trail.note(Kind.CALLBACK, "", now_us)
        if _is_unusual(request.method):
            trail.note(Kind.METHOD, request.method, now_us)
        self._look_at_address(trail, request, reading)

    def _look_at_payloads(self, trail: Trail, request: Request, sure: Sequence[Tried]) -> None:
        """What people try by hand is a payload too, but none of it is hurried or crowded."""
        now_us = request.received_us
        if any(tried.place == "path" for tried in sure):
            trail.odd_paths.put(request.path, True)
        is_in_headers = any(tried.place == "header" for tried in sure)
        told = hash(request.headers) if is_in_headers else 0
        what = (request.method, request.target, hash(request.body), told)
        trail.note(Kind.PAYLOAD, what, now_us)
        families = {tried.attack.family for tried in sure}
        is_crowded = len(families) > 1 and len({tried.name for tried in sure}) > 2
        is_hurried = now_us - trail.tried_us < HAND_US
        trail.tried_us, trail.tried_by = now_us, request.exchange
        if is_crowded:
            trail.note(Kind.CROWDED, request.target, now_us)
        if is_hurried:
            trail.note(Kind.HURRIED, what, now_us)
        if is_crowded or is_hurried:
            for family in families:
                trail.note(Kind.FAMILY, family, now_us)

    def _look_at_address(self, trail: Trail, request: Request, reading: Reading) -> None:
        now_us, path = request.received_us, request.path
        trail.note(Kind.ASKED, (request.host, request.target), now_us)
        if path not in trail.given and probe_in(path.encode("latin-1")) and not self.given.links(request):
            trail.note(Kind.PROBE, (request.host, path), now_us)
        if _ODD.search(request.raw_path):
            self._look_at_spelling(trail, request)
        headers = reading.headers
        for name in _PRETENDING & headers.keys():
            trail.note(Kind.PRETENCE, (name, headers[name][:200]), now_us)
        agent = headers.get(b"user-agent", b"")
        if not _is_browser(agent):
            return
        has_fetch = b"sec-fetch-mode" in headers
        if b"accept-language" not in headers:
            trail.traits.add("a browser's User-Agent without Accept-Language")
        if request.scheme == "http" and has_fetch and not request.host.startswith(_LOCAL):
            trail.traits.add("Sec-Fetch headers over plain http")
        if request.scheme == "https" and not has_fetch:
            trail.traits.add("a browser's User-Agent without Sec-Fetch headers")
        client = request.client
        if client.ja4 and contradicts(client.ja4, agent=agent.decode("latin-1"), label=client.label):
            trail.traits.add("a browser's User-Agent with the TLS hello of a library")
        if not has_fetch and b"referer" not in headers:
            trail.note(Kind.UNREFERRED, (request.host, request.target), now_us)

    def _look_at_spelling(self, trail: Trail, request: Request) -> None:
        """Spelling one path in one way after another is how filters are got round."""
        raw = request.raw_path[:_PATH_BYTES]
        plain = _BETWEEN.sub(b"/", unquote_to_bytes(raw)).strip(b"/").lower()
        spelled = trail.spelled.get_or_make((request.host, plain), set)
        if len(spelled) < _SPELLINGS:
            spelled.add(raw)
        if len(spelled) > 1:
            trail.note(Kind.SPELLING, (request.host, raw), request.received_us)

    def _look_at_names(self, trail: Trail, request: Request, reading: Reading) -> None:
        now_us = request.received_us
        fields = reading.fields
        if not fields:
            return
        place = f"{reading.host}{request.path[:200]}"
        names = {field.name for field in fields if field.name}
        if len(names) >= _MANY_NAMES and not request.body:
            trail.note(Kind.NAMES, request.target, now_us)
            return
        known = trail.names.get(place)
        if known is None:
            trail.names.put(place, names)
        else:
            for name in names - known:
                trail.note(Kind.NAME, (place, name), now_us)
            if len(known) < _NAMES:
                known |= names
        for _, name, value in fields[:20]:
            if value and not value.isdigit() and not _is_secret(name):
                trail.note(Kind.VALUE, (place, name, value[:200]), now_us)

    def learn(self, exchange: Exchange) -> None:
        """Observe what an answer says of its request."""
        request, response = exchange.request, exchange.response
        if response is None:
            return
        trail, now_us = self.of(request), exchange.ended_us
        path, status = request.path, response.status
        if request.exchange == trail.tried_by:
            trail.tried_us = max(trail.tried_us, now_us - HAND_US + READING_US)
        if status in _DENIED:
            who = request.first_values.get(b"authorization")
            trail.note(Kind.DENIED, (request.method, request.host, request.target, hash(who)), now_us)
        if status in _REFUSED:
            trail.note(Kind.REFUSED, (request.method, request.host, path), now_us)
        elif status in _BAD or (request.method == "POST" and _is_unknown_field(path, response.body)):
            trail.note(Kind.BAD, (request.host, request.target, hash(request.body)), now_us)
        elif status >= 500:
            trail.note(Kind.ERROR, (request.host, request.target, hash(request.body)), now_us)
        elif path in trail.given:
            pass
        elif path in trail.odd_paths:
            pass  # nobody thought that there was such a place
        elif status in _MISSING or self._says_the_same(trail, exchange):
            if not self.given.links(request):
                trail.note(Kind.MISS, (request.host, _folded(path)), now_us)
        elif status < 400:
            trail.given.put(path, True)
        if request.initiator is not Initiator.PAGE and status == 200 and request.method == "GET":
            self._look_at_crawl(trail, exchange)
        self.given.learn(exchange)

    def _look_at_crawl(self, trail: Trail, exchange: Exchange) -> None:
        """Pages that earlier answers link, asked for by what loads no part of them."""
        request, now_us = exchange.request, exchange.request.received_us
        if trail.count(Kind.ASKED, now_us, span_us=WALK_US) < _STROLL:
            return
        if exchange.response is None or "html" not in exchange.response.kind:
            return
        if (self.name_of(request), True) not in self._trails and self.given.links(request):
            trail.note(Kind.FOLLOWED, (request.host, request.target), now_us)
            trail.note(Kind.PLACE, (request.host, _folded(request.path)), now_us)

    def _says_the_same(self, trail: Trail, exchange: Exchange) -> bool:
        """Whether many paths that nobody linked are answered alike, as a site does that never says 404."""
        request, response = exchange.request, exchange.response
        if response is None or request.method not in {"GET", "HEAD"} or response.status in {304, 401}:
            return False
        location = response.header("location")
        if location is None and "html" not in (response.header("content-type") or ""):
            return False
        shown = response.body[:16384].replace(request.path.encode("latin-1"), b"")
        key = (request.host, response.status, location or hash(shown))
        paths = trail.alike.get_or_make(key, set)
        if len(paths) <= _ALIKE and request.path not in paths and not self.given.links(request):
            paths.add(request.path)
        return len(paths) > _ALIKE

    def _name(self, request: Request) -> str:
        if request.client.label:
            return request.actor
        order = request.head.of(_order)
        stack = (request.client.address, request.client.ja4, order)
        actors = self._stacks.get_or_make(stack, dict)
        known = actors.get(_ALL)
        if known is not None:
            return known
        agent = request.first_values.get(b"user-agent", b"")[:300]
        if agent in actors:
            return request.actor
        first = next(iter(actors.values()), None)
        is_one = len(actors) >= _DISGUISES or len({_is_browser(each) for each in (*actors, agent)}) > 1
        actors[_ALL if is_one else agent] = first or request.actor
        return first if is_one and first else request.actor


def _is_unknown_field(path: str, body: bytes) -> bool:
    """Whether GraphQL says that there is no such field, which it does with 200."""
    return "graphql" in path.lower() and _NO_FIELD.search(body[:4096]) is not None


def _folded(path: str) -> str:
    """A path whose ids are folded; a number that stands below nothing is the id of nothing."""
    return path if path.count("/") == 1 else skeleton(path.encode("latin-1"))


def _order(head: Head) -> tuple[bytes, ...]:
    return tuple([name for name, _ in head.headers[:12] if len(name) != len(b"cookie")])


@lru_cache(maxsize=256)
def _is_unusual(method: str) -> bool:
    return method in _UNUSUAL or not _USUAL.fullmatch(method)


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET_NAMES)


@lru_cache(maxsize=256)
def _is_browser(agent: bytes) -> bool:
    return agent.startswith(b"Mozilla/5.0 (") and any(each in agent for each in _BROWSERS)
