"""Who made a request: a page, a person or a tool.  Every doubt is a tool.

Sources:
    Sec-Fetch-* are set by browsers on https only, and no page can change them (Fetch Metadata, W3C).
    What each kind of request carries was seen with Chromium 156.
"""

from __future__ import annotations

from dataclasses import dataclass

from fairwitness.model.exchange import Exchange, Initiator, Metered, Request
from fairwitness.rules.bounded import Recent
from fairwitness.rules.browsing import Actor, Redirect
from fairwitness.rules.links import LINKED_US, Load, authority_of, body_of
from fairwitness.rules.redirects import redirect_target
from fairwitness.rules.traits import Traits, traits_of

_CANDIDATES = 16  # actors that navigated and have not shown yet that they load pages
_BROWSERS = 16  # actors that have: kept apart, so that a tool with many names cannot push them out
_WAITING = 4096  # requests whose response is still to come
_NOT_MODIFIED = 304

_Name = tuple[str, bytes, str, tuple[bytes, ...]]


@dataclass(frozen=True, slots=True)
class _Opinion:
    initiator: Initiator
    why: str
    page: str | None = None
    metered: Metered = Metered.TESTING


def _tool(why: str) -> _Opinion:
    return _Opinion(Initiator.TOOL, why)


class Initiators:
    """Tells who made each request, from what the actor was given and did before.

    A class, because a request of a page can only be told by the page that was loaded before it.  Call
    `judge` for every request in the order of their times, and `learn` after each response.  It sees the
    exchanges' own times only.  Its memory is bounded: at most 32 actors with 2 MiB of pages each.
    """

    def __init__(self) -> None:
        self._candidates: Recent[_Name, Actor] = Recent(_CANDIDATES)
        self._browsers: Recent[_Name, Actor] = Recent(_BROWSERS)
        self._loading: Recent[str, tuple[Actor, Load]] = Recent(_WAITING)

    def judge(self, request: Request, *, in_scope: bool) -> Request:
        """The request with its initiator, why, its page and the meter that it counts on.

        A page's request counts on the browsing meter, or on none where it is a GET that the page linked,
        once a page load.  Faked headers gain no more than that.
        """
        traits = traits_of(request)
        opinion = self._opinion(request, traits, in_scope=in_scope)
        return request.judged(
            initiator=opinion.initiator,
            initiator_why=opinion.why,
            page=opinion.page,
            metered=opinion.metered,
        )

    def learn(self, exchange: Exchange, *, in_scope: bool) -> None:
        """Keep what a browser was given, to look for links in it when it follows one."""
        waiting = self._loading.pop(exchange.request.exchange)
        response = exchange.response
        if waiting is None or response is None or not in_scope:
            return
        actor, load = waiting
        request = exchange.request
        target = redirect_target(exchange) if request.initiator is Initiator.PAGE else None
        if target is not None:
            is_free = request.metered is Metered.FREE
            actor.redirects.put(target, Redirect(load, is_free, request.received_us + LINKED_US))
        if response.status == _NOT_MODIFIED:
            body = actor.shelf.again(request.url, load, given_us=exchange.ended_us)
        else:
            body = body_of(exchange, load)
        if body is not None:
            actor.shelf.put(body)

    def _opinion(self, request: Request, traits: Traits, *, in_scope: bool) -> _Opinion:
        name = _name_of(request, traits)
        actor = self._browsers.get(name) or self._candidates.get(name)
        if traits.is_websocket:
            return self._websocket(request, traits)
        if traits.has_sec_fetch and not traits.is_secure:
            self._forget(name)
            return _tool("sends Sec-Fetch headers over plain http, which no browser does")
        if traits.has_sec_fetch and not traits.is_coherent:
            return _tool("its Sec-Fetch headers contradict each other")
        if traits.is_secure and not traits.has_sec_fetch:
            return _tool("sends no Sec-Fetch headers over https, which every browser does")
        if traits.is_secure:
            return self._by_metadata(request, traits, name, actor, in_scope=in_scope)
        return self._by_referer(request, traits, name, actor, in_scope=in_scope)

    def _websocket(self, request: Request, traits: Traits) -> _Opinion:
        for (client, agent, *_), actor in self._browsers.items():
            if client == _client_of(request) and agent == traits.user_agent:
                load = actor.load_of(traits.origin)
                if load is not None:
                    return _Opinion(
                        Initiator.PAGE, "WebSocket with a loaded page's Origin", load.url, Metered.BROWSING
                    )
        return _tool("WebSocket without the Origin of a page that a browser loaded")

    def _by_metadata(
        self, request: Request, traits: Traits, name: _Name, actor: Actor | None, *, in_scope: bool
    ) -> _Opinion:
        is_document = traits.mode == b"navigate" and traits.dest == b"document"
        if is_document and traits.user == b"?1":
            page = self._open(request, name, actor, traits, in_scope=in_scope)
            return _Opinion(Initiator.PERSON, "navigation by the user (Sec-Fetch-User)", page)
        if traits.site == b"none":
            return _tool("the browser's own call, asked for by no page")
        if actor is None:
            return _tool("Sec-Fetch headers, but no page was loaded by this actor before")
        return self._page_made(request, traits, name, actor, in_scope=in_scope, is_document=is_document)

    def _by_referer(
        self, request: Request, traits: Traits, name: _Name, actor: Actor | None, *, in_scope: bool
    ) -> _Opinion:
        if traits.is_html_navigation:
            known = actor.load_of(traits.referer) if actor and traits.referer else None
            hurried = actor is not None and actor.is_hurried(request.received_us)
            if actor is not None and actor.is_browser and hurried and known is not None:
                return self._page_made(request, traits, name, actor, in_scope=in_scope, is_document=True)
            page = self._open(request, name, actor, traits, in_scope=in_scope)
            return _Opinion(Initiator.PERSON, "navigation over plain http, so by a person or a script", page)
        if actor is None:
            return _tool("no page was loaded by this actor before")
        if not (traits.speaks or traits.is_preflight):
            return _tool("lacks Accept-Language or a compressing Accept-Encoding, which every browser sends")
        return self._page_made(request, traits, name, actor, in_scope=in_scope, is_document=False)

    def _page_made(
        self,
        request: Request,
        traits: Traits,
        name: _Name,
        actor: Actor,
        *,
        in_scope: bool,
        is_document: bool,
    ) -> _Opinion:
        now_us = request.received_us
        named = traits.referer or traits.origin or traits.ping_from
        redirect = actor.redirects.pop(request.url)
        if redirect is not None and now_us > redirect.until_us:
            redirect = None
        load = redirect.load if redirect else self._load(actor, named, now_us)
        if load is None:
            return self._foreign(actor, named, traits)
        # A script puts the query of its fetch together: looking for that in large scripts finds nothing.
        is_built = traits.dest == b"empty" and traits.mode != b"navigate" and b"?" in request.target
        may_be_linked = request.method == "GET" and not (is_document or is_built)
        authority = authority_of(request.scheme, request.host, request.port)
        linked = may_be_linked and (
            (redirect is not None and redirect.is_free)
            or load.links(authority, request.target, now_us=now_us, first=named)
        )
        if not named and not linked and redirect is None and not traits.has_sec_fetch:
            return _tool("plain http without Referer or Origin, and no loaded page links its URL")
        self._loading.put(request.exchange, (actor, load))
        if not self._is_browser(request, traits, name, actor, linked=linked):
            return _tool("its actor has not yet loaded what a page links, as a browser would")
        if is_document:
            self._loading.put(request.exchange, (actor, actor.open_page(request, of=load)))
        why = f"{_kind(traits)} of a loaded page"
        if redirect is not None:
            why = "redirect of what a loaded page asked for"
        if linked and in_scope and load.take(authority + request.target):
            return _Opinion(Initiator.PAGE, f"{why}, which links it", load.url, Metered.FREE)
        return _Opinion(Initiator.PAGE, why, load.url, Metered.BROWSING)

    @staticmethod
    def _load(actor: Actor, named: str, now_us: int) -> Load | None:
        return actor.load_of(named) if named else actor.latest_load(now_us)

    @staticmethod
    def _foreign(actor: Actor, named: str, traits: Traits) -> _Opinion:
        if actor.is_browser and traits.has_sec_fetch and named:
            return _Opinion(
                Initiator.PAGE,
                "asked for by a page that is out of scope or long gone",
                named,
                Metered.BROWSING,
            )
        return _tool("no page in scope that this actor loaded asked for it")

    def _is_browser(
        self, request: Request, traits: Traits, name: _Name, actor: Actor, *, linked: bool
    ) -> bool:
        if actor.is_browser:
            return True
        is_icon = request.target == b"/favicon.ico" and traits.accept.startswith(b"image/")
        if not (linked or is_icon):
            return False
        actor.proofs.add(request.target)
        # Over https one is enough, since all of its Sec-Fetch headers have to fit; Accept alone is weaker.
        if len(actor.proofs) >= (1 if traits.has_sec_fetch else 2):
            actor.is_browser = True
            actor.proofs.clear()
            self._candidates.pop(name)
            self._browsers.put(name, actor)
        return actor.is_browser

    def _open(
        self, request: Request, name: _Name, actor: Actor | None, traits: Traits, *, in_scope: bool
    ) -> str | None:
        """Begin a page load; the page that led to it, where that is known."""
        page = actor.load_of(traits.referer) if actor and traits.referer else None
        if in_scope:
            if actor is None:
                actor = Actor()
                self._candidates.put(name, actor)
            self._loading.put(request.exchange, (actor, actor.open_page(request)))
        return page.url if page else None

    def _forget(self, name: _Name) -> None:
        self._browsers.pop(name)
        self._candidates.pop(name)


def _client_of(request: Request) -> str:
    return f"{request.client.label or ''}@{request.client.address}"


def _name_of(request: Request, traits: Traits) -> _Name:
    """Who acts, as far as its TLS and its headers tell.

    Of a JA4 only the middle part counts, the ciphers: the others change with ALPN, so that a browser's
    WebSocket would be a stranger.
    """
    ja4 = request.client.ja4 or ""
    ciphers = ja4.split("_")[1] if ja4.count("_") == 2 else ja4
    return _client_of(request), traits.user_agent, ciphers, traits.order


def _kind(traits: Traits) -> str:
    if traits.is_preflight:
        return "CORS preflight"
    if traits.ping_from:
        return "ping"
    if traits.mode == b"navigate":
        return "frame or script navigation"
    if traits.dest not in {b"", b"empty"}:
        return traits.dest.decode("latin-1", "replace")[:20]
    return "fetch" if traits.dest else "sub-request"
