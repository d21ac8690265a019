"""Tests of fairwitness.rules.links."""

from __future__ import annotations

import pytest

from fairwitness.model.exchange import Exchange
from fairwitness.rules.links import ACTOR_BYTES, BODIES, BODY_BYTES, Bookshelf, Load, authority_of, body_of
from fairwitness.rules.testing import NOON_US, make_exchange, make_request

MINUTE = 60_000_000


def _load() -> Load:
    return Load(url="https://shop.test/a/list.html", origin="https://shop.test", loaded_us=NOON_US)


def _page(
    content: bytes, *, url: str = "https://shop.test/a/list.html", kind: bytes = b"text/html"
) -> Exchange:
    return make_exchange(make_request(url), headers=((b"content-type", kind),), body=content)


def _links(content: bytes, target: bytes, authority: bytes = b"shop.test") -> bool:
    body = body_of(_page(content), _load())
    assert body is not None
    return body.links(authority, target)


@pytest.mark.parametrize(
    ("content", "target"),
    [
        (b'<a href="/x">', b"/x"),
        (b"<a href='/x'>", b"/x"),
        (b"<a href=/x>", b"/x"),
        (b"<a href=/x", b"/x"),
        (b"url(/x)", b"/x"),
        (b"url( /x )", b"/x"),
        (b"fetch(`/x`)", b"/x"),
        (b'<img srcset="/s.png 1x, /x 2x">', b"/x"),
        (b'<a href="/x#top">', b"/x"),
        (b'{"u":"\\"/x\\""}', b"/x"),
        (b'<a href="https://shop.test/x">', b"/x"),
        (b'<a href="//shop.test/x">', b"/x"),
        (b'<a href="/">', b"/"),
        (b'<a href="x.png">', b"/a/x.png"),
        (b'<a href="./x.png">', b"/a/x.png"),
        (b'<a href="../x.png">', b"/x.png"),
        (b'<a href="../b/x.png">', b"/b/x.png"),
        (b'<a href="b/x.png">', b"/a/b/x.png"),
        (b'<a href="?page=2">', b"/a/?page=2"),
        (b'<a href="/x?a=1&amp;b=2">', b"/x?a=1&b=2"),
        (b'<a href="/x?a=1&b=2">', b"/x?a=1&b=2"),
    ],
)
def test_link_is_found(content: bytes, target: bytes) -> None:
    """Quoted, unquoted, in CSS and scripts, absolute and relative to the page's folder."""
    assert _links(content, target)


@pytest.mark.parametrize(
    ("content", "target"),
    [
        (b'<a href="/xy">', b"/x"),
        (b'<a href="/y/x">', b"/x"),
        (b'<a href="/x/y">', b"/x"),
        (b'<a href="/x?id=1">', b"/x?id=2"),
        (b'<a href="/x?id=1">', b"/x"),
        (b'<a href="/x">', b"/x?id=1"),
        (b'<a href="https://other.test/x">', b"/x"),
        (b'<a href="https://evil-shop.test/x">', b"/x"),
        (b'<a href="y/x.png">', b"/a/x.png"),
        (b"no link / at all", b"/admin"),
        (b'<a href="b">', b"/"),
        (b"", b"/x"),
    ],
)
def test_no_link_is_seen_where_there_is_none(content: bytes, target: bytes) -> None:
    """Part of another link, another host, another query value: not linked."""
    assert not _links(content or b"-", target)


def test_link_to_another_host_needs_its_name() -> None:
    """For another host only a link with its name counts, with its port where that is not the usual one."""
    content = b'<img src="https://cdn.test:8443/x"><img src="/y">'

    assert _links(content, b"/x", b"cdn.test:8443")
    assert not _links(content, b"/x", b"cdn.test")
    assert not _links(content, b"/y", b"cdn.test:8443")


def test_page_full_of_near_misses_is_given_up() -> None:
    """A page cannot make the search slow: after 64 near misses the answer is no."""
    assert not _links(b'"/xx' * 100_000 + b'"/x"', b"/x")


@pytest.mark.parametrize(
    ("scheme", "host", "port", "expected"),
    [
        ("https", "shop.test", 443, b"shop.test"),
        ("https", "shop.test", 80, b"shop.test:80"),
        ("http", "::1", 8080, b"[::1]:8080"),
    ],
)
def test_authority_is_written_as_in_links(scheme: str, host: str, port: int, expected: bytes) -> None:
    """The usual port is left out, an IPv6 address stands in brackets."""
    assert expected == authority_of(scheme, host, port)


@pytest.mark.parametrize(
    ("kind", "is_kept"),
    [
        (b"text/html; charset=utf-8", True),
        (b"TEXT/HTML", True),
        (b"text/css", True),
        (b"application/javascript", True),
        (b"image/png", False),
        (b"application/json", False),
        (b"", False),
    ],
)
def test_pages_style_sheets_and_scripts_are_kept(kind: bytes, is_kept: bool) -> None:
    """Polled JSON would push the pages out."""
    assert is_kept == (body_of(_page(b"x", kind=kind), _load()) is not None)


def test_of_a_huge_body_the_beginning_is_kept() -> None:
    """Memory and search are bounded."""
    body = body_of(_page(b"x" * (BODY_BYTES + 9)), _load())

    assert body is not None
    assert BODY_BYTES == len(body.content)


def test_shelf_keeps_the_newest_bodies() -> None:
    """The 65th body pushes the first one out, of its load too."""
    shelf, load = Bookshelf(), _load()
    for i in range(BODIES + 1):
        body = body_of(_page(b"x", url=f"https://shop.test/{i}"), load)
        assert body is not None
        shelf.put(body)

    assert (BODIES, None) == (len(load.bodies), shelf.get("https://shop.test/0"))


def test_shelf_is_bounded_in_bytes() -> None:
    """Large bodies push out more than one small one each."""
    shelf, load = Bookshelf(), _load()
    for i in range(20):
        body = body_of(_page(b"x" * BODY_BYTES, url=f"https://shop.test/{i}"), load)
        assert body is not None
        shelf.put(body)

    assert ACTOR_BYTES == sum(len(body.content) for body in load.bodies.values())


def test_same_url_again_replaces_and_moves_to_the_new_load() -> None:
    """A style sheet that every page loads is kept once."""
    shelf, first, second = Bookshelf(), _load(), _load()
    for load in (first, second):
        body = body_of(_page(b"x"), load)
        assert body is not None
        shelf.put(body)

    assert (0, 1) == (len(first.bodies), len(second.bodies))


def test_url_that_was_not_linked_is_looked_for_again_after_another_body() -> None:
    """A miss is remembered until something new is given."""
    shelf, load = Bookshelf(), _load()
    before = load.links(b"shop.test", b"/x", now_us=NOON_US, first="")
    body = body_of(_page(b'"/x"'), load)
    assert body is not None
    shelf.put(body)

    assert (False, True) == (before, load.links(b"shop.test", b"/x", now_us=NOON_US, first=""))


def test_link_counts_for_sixty_minutes() -> None:
    """From the moment on at which the page was given."""
    shelf, load = Bookshelf(), _load()
    body = body_of(_page(b'"/x" "/y"'), load)
    assert body is not None
    shelf.put(body)
    end_us = body.given_us + 60 * MINUTE

    assert (True, False) == (
        load.links(b"shop.test", b"/x", now_us=end_us, first=""),
        load.links(b"shop.test", b"/y", now_us=end_us + 1, first=""),
    )
