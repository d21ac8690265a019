"""What a host's answers name: a path that some page or script links is nobody's guess."""

from __future__ import annotations

from dataclasses import dataclass, field

from fairwitness.model.exchange import Exchange, Request
from fairwitness.rules.bounded import Recent
from fairwitness.rules.endpoint import host_of
from fairwitness.rules.links import Bookshelf, Load, authority_of, body_of

_HOSTS = 16  # with at most 2 MiB of pages each


@dataclass(slots=True)
class _Shelf:
    load: Load
    books: Bookshelf = field(default_factory=Bookshelf)


class Given:
    """The pages, style sheets and scripts that each host has given lately, whoever asked for them.

    A class, because whether a path is a guess depends on what was given before.  Nothing is parsed: a path
    is looked up in their bytes when somebody wants to know.
    """

    def __init__(self) -> None:
        self._hosts: Recent[str, _Shelf] = Recent(_HOSTS)

    def learn(self, exchange: Exchange) -> None:
        """Keep an answer that may hold links."""
        request = exchange.request
        if exchange.response is None or exchange.response.status >= 300:
            return
        shelf = self._hosts.get(host_of(request))
        if shelf is None:
            shelf = _Shelf(Load(url=request.url, origin="", loaded_us=request.received_us))
            self._hosts.put(host_of(request), shelf)
        body = body_of(exchange, shelf.load)
        if body is not None:
            shelf.books.put(body)

    def links(self, request: Request) -> bool:
        """Whether an answer of this host in the last hour links what the request asks for."""
        shelf = self._hosts.get(host_of(request))
        if shelf is None:
            return False
        authority = authority_of(request.scheme, request.host, request.port)
        return shelf.load.links(authority, request.target, now_us=request.received_us, first="")
