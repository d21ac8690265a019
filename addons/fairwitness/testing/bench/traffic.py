"""What the bench judges: an hour of ordinary browsing, and requests and answers that are meant to be slow."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count

from fairwitness.model.exchange import Exchange, Headers
from fairwitness.rules.testing import NOON_US, make_exchange, make_request

_GAP_US = 2_000_000  # under every limit: the ordinary case is that no rule speaks
_SITE = "https://shop.acme.test"
_AGENT = (
    b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
)
_HEAD: Headers = (
    (b"host", b"shop.acme.test"),
    (b"user-agent", _AGENT),
    (b"accept", b"application/json, text/plain, */*"),
    (b"accept-language", b"en-US,en;q=0.9"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"sec-fetch-site", b"same-origin"),
    (b"sec-fetch-mode", b"cors"),
    (b"sec-fetch-dest", b"empty"),
    (b"referer", b"https://shop.acme.test/products?page=2"),
    (b"cookie", b"sid=0f8fad5bd9cb469fa165708671218c43; theme=dark"),
    (b"x-bug-bounty", b"tester"),
)
_FORM: Headers = (*_HEAD, (b"content-type", b"application/x-www-form-urlencoded"))
_DATA: Headers = (*_HEAD, (b"content-type", b"application/json"))
_ANSWER: Headers = (
    (b"date", b"Tue, 24 Nov 2026 12:00:00 GMT"),
    (b"server", b"nginx"),
    (b"cache-control", b"private"),
    (b"vary", b"accept-encoding"),
)
_ITEMS = json.dumps(
    {"items": [{"id": at, "title": f"Item {at}", "price": 12.5, "tags": ["new", "red"]} for at in range(16)]}
).encode()
_EVENTS = b'{"number":%b,"events":[%b]}' % (
    b"%d",
    b",".join([b'{"kind":"view","page":"/products","ms":120}'] * 8),
)
_PAGE = b"<html><body>%b</body></html>" % b"".join(
    b'<div class="p"><a href="/products/%d">Product %d</a> some words of text</div>\n' % (at, at)
    for at in range(300)
)
_numbers = count(1)
_moments = count(step=_GAP_US)


def _asked(
    target: str,
    kind: bytes,
    answer: bytes,
    *,
    method: str = "GET",
    headers: Headers = _HEAD,
    sent: bytes = b"",
) -> Exchange:
    request = make_request(
        f"{_SITE}{target}", at_us=NOON_US + next(_moments), method=method, headers=headers, body=sent
    )
    return make_exchange(request, headers=((b"content-type", kind), *_ANSWER), body=answer)


_ORDINARY: dict[str, Callable[[int], Exchange]] = {
    "pages": lambda n: _asked(f"/products/{n % 60}", b"text/html; charset=utf-8", _PAGE),
    "pictures": lambda n: _asked(f"/static/p/{n}.svg", b"image/svg+xml", b"<svg/>" * 20),
    "lists in JSON": lambda n: _asked(f"/v2/feed?cursor={n}&limit=16", b"application/json", _ITEMS),
    "the same list": lambda n: _asked(f"/v2/stats?day={n % 7}", b"application/json", _ITEMS),
    "events in JSON": lambda n: _asked(
        "/v2/events", b"application/json", b'{"ok":true}', method="POST", headers=_DATA, sent=_EVENTS % n
    ),
    "forms": lambda n: _asked(
        "/cart",
        b"text/html",
        b"<p>thank you</p>",
        method="POST",
        headers=_FORM,
        sent=b"pid=%d&qty=1&note=hello+there" % n,
    ),
}


def ordinary(each: int) -> tuple[tuple[str, Exchange], ...]:
    """Pages, pictures, JSON and forms of one browser in turn, *each* times, with what each is.

    Addresses that count go on counting from call to call: what was remembered of one round helps the next no
    more than it would live.
    """
    first = next(_numbers) * len(_ORDINARY) * each
    return tuple((name, make(first + at)) for at in range(each) for name, make in _ORDINARY.items())


def _query(size: int) -> Exchange:
    number = next(_numbers)
    value = (f"{number}%27%20or%20(select%20" * size)[:size]
    return _asked(f"/search?q={value}", b"text/html", b"<p>none</p>")


def _deep(size: int) -> Exchange:
    sent = (b'{"a%d":[' % next(_numbers) + b'{"a":[' * size)[:size]
    return _asked("/v2/filter", b"text/html", b"", method="POST", headers=_DATA, sent=sent)


def _long_form(size: int) -> Exchange:
    sent = (b"".join(b"f%d=%%27or(1)&" % at for at in range(size // 12)) + b"n=%d" % next(_numbers))[-size:]
    return _asked("/cart", b"text/html", b"", method="POST", headers=_FORM, sent=sent)


def _long_value(size: int) -> Exchange:
    sent = (b"n=%d&text=" % next(_numbers) + b"(select%20'sleep(" * size)[:size]
    return _asked("/cart", b"text/html", b"", method="POST", headers=_FORM, sent=sent)


def _persons(size: int) -> Exchange:
    number = next(_numbers)
    one = b'{"id":%d,"email":"p%d.%d@mail.test","phone":"+49 170 %07d","token":"a"},'
    body = b"".join(one % (at, at, number, at) for at in range(size // 70))
    return _asked(f"/v2/people?page={number}", b"application/json", b'{"people":[%b0]}' % body)


def _cookies(size: int) -> Exchange:
    number = next(_numbers)
    value = b"; ".join(b"c%d=${%d'--" % (at, number) for at in range(size // 12))
    headers = (*(each for each in _HEAD if each[0] != b"cookie"), (b"cookie", value[:size]))
    return _asked("/", b"text/html", b"", headers=headers)


HOSTILE: dict[str, tuple[int, Callable[[int], Exchange]]] = {
    "a query of 8 KiB": (8 << 10, _query),
    "8 KiB of cookies": (8 << 10, _cookies),
    "deep JSON of 1 MiB": (1 << 20, _deep),
    "a form of 1 MiB": (1 << 20, _long_form),
    "a value of 64 KiB": (64 << 10, _long_value),
    "1 MiB of persons": (1 << 20, _persons),
}
"""By name: its size in bytes, and how one of any size is made; no two have the same values."""
